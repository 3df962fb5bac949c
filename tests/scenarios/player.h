// Plays one scenario: a Pool, its shell and the world around both, in simulated time.
//
// Threads run in the order in which they stand in the file, each until it has to wait. What is due in one
// instant happens in the order in which it was planned; limits of the pool that run out in that instant come
// after everything else, or before it where the scenario says `timers: first`. So a scenario has one course.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connmgr/core/pool.h"
#include "tests/scenarios/scenario.h"

namespace connmgr::scenarios {

// One line of what happened: an event, or a note of what a thread did.
struct Happening {
  Duration at{};                // since the scenario began
  const Word* event = nullptr;  // nothing: a note
  std::vector<std::pair<std::string_view, std::string>> details;
  std::string note;
};

struct Played {
  std::vector<Happening> happened;
  std::string failure;  // FILE:LINE:COLUMN: why it could not be played to its end; empty: it was
  std::vector<std::string> differences;  // of the final counts, with their places
};

class Player {
 public:
  explicit Player(const Scenario& scenario);
  Played play();

  static bool can(std::string_view action) { return action_of(action) != nullptr; }

  const std::vector<Happening>& happened() const { return played_.happened; }

 private:
  static constexpr TimePoint kBegin = TimePoint{} + std::chrono::hours(1);  // no time of the pool's is zero
  Duration elapsed() const { return now_ - kBegin; }

  // A request, or an offer to an Input node, under its label.
  struct Use {
    enum class State { waiting, granted, refused, cancelled, returned } state = State::waiting;
    StreamChange other = StreamChange::leave_unchanged;
    Ticket ticket;
    Grant grant;
    std::vector<Reservation> until_flow_end;
  };
  // A connection under its number.
  struct Wire {
    ConnectionRef connection;
    ConnectionId id;
    bool attempting = false;  // the peer has not answered yet
    bool closing = false;
    int ends = 0;  // how often the end has been planned: a later plan makes the earlier ones void
    CloseCause cause = CloseCause::peer;
  };
  // A thread of the scenario, and what it waits for.
  struct Running {
    const Thread* thread = nullptr;
    std::size_t next = 0;  // its next step
    enum class Waits { no, for_start, for_time, for_request, for_event, for_thread } waits = Waits::no;
    std::string for_whom;
    std::uint64_t count = 0;
    bool done() const { return next == thread->steps.size() && waits == Waits::no; }
  };

  // player.cpp: time and threads
  void run_to_end();
  void run_timers();
  void plan(Duration after, std::function<void()> what);
  bool is_started(const std::string& thread) const;
  void go_on(std::size_t thread);
  void wake(Running::Waits waits, std::string_view for_whom, std::uint64_t count = 0);
  void block(Running::Waits waits, std::string_view for_whom, std::uint64_t count = 0);
  bool all_done() const;
  [[noreturn]] void fail(Position where, const std::string& why) const;
  [[noreturn]] void fail_stuck() const;
  void compare_counts();
  void compare_connection(const FinalConnection& expected);
  void wind_down();
  void note(std::string text);
  void record(std::string_view event, std::initializer_list<std::string> details);

  // player_steps.cpp, player_doings.cpp: what threads do, a function for each action
  void step(const Sentence& sentence);
  void acquire(const Sentence& sentence);
  void request(const Sentence& sentence);
  void await_request(const Sentence& sentence);
  void cancel(const Sentence& sentence);
  void release(const Sentence& sentence);
  void change(const Sentence& sentence);
  void undo(const Sentence& sentence);
  void end_flow(const Sentence& sentence);
  void subscribe(const Sentence& sentence);
  void unsubscribe(const Sentence& sentence);
  void bytes_arrive(const Sentence& sentence);
  void peer_closes(const Sentence& sentence);
  void break_connection(const Sentence& sentence);
  void close(const Sentence& sentence);
  void connect_succeeds(const Sentence& sentence);
  void connect_fails(const Sentence& sentence);
  void admit(const Sentence& sentence);
  void grant_permit(const Sentence& sentence);
  void refuse_permit(const Sentence& sentence);
  void change_peer(const Sentence& sentence);
  void start(const Sentence& sentence);
  void pause(const Sentence& sentence);
  void resume(const Sentence& sentence);
  void purge(const Sentence& sentence);
  void stop(const Sentence& sentence);
  void abort_all(const Sentence& sentence);
  void apply(const Sentence& sentence);
  void wait(const Sentence& sentence);
  void wait_until(const Sentence& sentence);
  void wait_for(const Sentence& sentence);
  void start_thread(const Sentence& sentence);
  void join(const Sentence& sentence);

  using Doing = void (Player::*)(const Sentence&);
  static Doing action_of(std::string_view word);
  void sleep(Duration duration);
  Ask ask_of(const Sentence& sentence);
  Use& use_of(const Sentence& sentence);
  Use& granted_use(const Sentence& sentence, Use::State wanted = Use::State::granted);
  std::uint64_t number_in(const Sentence& sentence);  // of the connection that it names
  std::uint64_t number_in(const Written& target);

  // player_world.cpp: what the pool asks for, and what the world answers
  void carry_out();
  void carry_out(const Action& action);
  void begin_attempt(const Action& action, bool with_answer);
  void grant(const Action& action);
  void refuse(const Action& action);
  void offer(const Action& action);
  void begin_end(const Action& action);
  void answer(std::uint64_t number, bool succeeds, Errc reason);
  std::uint64_t meet(const Grant& grant);  // a connection that is new to us
  std::uint64_t number_of(ConnectionRef connection) const;
  std::string label_of(Ticket ticket) const;
  void granted(const std::string& label, const Grant& grant, Duration waited);

  const Scenario& scenario_;
  Pool pool_;
  PeerBehaviour peer_;
  std::size_t next_answer_ = 0;
  TimePoint now_;
  std::multimap<TimePoint, std::function<void()>> agenda_;
  std::vector<Running> threads_;
  std::size_t current_ = 0;  // the thread that does a step now
  std::map<std::string, Use, std::less<>> uses_;
  std::map<std::string, SubscriptionId, std::less<>> nodes_;
  std::map<std::uint32_t, std::uint64_t> offers_;  // by subscription: how many so far
  std::map<std::uint64_t, Wire> wires_;
  std::map<std::string_view, std::uint64_t> seen_;  // events
  std::int64_t permits_out_ = 0;
  bool recording_ = true;
  Played played_;
};

}  // namespace connmgr::scenarios

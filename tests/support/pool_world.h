// A pool and its shell as one value: what is in flight, who holds what, who waits. The shell's own books are
// kept from answers and actions alone, so they find the pool wrong where the pool finds itself right.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "connmgr/core/pool.h"
#include "tests/support/pool_exploration.h"

namespace connmgr::test {

struct Event {
  enum class Kind : std::uint8_t {
    ask,
    cancel,
    give_back,
    release,
    modify,
    opened,
    open_failed,
    closed,
    admit,
    data_arrived,
    input_ended,
    broken,
    close,
    permit_granted,
    permit_refused,
    on_time,
    subscribe,
    unsubscribe,
    pause,
    resume,
    stop,
    abort_all,
    retire_all,
    set_maximum
  };
  Kind kind = Kind::ask;
  std::uint8_t which = 0;  // place in the list it is about
  std::uint8_t how = 0;    // variant

  std::string text() const;
};

class World {
 public:
  explicit World(const Scenario& scenario);

  std::vector<Event> possible_events() const;
  void apply(const Event& event);
  std::uint64_t fingerprint() const;

  // For a world that has several pools, and a budget of its own in place of the permit events.
  Pool& pool() noexcept { return pool_; }
  const Pool& pool() const noexcept { return pool_; }
  TimePoint now() const noexcept { return now_; }
  void set_now(TimePoint now) noexcept { now_ = now; }
  void carry_out_actions();  // after a call of the pool from outside
  void permits_asked_are(std::uint32_t count) noexcept { permits_asked_ = count; }
  std::uint32_t permits_held() const noexcept { return permits_held_; }
  std::size_t connections() const noexcept { return connections_.size(); }

 private:
  // What the shell knows of a connection.
  struct Known {
    enum class Stage : std::uint8_t { attempted, abandoned, open, ending };
    Stage stage = Stage::attempted;
    ConnectionRef connection;
    ConnectionId id;
    std::array<bool, 2> held{};
    std::array<std::uint32_t, 2> reservation{};
    bool ended_by_peer = false;
    bool unread = false;
    TimePoint moved{};  // when it was last used, or bytes came
  };
  struct Held {
    ConnectionRef connection;
    Direction direction = Direction::input;
  };
  struct Waiting {
    Ticket ticket;
    Ask ask;
  };

  TimePoint expiry(const Known& known) const;
  bool retiring(const Known& known) const;
  std::vector<Ask> asks() const;
  void carry_out(const Action& action);
  void on_grant(const Grant& grant, const Ask& ask);
  void note(const Reservation& reservation);
  void end_reservations(Known& known);
  bool could_have(const Known& known, const Ask& ask) const;
  void check_nobody_waits_in_vain() const;
  void check_views() const;
  void probe();
  Known* find(ConnectionRef connection);

  Scenario scenario_;
  Pool pool_;
  TimePoint now_{};
  std::vector<Known> connections_;
  std::vector<Held> held_;
  std::vector<Waiting> waiting_;
  std::vector<SubscriptionId> subscriptions_;
  std::uint32_t permits_asked_ = 0;
  std::uint32_t permits_held_ = 0;
  struct Dead {
    ConnectionId id;
    Errc told = Errc::unknown_connection;
  };
  std::vector<Dead> dead_;  // connections that have ended: their ids are told apart from any other
  bool stopped_ = false;
};

}  // namespace connmgr::test

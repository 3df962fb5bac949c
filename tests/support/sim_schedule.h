// Made-up time and what is to happen in it. Nothing happens by itself: whoever runs the schedule takes
// the next event, and among events due at the same time the seed decides, so that wakes of different
// shards, deliveries and timers meet in every order over many seeds and in one order for each.
//
// An event is either *work* (something under way: a delivery, a wake) or a *timer* (something that only
// time brings: a deadline, a retry). The world is quiet when no work is left.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <thread>
#include <tuple>

#include "connmgr/core/time.h"
#include "connmgr/core/unique_function.h"
#include "tests/support/sim_random.h"

namespace connmgr::testing {

using SimAction = UniqueFunction<void(), 96>;

// What a trace line is about: "link 3 client". The texts are literals.
struct SimSubject {
  const char* kind = "world";
  std::uint32_t number = 0;
  const char* part = "";
};

class SimSchedule;

// An event that its owner waits for. Destroying it, or giving it another, cancels it.
class SimEvent {
 public:
  SimEvent() = default;
  SimEvent(SimEvent&& other) noexcept { *this = std::move(other); }
  SimEvent& operator=(SimEvent&& other) noexcept;
  ~SimEvent() { cancel(); }

  void cancel() noexcept;
  bool pending() const noexcept;  // false from the moment it happens

 private:
  friend class SimSchedule;
  using Key = std::tuple<TimePoint, std::uint64_t, std::uint64_t>;  // when, the seed's choice, number

  SimSchedule* schedule_ = nullptr;
  Key key_;
};

class SimSchedule {
 public:
  explicit SimSchedule(std::uint64_t seed);
  ~SimSchedule();
  SimSchedule(const SimSchedule&) = delete;
  SimSchedule& operator=(const SimSchedule&) = delete;

  enum class Kind : std::uint8_t { work, timer };

  TimePoint now() const noexcept { return now_; }
  std::uint64_t seed() const noexcept { return seed_; }
  SimRandom& random() noexcept { return random_; }

  // At `when`, or now if that has passed. Dropping the result cancels the event.
  [[nodiscard]] SimEvent at(TimePoint when, Kind kind, SimAction action);
  // An event without an owner: it holds what it needs.
  void surely_at(TimePoint when, Kind kind, SimAction action);

  bool idle() const noexcept { return events_.empty(); }
  bool quiet() const noexcept { return work_ == 0 && next_time() > now_; }
  TimePoint next_time() const noexcept;  // kNever: nothing is to happen
  void step();                           // the next event, now or later
  void pass_to(TimePoint when);          // nothing is due before it
  std::uint64_t steps() const noexcept { return steps_; }

  // One line of the story, for a failing test. The last ones are kept; all count for the fingerprint.
  void note(const SimSubject& subject, const char* what, std::uint64_t amount = 0);
  std::string trace() const;
  std::uint64_t fingerprint() const noexcept { return fingerprint_; }

 private:
  friend class SimEvent;
  struct Event {
    Kind kind;
    SimAction action;
  };
  struct Line {
    TimePoint at;
    SimSubject subject;
    const char* what;
    std::uint64_t amount;
  };

  SimEvent::Key add(TimePoint when, Kind kind, SimAction action);
  void mix(std::uint64_t value) noexcept;
  void mix(const char* text) noexcept;

  const std::uint64_t seed_;
  SimRandom random_;
  const std::thread::id thread_ = std::this_thread::get_id();
  const TimePoint start_;
  TimePoint now_;
  std::map<SimEvent::Key, Event> events_;
  std::size_t work_ = 0;
  std::uint64_t numbers_ = 0;
  std::uint64_t steps_ = 0;
  std::deque<Line> lines_;
  std::uint64_t fingerprint_ = 0xcbf29ce484222325;
};

}  // namespace connmgr::testing

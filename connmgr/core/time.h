// Monotonic time as the core knows it: told as an argument, never asked for (SPEC T7).
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace connmgr {

using Duration = std::chrono::nanoseconds;

// The clock of all timers, ages and waits. It has no now(): only a Shard knows the time, and in a
// simulated world that time is made up.
struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock, duration>;
  static constexpr bool is_steady = true;
};
using TimePoint = MonotonicClock::time_point;

// A wait without end (SPEC L2: must be written `never`) and the deadline that goes with it.
inline constexpr Duration kForever = Duration::max();
inline constexpr TimePoint kNever = TimePoint::max();

// Saturates, so that kForever from any moment is kNever.
constexpr TimePoint deadline_after(TimePoint now, Duration wait) {
  return wait >= kNever - now ? kNever : now + wait;
}

}  // namespace connmgr

#include "connmgr/core/retry_schedule.h"

#include <algorithm>

namespace connmgr {
namespace {

TimePoint after(TimePoint now, double nanoseconds) {
  // Half the range of Duration is 146 years: enough, and the conversion cannot overflow.
  const double most = static_cast<double>(kForever.count() / 2);
  return deadline_after(now, Duration(static_cast<Duration::rep>(std::clamp(nanoseconds, 0.0, most))));
}

double nanoseconds(Duration duration) {
  return static_cast<double>(duration.count());
}

}  // namespace

void RetrySchedule::failed(const RetrySettings& settings, TimePoint now) {
  const double longest = nanoseconds(std::max(settings.max_delay, settings.max_delay_with_waiters));
  delay_ = failures_ == 0 ? nanoseconds(settings.delay) : std::min(delay_ * settings.backoff, longest);
  ++failures_;
  const double spread = 1 + settings.jitter * (2 * chance() - 1);
  next_ = after(now, std::min(delay_, nanoseconds(settings.max_delay)) * spread);
  next_with_waiters_ = after(
      now, std::min({delay_, nanoseconds(settings.max_delay), nanoseconds(settings.max_delay_with_waiters)}) *
               spread);
}

void RetrySchedule::reset() noexcept {
  failures_ = 0;
  next_ = TimePoint::min();
  next_with_waiters_ = TimePoint::min();
}

// SplitMix64 (Steele, Lea and Flood, 2014): the state is one word, so the schedule stays a small value.
double RetrySchedule::chance() {
  std::uint64_t z = (random_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

}  // namespace connmgr

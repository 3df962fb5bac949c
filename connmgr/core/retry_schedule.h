// When the next attempt to reach a peer may start (SPEC C2): each failure makes the delay longer, up to a
// limit that is lower while somebody waits; a share of chance spreads the attempts of many pools.
#pragma once

#include <cstdint>

#include "connmgr/core/limits.h"
#include "connmgr/core/time.h"

namespace connmgr {

class RetrySchedule {
 public:
  explicit RetrySchedule(std::uint64_t seed) : random_(seed) {}

  void failed(const RetrySettings& settings, TimePoint now);
  void reset() noexcept;  // the peer has been reached, and stayed

  std::uint32_t failures() const noexcept { return failures_; }  // since the last reset
  // From when on an attempt may start. The past when nothing has failed.
  TimePoint next_attempt(bool somebody_waits) const noexcept {
    return somebody_waits ? next_with_waiters_ : next_;
  }

 private:
  double chance();  // from 0 to 1

  std::uint64_t random_;
  std::uint32_t failures_ = 0;
  double delay_ = 0;  // nanoseconds, before limits and chance
  TimePoint next_ = TimePoint::min();
  TimePoint next_with_waiters_ = TimePoint::min();
};

}  // namespace connmgr

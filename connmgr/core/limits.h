// What governs a pool: plain values with the defaults of SPEC section 4 and 7. Changing them is one call
// of Pool::apply, also with waiters present.
#pragma once

#include <cstdint>

#include "connmgr/core/time.h"

namespace connmgr {

// Which of several available streams a request without an id gets (SPEC S1).
enum class Selection : std::uint8_t { most_recent, least_recent, round_robin };

// When the next attempt to reach a peer that is down may start (SPEC C2).
struct RetrySettings {
  Duration delay = std::chrono::milliseconds(100);
  double backoff = 1.6;
  Duration max_delay = std::chrono::seconds(30);
  Duration max_delay_with_waiters = std::chrono::seconds(2);
  double jitter = 0.2;  // each delay is spread by this share, up and down

  friend bool operator==(const RetrySettings&, const RetrySettings&) = default;
};

// A client pool opens connections itself; a server pool gets them from its listener and never opens one
// (SPEC G6).
enum class PoolRole : std::uint8_t { client, server };

struct PoolSettings {
  PoolRole role = PoolRole::client;
  std::uint32_t min_connections = 0;     // client: opened ahead of need (G7)
  std::uint32_t max_connections = 100;   // 0: unlimited (L1)
  std::uint32_t max_kept = UINT32_MAX;   // more than this, and one that comes back closes (L12)
  std::uint32_t max_connecting = 2;      // client: attempts under way at once (L5)
  std::uint32_t max_waiters = 10000;     // (L3)
  Duration connection_timeout = std::chrono::seconds(180);  // 0: do not wait; kForever: never give up (L2)
  Duration reservation_expiry = std::chrono::minutes(15);   // nothing moved on a reserved one (S8)
  Selection selection = Selection::most_recent;
  RetrySettings retry;
  bool with_permits = false;             // each connection needs a permit of a budget first (L7)

  friend bool operator==(const PoolSettings&, const PoolSettings&) = default;
};

}  // namespace connmgr

// What a pool tells its budget (SPEC L7): for whom it wants permits, and what it could give up for others.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "connmgr/core/time.h"

namespace connmgr {

struct PermitNeeds {
  // More than a pool asks for at a time; the rest follows when these have come.
  static constexpr std::size_t kMostWants = 16;

  // One for each permit it wants: since when the request behind it waits, the longest first. kNever: nobody
  // waits, it is for the minimum.
  std::array<TimePoint, kMostWants> waiting_since{};
  std::uint32_t wants = 0;
  std::uint32_t idle = 0;         // open, with nobody at either stream
  TimePoint idle_since = kNever;  // of the one that may be given up: unused for longest; kNever: none may
  std::uint32_t closing = 0;      // their permits come back soon

  friend bool operator==(const PermitNeeds&, const PermitNeeds&) = default;
};

}  // namespace connmgr

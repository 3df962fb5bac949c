// Which connections ended because their reservation expired (SPEC S8): so that a late use of such an id is
// told why, for an hour, and for the last 65536 of them. After that it is an id like any unknown one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

#include "connmgr/core/ids.h"
#include "connmgr/core/time.h"

namespace connmgr {

class ExpiredIds {
 public:
  static constexpr Duration kKept = std::chrono::hours(1);
  static constexpr std::size_t kMost = 65536;

  // Each connection once. Times never go back.
  void add(ConnectionRef connection, TimePoint now) {
    while (!in_order_.empty() && (in_order_.size() == kMost || is_old(since_.at(in_order_.front()), now))) {
      since_.erase(in_order_.front());
      in_order_.pop_front();
    }
    in_order_.push_back(key_of(connection));
    since_.emplace(key_of(connection), now);
  }

  bool contains(ConnectionRef connection, TimePoint now) const {
    const auto found = since_.find(key_of(connection));
    return found != since_.end() && !is_old(found->second, now);
  }

 private:
  static std::uint64_t key_of(ConnectionRef connection) noexcept {
    return std::uint64_t{connection.slot} << 32 | connection.generation;
  }
  static bool is_old(TimePoint since, TimePoint now) noexcept { return now - since >= kKept; }

  std::deque<std::uint64_t> in_order_;  // oldest first
  std::unordered_map<std::uint64_t, TimePoint> since_;
};

}  // namespace connmgr

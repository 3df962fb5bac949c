// A pool and its budget (SPEC L7): what it wants, and what it gives up. See budget.h.
#include <algorithm>

#include "connmgr/core/pool.h"

namespace connmgr {

PermitNeeds Pool::permit_needs() const {
  PermitNeeds needs;
  needs.idle = gauges_.open - gauges_.used;
  needs.closing = gauges_.closing;
  if (const SlotIndex index = longest_idle(); index != kNoSlot) {
    needs.idle_since = std::max(slots_[index].streams[0].since, slots_[index].streams[1].since);
  }
  if (state_ != PoolState::running) return needs;  // a paused one opens nothing
  // Whoever wanted a connection may have been served, or have gone: nobody else is to close one for that.
  const std::uint32_t under_way = gauges_.connecting - permits_wanted_;
  const Demand d = demand();
  const std::uint32_t wanted = std::min(permits_wanted_, missing(connecting_wanted(d), under_way));
  needs.wants = std::min(wanted, static_cast<std::uint32_t>(PermitNeeds::kMostWants));

  // The attempts under way are for the requests that have waited longest, the permits for those after them.
  std::array<std::uint32_t, kAnyQueues> next{};
  for (int queue = 0; queue < kAnyQueues; ++queue) next[queue] = queues_[queue].front();
  for (int both = 0; both < 2; ++both) {
    if (stream_there(both)) next[kWithData + both] = kNoIndex;  // they wait for bytes, not for a connection
  }
  const auto take_oldest = [&] {
    std::uint32_t* oldest = nullptr;
    for (std::uint32_t& place : next) {
      while (place != kNoIndex && !waiters_[place].ask.may_open) place = waiters_[place].links.after;
      if (place == kNoIndex) continue;
      if (oldest == nullptr || waiters_[place].ticket < waiters_[*oldest].ticket) oldest = &place;
    }
    if (oldest == nullptr) return kNever;
    const Waiter& waiter = waiters_[*oldest];
    *oldest = waiter.links.after;
    return waiter.since;
  };
  for (std::uint32_t i = 0; i < under_way; ++i) take_oldest();
  const std::uint32_t for_requests = missing(connections_for_requests(d), under_way);
  for (std::uint32_t i = 0; i < needs.wants; ++i) {
    needs.waiting_since[i] = i < for_requests ? take_oldest() : kNever;
  }
  return needs;
}

// Both streams available and unused, and nothing to read. The shelf keeps what came back last in front.
SlotIndex Pool::longest_idle() const noexcept {
  SlotIndex longest = kNoSlot;
  TimePoint unused_since = kNever;
  for (const auto& of_one_shard : shelves_) {
    std::uint32_t index = of_one_shard[kBoth].back();
    while (index != kNoIndex && slots_[index].unread) index = slots_[index].links[kBoth].before;
    if (index == kNoIndex) continue;
    const TimePoint since = std::max(slots_[index].streams[0].since, slots_[index].streams[1].since);
    if (since >= unused_since) continue;
    longest = index;
    unused_since = since;
  }
  return longest;
}

bool Pool::give_up_idle(TimePoint now) {
  const SlotIndex index = longest_idle();
  if (index == kNoSlot) return false;
  retire(index, CloseCause::given_up, now);
  return true;
}

}  // namespace connmgr

// Connections that end by the clock. Nothing is noted here for each use: the times of a connection are
// looked at when its deadline comes, and that is put off by what has happened since.
#include <algorithm>

#include "connmgr/core/pool.h"

namespace connmgr {

// --- reservations that expire (S8) ----------------------------------------------------------------------

void Pool::watch_reservation(SlotIndex index, bool reserved_now, TimePoint now) {
  if (reserved_now) {
    expiries_.set(index, expiry_of(slots_[index], now), slots_[index].number);
  } else {
    expiries_.erase(index);
  }
}

// When it expires if nothing moves. A stream in use is a use for as long as it lasts; while nobody uses the
// connection, bytes can only arrive, and the pool is told of them.
TimePoint Pool::expiry_of(const Slot& slot, TimePoint now) const noexcept {
  const bool used = in_use(slot.streams[0].state) || in_use(slot.streams[1].state);
  const TimePoint moved =
      used ? now : std::max({slot.streams[0].since, slot.streams[1].since, slot.arrived_at});
  return deadline_after(moved, settings_.reservation_expiry);
}

void Pool::expire_reservations(TimePoint now) {
  while (expiries_.earliest() <= now) {
    const DeadlineHeap::Entry top = expiries_.top();
    const TimePoint due = expiry_of(slots_[top.item], now);
    if (due != top.at) {
      expiries_.set(top.item, due, top.order);
      continue;
    }
    expired_ids_.add({top.item, slots_[top.item].generation}, now);
    begin_close(top.item, CloseCause::expired, Action::Kind::close, now);
  }
}

}  // namespace connmgr

// Mistakes that somebody could make in the pool, each planted by a switch into a copy of its sources: a test
// shows that the exploration would find every one. The product's own sources know nothing of this.
//
// In connmgr/core/`file`, the first `right` after `place` becomes `(fault_is(n) ? wrong : right)`; a `right`
// that is a whole statement becomes an if. `place` must be there exactly once: who changes the code is told
// when the test is built, and adapts the list.
#pragma once

#include <iterator>
#include <string_view>

namespace connmgr::test {

struct PlantedFault {
  std::string_view name;  // what goes wrong, as a sentence
  std::string_view file;
  std::string_view place;
  std::string_view right;
  std::string_view wrong;
};

inline constexpr PlantedFault kPlantedFaults[] = {
    // streams
    {"AReservedStreamGoesToAnybody", "pool.cpp",
     "const bool input =", "slot.streams[at(Direction::input)].state == StreamState::available_free",
     "!in_use(slot.streams[at(Direction::input)].state)"},
    {"TheWrongStreamIsReserved", "pool.cpp", "grant.other_reservation =", "other(ask.direction)",
     "ask.direction"},
    {"OneFreeStreamIsEnoughForBoth", "pool_waiters.cpp", "bool Pool::serves(",
     "in_use(slot.streams[at(other(ask.direction))].state)", "false"},
    {"AnOldReservationsEndReleasesANewOne", "pool.cpp", "void Pool::release(",
     "slot->streams[at(reservation.direction)].reservation != reservation.number", "false"},
    {"WhatIsLeftUnreadIsForgotten", "pool.cpp", "Reserved Pool::give_back(", "how.unread", "false"},
    {"InputNodesComeBeforeAReceive", "pool_waiters.cpp", "void Pool::serve(SlotIndex", "oldest_for(index)",
     "(offer_unread(index, now), oldest_for(index))"},

    // ids
    {"SecretsAreNotCompared", "pool.cpp", "Pool::find(const ConnectionId", "slot->secret != id.secret",
     "false"},
    {"ASlotUsedAgainKeepsItsGeneration", "pool_connections.cpp", "SlotIndex Pool::new_slot(",
     "slots_[index].generation + 1", "slots_[index].generation"},

    // waiting
    {"AReturnedStreamWakesNobody", "pool_waiters.cpp", "void Pool::serve(SlotIndex", "gauges_.waiting != 0",
     "false"},
    {"TheYoungestIsServedFirst", "pool_waiters.cpp", "std::uint32_t Pool::oldest_for(",
     "waiters_[front].ticket < waiters_[oldest].ticket", "waiters_[front].ticket > waiters_[oldest].ticket"},
    {"ALateRequestGoesToTheFront", "pool_waiters.cpp", "Answer Pool::wait(", "line_of(waiter).push_back",
     "line_of(waiter).push_front"},
    {"ACancelledRequestKeepsItsDeadline", "pool_waiters.cpp", "void Pool::remove_waiter(",
     "limits_.erase(index);", ""},
    {"NobodyIsToldOfTheDeadline", "pool_waiters.cpp", "TimePoint Pool::next_deadline(", "limits_.earliest()",
     "kNever"},
    {"APausedPoolHandsOut", "pool_waiters.cpp", "Answer Pool::acquire_or_wait(",
     "state_ == PoolState::running", "true"},
    {"WhoWaitsForADeadConnectionIsForgotten", "pool_connections.cpp", "void Pool::begin_close(",
     "refuse_by_id(slot, errc_of_end(cause), now);", ""},

    // limits
    {"ClosingConnectionsDoNotCount", "pool_connections.cpp", "Demand Pool::demand(", "gauges_.counted()",
     "gauges_.counted() - gauges_.closing"},
    {"ARaisedMaximumWakesNobody", "pool.cpp", "  shrink(now);", "meet_demand(now);", ""},
    {"ALoweredMaximumIsNeverNoticed", "pool_connections.cpp", "void Pool::came_back(", "over_maximum()",
     "false"},
    {"TheMinimumIsForgotten", "pool_connections.cpp", "void Pool::meet_demand(",
     "usable_ + gauges_.connecting >= settings_.min_connections", "true"},
    {"ManyAttemptsAgainstADeadPeer", "pool_connections.cpp", "d.peer_down =", "peer_down_", "false"},
    {"APermitOutlivesTheMaximum", "pool_connections.cpp", "void Pool::permit_granted(", "!room", "false"},
    {"AFailedAttemptKeepsItsPermit", "pool_connections.cpp", "void Pool::open_failed(", "slot->has_permit",
     "false"},

    // ends
    {"ADyingConnectionIsHandedOut", "pool.cpp", "std::uint8_t Pool::shelves_of(",
     "slot.state != ConnectionState::open",
     "slot.state != ConnectionState::open && slot.state != ConnectionState::closing"},
    {"ARetiringConnectionIsHandedOut", "pool.cpp", "std::uint8_t Pool::shelves_of(", "slot.retiring",
     "false"},
    {"ThePeersCloseEndsAReservation", "pool_connections.cpp", "bool Pool::may_close_now(",
     "any_reserved(slot.streams)", "false"},
    {"AReservationExpiresWhileInUse", "pool_lifetime.cpp",
     "const bool used =", "in_use(slot.streams[0].state) || in_use(slot.streams[1].state)", "false"},
    {"AUseDoesNotPutTheExpiryOff", "pool_lifetime.cpp", "const TimePoint due =", "due != top.at", "false"},
    {"BytesDoNotPutTheExpiryOff", "pool_connections.cpp", "  slot->unread = true;", "slot->arrived_at = now;",
     ""},
    {"AnExpiredIdIsForgotten", "pool_lifetime.cpp", "void Pool::expire_reservations(",
     "expired_ids_.add({top.item, slots_[top.item].generation}, now);", ""},
    {"NobodyIsToldOfTheExpiry", "pool_waiters.cpp", "TimePoint earliest = std::min({retry_wake_",
     "expiries_.earliest()", "kNever"},
    {"TheLastUserLeavesASlotBehind", "pool.cpp", "const bool last =", "slot->state == ConnectionState::ended",
     "false"},

    // budgets: from here on found by the exploration of two pools with one budget
    {"AFloorIsNotKeptFree", "budget.cpp", "Budget::Member* Budget::next_to_grant() {", "kept_free()", "0u"},
    {"AGrantIsNotCounted", "budget.cpp", "void Budget::grant(Member& to) {", "++held_;", ""},
    {"AReturnedPermitIsNotGrantedOn", "budget.cpp", "void Budget::give_back(", "share_out();", ""},
    {"ARaisedTotalServesNobody", "budget.cpp", "void Budget::apply(", "share_out();", ""},
    {"AMinimumClosesTheConnectionsOfOthers", "budget.cpp", "std::uint32_t pressing(", "since != kNever",
     "since != TimePoint{}"},
    {"NothingIsClosedForWhoWaits", "budget.cpp", "void Budget::press() {", "needed != 0", "false"},
    {"WhatAPoolSaidLongAgoIsCountedOn", "budget.cpp", "void Budget::press() {",
     "!all_looked_at() || needed <= coming", "needed <= coming || !all_looked_at()"},
    {"AFloorIsGivenUp", "budget.cpp", "Budget::Member* Budget::longest_idle() {",
     "service.held - leaving(m.service) <= service.floor", "false"},
    {"AnAnswerIsForgotten", "budget.cpp", "void Budget::give_up_answered(", "--from.give_ups;", ""},
    {"AskingOnceIsThoughtEnough", "budget.cpp", "void Budget::report(", "from.look_asked = false;", ""},
};
inline constexpr int kPoolFaults = static_cast<int>(std::size(kPlantedFaults)) - 10;

// Which one is planted now, by its place in the list; -1: none.
extern int planted_fault;

}  // namespace connmgr::test

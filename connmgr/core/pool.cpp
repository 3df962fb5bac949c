// Life of the pool, and the use of streams. Requests that wait: pool_waiters.cpp. Connections that come and
// go: pool_connections.cpp.
#include "connmgr/core/pool.h"

#include <algorithm>
#include <bit>

namespace connmgr {
namespace {

constexpr std::size_t at(Direction direction) {
  return static_cast<std::size_t>(direction);
}
constexpr std::uint8_t bit(int shelf) {
  return static_cast<std::uint8_t>(1 << shelf);
}

}  // namespace

Pool::Pool(const PoolSettings& settings, std::uint32_t shards, IdKey key, std::uint64_t seed)
    : settings_(settings), key_(key), shards_(shards), retry_(seed), permit_retry_(~seed) {
  check(shards >= 1 && shards <= 256, "a pool has 1 to 256 shards");
  shelves_.resize(kShelves * shards);
  of_shard_.resize(shards);
}

// --- life -------------------------------------------------------------------------------------------

void Pool::start(TimePoint now) {
  state_ = PoolState::running;
  meet_demand(now);
}

void Pool::pause() {
  if (state_ != PoolState::running) return;
  state_ = PoolState::paused;
  retry_wake_ = kNever;
}

void Pool::resume(TimePoint now) {
  if (state_ != PoolState::paused) return;
  state_ = PoolState::running;
  serve_all(now);
  meet_demand(now);
}

void Pool::stop(Errc why, CloseCause cause, TimePoint now) {
  state_ = PoolState::stopping;
  stop_error_ = why;
  stop_cause_ = cause;
  retry_wake_ = kNever;
  for (const std::uint32_t waiter : waiters_in_order()) refuse_waiter(waiter, why, now);
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    abandon(index, cause, now);
    settle(index, now);
  }
}

void Pool::abort_all(CloseCause cause, TimePoint now) {
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    abandon(index, cause, now);
    if (slot.state == ConnectionState::open) {
      begin_close(index, cause, Action::Kind::abort, now);
    } else if (slot.state == ConnectionState::closing && !slot.forced) {
      slot.forced = true;  // it was closing in an orderly way, and takes too long
      Action& action = act(Action::Kind::abort);
      action.grant = grant_of(index, Direction::input);
      action.cause = cause;
    }
  }
}

bool Pool::idle() const noexcept {
  return occupied_ == 0;
}

void Pool::apply(const PoolSettings& settings, TimePoint now) {
  check(settings.role == settings_.role, "the role of a pool is for life");
  const bool other_timeout = settings.connection_timeout != settings_.connection_timeout;
  settings_ = settings;
  if (other_timeout) {
    for (const std::uint32_t waiter : waiters_in_order()) set_deadlines(waiter);
  }
  if (state_ == PoolState::stopping) return;
  shrink(now);
  meet_demand(now);
}

void Pool::retire_all(CloseCause cause, TimePoint now) {
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    // One that only waits for its permit has not been started with the old settings.
    if (slots_[index].state == ConnectionState::connecting) abandon(index, cause, now);
    retire(index, cause, now);
  }
  meet_demand(now);
}

// --- streams ------------------------------------------------------------------------------------------

Reserved Pool::give_back(ConnectionRef connection, Direction direction, const Return& how, TimePoint now) {
  Slot* const slot = slot_at(connection);
  check(slot != nullptr && in_use(slot->streams[at(direction)].state), "give_back of a stream not in use");
  Stream& stream = slot->streams[at(direction)];
  ++counters_.frees;
  move(stream, StreamEvent::returned);
  stream.since = now;
  const Holder holder = stream.holder;
  if (!reserved(stream.state)) stream.holder = {};

  if (slot->state != ConnectionState::open) [[unlikely]] {
    const bool last = slot->state == ConnectionState::ended && !in_use(slot->streams[0].state) &&
                      !in_use(slot->streams[1].state);
    if (last) vacate(connection.slot, ConnectionEvent::last_user_left);
    return {};
  }
  prove(*slot);
  if (direction == Direction::input) slot->unread = how.unread;

  Reserved made;
  if (how.own != StreamChange::leave_unchanged) {
    made.own = change(connection.slot, direction, how.own, holder, now);
  }
  if (how.other != StreamChange::leave_unchanged) {
    made.other = change(connection.slot, other(direction), how.other, holder, now);
  }
  came_back(connection.slot, now);
  return made;
}

Reservation Pool::modify(ConnectionRef connection, Direction direction, StreamChange how, TimePoint now) {
  Slot* const slot = slot_at(connection);
  if (slot == nullptr || slot->state != ConnectionState::open || how == StreamChange::leave_unchanged) {
    return {};
  }
  const Reservation made = change(connection.slot, direction, how, slot->streams[at(direction)].holder, now);
  if (how == StreamChange::release) {
    came_back(connection.slot, now);
  } else {
    settle(connection.slot, now);
  }
  return made;
}

void Pool::release(const Reservation& reservation, TimePoint now) {
  Slot* const slot = slot_at(reservation.connection);
  if (slot == nullptr || slot->state != ConnectionState::open || !reservation) return;
  if (slot->streams[at(reservation.direction)].reservation != reservation.number) return;
  change(reservation.connection.slot, reservation.direction, StreamChange::release, {}, now);
  came_back(reservation.connection.slot, now);
}

// The one place where reservations begin and end while a connection lives.
Reservation Pool::change(SlotIndex index, Direction direction, StreamChange how, const Holder& holder,
                         TimePoint now) {
  Slot& slot = slots_[index];
  Stream& stream = slot.streams[at(direction)];
  if (how == StreamChange::release) {
    move(stream, StreamEvent::made_available);
    stream.reservation = 0;
    if (!in_use(stream.state)) {
      stream.holder = {};
      stream.since = now;
    }
    return {};
  }
  move(stream, StreamEvent::made_reserved);
  stream.reservation = ++slot.reservations_made;
  if (!in_use(stream.state)) {
    stream.holder = holder;
    stream.since = now;
  }
  return {{index, slot.generation}, direction, stream.reservation};
}

Grant Pool::take(SlotIndex index, const Ask& ask, TimePoint now) {
  Slot& slot = slots_[index];
  Stream& stream = slot.streams[at(ask.direction)];
  move(stream, ask.id ? StreamEvent::taken_by_id : StreamEvent::taken);
  stream.holder = ask.holder;
  stream.since = now;
  ++counters_.gets;
  Grant grant = grant_of(index, ask.direction);
  if (ask.other_stream == StreamChange::reserve || ask.other_stream == StreamChange::reserve_until_flow_end) {
    grant.other_reservation = change(index, other(ask.direction), StreamChange::reserve, ask.holder, now);
  }
  refile(index, now);
  return grant;
}

Grant Pool::grant_of(SlotIndex index, Direction direction) const noexcept {
  const Slot& slot = slots_[index];
  Grant grant;
  grant.connection = {index, slot.generation};
  grant.id = {index, slot.generation, slot.secret};
  grant.direction = direction;
  grant.shard = slot.shard;
  return grant;
}

std::optional<ConnectionRef> Pool::find(const ConnectionId& id) const noexcept {
  const Slot* const slot = slot_at(id.ref());
  if (slot == nullptr || slot->state != ConnectionState::open || slot->secret != id.secret) {
    return std::nullopt;
  }
  return id.ref();
}

// --- shelves ------------------------------------------------------------------------------------------

std::uint8_t Pool::shelves_of(const Slot& slot) noexcept {
  constexpr std::uint8_t kRead = bit(kUnread) | bit(kUnreadBoth);
  if (slot.state != ConnectionState::open || slot.retiring) return 0;
  const bool output = slot.streams[at(Direction::output)].state == StreamState::available_free;
  const bool input = slot.streams[at(Direction::input)].state == StreamState::available_free;
  std::uint8_t shelves = 0;
  if (output) shelves |= bit(kOutput);
  if (input) shelves |= bit(kInput) | bit(kUnread);
  if (output && input) shelves |= bit(kBoth) | bit(kUnreadBoth);
  if (!slot.unread) shelves &= static_cast<std::uint8_t>(~kRead);
  if (slot.input_ended) shelves &= kRead;  // only what is left to read may still go to anybody
  return shelves;
}

std::uint8_t Pool::tallies_of(const Slot& slot) noexcept {
  if (slot.state != ConnectionState::open) return 0;
  const bool used = slot.streams[0].state != StreamState::available_free ||
                    slot.streams[1].state != StreamState::available_free;
  const bool live = !slot.retiring;
  const bool usable = live && !slot.input_ended;
  return static_cast<std::uint8_t>(used << kUsed | usable << kUsable | live << kLive);
}

// Puts the connection onto the shelves that its state entitles it to. After every change of a state.
void Pool::refile(SlotIndex index, TimePoint now) {
  Slot& slot = slots_[index];
  const std::uint8_t wanted = shelves_of(slot);
  for (unsigned changed = wanted ^ slot.shelves; changed != 0; changed &= changed - 1) {
    const int shelf = std::countr_zero(changed);
    const auto links = [this, shelf](std::uint32_t i) -> IndexLinks& { return slots_[i].links[shelf]; };
    IndexList& list = shelves_[shelf * shards_ + slot.shard];
    if ((wanted & bit(shelf)) != 0) {
      list.push_front(index, links);
      if (++on_shelf_[shelf] == 1) filled_since_[shelf] = now;
    } else {
      list.erase(index, links);
      --on_shelf_[shelf];
    }
  }
  slot.shelves = wanted;

  const std::uint8_t tallies = tallies_of(slot);
  if (tallies == slot.tallies) return;
  const auto count = [&](Tally tally, std::uint32_t& sum) {
    sum += static_cast<std::uint32_t>((tallies >> tally) & 1);
    sum -= static_cast<std::uint32_t>((slot.tallies >> tally) & 1);
  };
  count(kUsed, gauges_.used);
  count(kUsable, usable_);
  count(kLive, live_);
  counters_.peak_used = std::max(counters_.peak_used, gauges_.used);
  slot.tallies = tallies;
}

// --- the rest -----------------------------------------------------------------------------------------

Action& Pool::act(Action::Kind kind) {
  Action& action = actions_.emplace_back();
  action.kind = kind;
  return action;
}

std::span<const Action> Pool::actions() const noexcept {
  return actions_;
}
void Pool::clear_actions() noexcept {
  actions_.clear();
}
PoolState Pool::state() const noexcept {
  return state_;
}
const PoolSettings& Pool::settings() const noexcept {
  return settings_;
}
const PoolCounters& Pool::counters() const noexcept {
  return counters_;
}
const PoolGauges& Pool::gauges() const noexcept {
  return gauges_;
}
Errc Pool::last_connect_error() const noexcept {
  return last_connect_error_;
}

}  // namespace connmgr

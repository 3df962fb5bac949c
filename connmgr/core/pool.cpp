// Life of the pool, and the use of streams. Requests that wait: pool_waiters.cpp. Connections that come and
// go: pool_connections.cpp.
#include "connmgr/core/pool.h"

#include <algorithm>
#include <cstring>

namespace connmgr {
namespace {

constexpr std::size_t at(Direction direction) {
  return static_cast<std::size_t>(direction);
}
// Of kInput and kOutput: their number plus one.
constexpr std::uint8_t bit(int shelf) {
  return static_cast<std::uint8_t>(1 << shelf);
}

}  // namespace

Pool::Pool(const PoolSettings& settings, std::uint32_t shards, IdKey key, std::uint64_t seed)
    : settings_(settings), key_(key), shards_(shards), retry_(seed), permit_retry_(~seed) {
  check(settings.reservation_expiry > Duration::zero(), "a reservation does not expire at once");
  check(shards >= 1 && shards <= 256, "a pool has 1 to 256 shards");
  shelves_.resize(shards);
  of_shard_.resize(shards);
  enter(PoolState::running);
}

void Pool::judge_returns() noexcept {
  returns_plainly_ = state_ != PoolState::stopping && !over_maximum() && !over_kept();
}

void Pool::enter(PoolState state) noexcept {
  state_ = state;
  takes_plainly_ = state == PoolState::running && settings_.selection == Selection::most_recent;
  judge_returns();
}

// --- life -------------------------------------------------------------------------------------------

void Pool::start(TimePoint now) {
  enter(PoolState::running);
  serve_all(now);  // after a stop, users may have left bytes behind
  meet_demand(now);
}

void Pool::pause() {
  if (state_ != PoolState::running) return;
  enter(PoolState::paused);
  retry_wake_ = kNever;
}

void Pool::resume(TimePoint now) {
  if (state_ != PoolState::paused) return;
  enter(PoolState::running);
  serve_all(now);
  meet_demand(now);
}

void Pool::stop(Errc why, CloseCause cause, TimePoint now) {
  enter(PoolState::stopping);
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
  check(settings.reservation_expiry > Duration::zero(), "a reservation does not expire at once");
  const bool other_timeout = settings.connection_timeout != settings_.connection_timeout;
  const bool other_expiry = settings.reservation_expiry != settings_.reservation_expiry;
  settings_ = settings;
  enter(state_);
  for (SlotIndex index = 0; other_expiry && index < slots_.size(); ++index) {
    if (expiries_.contains(index)) watch_reservation(index, true, now);
  }
  if (other_timeout) {
    for (const std::uint32_t waiter : waiters_in_order()) set_deadlines(waiter);
  }
  shrink(now);
  if (state_ == PoolState::stopping) return;
  meet_demand(now);
}

void Pool::retire_all(CloseCause cause, TimePoint now) {
  const std::uint64_t last = connections_;  // what replaces the first ones is not retired itself
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    if (slots_[index].number > last) continue;
    // One that only waits for its permit has not been started with the old settings.
    if (slots_[index].state == ConnectionState::connecting) abandon(index, cause, now);
    retire(index, cause, now);
  }
  meet_demand(now);
}

// --- streams ------------------------------------------------------------------------------------------

// Taking any stream, or the output of the connection that a record came from, and giving it back unchanged is
// what happens for each record. Where nothing needs thought, the two are done here in one piece, without a
// call; every doubt goes the general way. Both ways end in the same state: the walk against the reference
// pool holds them to it.
Answer Pool::acquire(const Ask& ask, TimePoint now) {
  const bool plain = ask.other_stream == StreamChange::leave_unchanged && !ask.with_data && takes_plainly_ &&
                     gauges_.waiting == 0 && ask.shard < shards_;
  if (!plain) [[unlikely]]
    return acquire_or_wait(ask, now);
  if (ask.id)
    return ask.direction == Direction::output ? acquire_to_reply(ask, now) : acquire_or_wait(ask, now);
  const std::size_t own = at(ask.direction);
  auto& lists = shelves_[ask.shard];
  const SlotIndex index = lists[own].front();
  if (index == kNoIndex || !slots_[index].plain) [[unlikely]]
    return acquire_or_wait(ask, now);

  Slot& slot = slots_[index];
  Stream& stream = slot.streams[own];
  lists[own].pop_front([this, own](std::uint32_t i) -> IndexLinks& { return slots_[i].links[own]; });
  stream.state = StreamState::available_in_use;
  stream.since = now;
  stream.holder = ask.holder;
  if ((slot.shelves & bit(kBoth)) != 0) {
    lists[kBoth].erase(index, [this](std::uint32_t i) -> IndexLinks& { return slots_[i].links[kBoth]; });
    slot.tallies |= bit(kUsed);
    if (++gauges_.used > counters_.peak_used) counters_.peak_used = gauges_.used;
    slot.shelves = static_cast<std::uint8_t>(2 - own);  // the bit of the other
  } else {
    slot.shelves = 0;
  }
  ++counters_.gets;

  static constexpr Answer kGranted{.kind = Answer::Kind::granted};
  Answer answer = kGranted;
  answer.grant.connection = {index, slot.generation};
  answer.grant.id = {index, slot.generation, slot.secret};
  answer.grant.direction = ask.direction;
  answer.grant.shard = slot.shard;
  return answer;
}

// The input is used or reserved, so the connection lies on one shelf alone and counts as used.
Answer Pool::acquire_to_reply(const Ask& ask, TimePoint now) {
  const SlotIndex index = ask.id.slot;
  Slot* const found = slot_at(ask.id.ref());
  if (found == nullptr || found->secret != ask.id.secret || found->shelves != bit(kOutput)) [[unlikely]]
    return acquire_or_wait(ask, now);
  Slot& slot = *found;
  Stream& stream = slot.streams[at(Direction::output)];
  unshelve<kOutput>(index, slot);
  stream.state = StreamState::available_in_use;
  stream.since = now;
  stream.holder = ask.holder;
  ++counters_.gets;
  Answer answer;
  answer.kind = Answer::Kind::granted;
  answer.grant = grant_of(index, Direction::output);
  return answer;
}

Reserved Pool::give_back(ConnectionRef connection, Direction direction, const Return& how, TimePoint now) {
  const std::size_t own = at(direction);
  check(connection.slot < slots_made_ && slots_[connection.slot].generation == connection.generation,
        "give_back of a stream that nobody has taken");
  Slot& slot = slots_[connection.slot];
  Stream& stream = slot.streams[own];
  // Three bytes without gaps: the compiler compares them in two steps.
  static constexpr Return kUnchanged{};
  static_assert(sizeof kUnchanged == 3);
  // With something to read on a free input it would have to be offered.
  const bool nothing_to_offer =
      slot.plain || (slot.steady && direction == Direction::output &&
                     slot.streams[at(Direction::input)].state != StreamState::available_free);
  const bool plain = nothing_to_offer && stream.state == StreamState::available_in_use &&
                     gauges_.waiting == 0 && std::memcmp(&how, &kUnchanged, sizeof how) == 0 &&
                     returns_plainly_;
  if (!plain) [[unlikely]]
    return give_back_and_settle(connection, direction, how, now);

  auto& lists = shelves_[slot.shard];
  stream.state = StreamState::available_free;
  stream.since = now;
  lists[own].push_front(connection.slot,
                        [this, own](std::uint32_t i) -> IndexLinks& { return slots_[i].links[own]; });
  if (slot.streams[own ^ 1].state == StreamState::available_free) {
    lists[kBoth].push_front(connection.slot,
                            [this](std::uint32_t i) -> IndexLinks& { return slots_[i].links[kBoth]; });
    slot.shelves = bit(kInput) | bit(kOutput) | bit(kBoth);
    slot.tallies &= static_cast<std::uint8_t>(~bit(kUsed));
    --gauges_.used;
  } else {
    slot.shelves = static_cast<std::uint8_t>(own + 1);  // the bit of this one alone
  }
  ++counters_.frees;
  static constexpr Reserved kNothing{};
  return kNothing;
}

Reserved Pool::give_back_and_settle(ConnectionRef connection, Direction direction, const Return& how,
                                    TimePoint now) {
  Slot* const slot = slot_at(connection);
  check(slot != nullptr && in_use(slot->streams[at(direction)].state), "give_back of a stream not in use");
  Stream& stream = slot->streams[at(direction)];
  ++counters_.frees;
  move(stream, StreamEvent::returned);
  stream.since = now;
  if (slot->state != ConnectionState::open) [[unlikely]] {
    const bool last = slot->state == ConnectionState::ended && !in_use(slot->streams[0].state) &&
                      !in_use(slot->streams[1].state);
    if (last) vacate(connection.slot, ConnectionEvent::last_user_left);
    return {};
  }
  prove(*slot);
  if (direction == Direction::input) slot->unread = how.unread;

  Reserved made;
  const Holder holder = stream.holder;
  if (how.own != StreamChange::leave_unchanged) {
    made.own = change(connection.slot, direction, how.own, holder, now);
  }
  if (how.other != StreamChange::leave_unchanged) {
    made.other = change(connection.slot, other(direction), how.other, holder, now);
  }
  returned(connection.slot, now);
  return made;
}

Reservation Pool::modify(ConnectionRef connection, Direction direction, StreamChange how, TimePoint now) {
  Slot* const slot = slot_at(connection);
  if (slot == nullptr || slot->state != ConnectionState::open || how == StreamChange::leave_unchanged) {
    return {};
  }
  const Stream& stream = slot->streams[at(direction)];
  const bool free = stream.state == StreamState::available_free;
  const Reservation made = change(connection.slot, direction, how, free ? Holder{} : stream.holder, now);
  if (how == StreamChange::release) {
    returned(connection.slot, now);
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
  returned(reservation.connection.slot, now);
}

// The one place where reservations begin and end while a connection lives.
Reservation Pool::change(SlotIndex index, Direction direction, StreamChange how, const Holder& holder,
                         TimePoint now) {
  Slot& slot = slots_[index];
  Stream& stream = slot.streams[at(direction)];
  if (how == StreamChange::release) {
    if (!reserved(stream.state)) return {};
    move(stream, StreamEvent::made_available);
    stream.reservation = 0;
    if (!in_use(stream.state)) stream.since = now;
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
  const bool held = reserved(slot.streams[0].state) || reserved(slot.streams[1].state);
  return static_cast<std::uint8_t>(used << kUsed | usable << kUsable | live << kLive | held << kReserved);
}

template <Pool::Shelf shelf>
[[gnu::always_inline]] inline void Pool::shelve(SlotIndex index, Slot& slot) noexcept {
  const auto links = [this](std::uint32_t i) -> IndexLinks& { return slots_[i].links[shelf]; };
  shelves_[slot.shard][shelf].push_front(index, links);
  slot.shelves |= bit(shelf);
}

template <Pool::Shelf shelf>
[[gnu::always_inline]] inline void Pool::unshelve(SlotIndex index, Slot& slot) noexcept {
  const auto links = [this](std::uint32_t i) -> IndexLinks& { return slots_[i].links[shelf]; };
  shelves_[slot.shard][shelf].erase(index, links);
  slot.shelves &= static_cast<std::uint8_t>(~bit(shelf));
}

bool Pool::shelf_empty(Shelf shelf) const noexcept {
  return std::all_of(shelves_.begin(), shelves_.end(),
                     [&](const auto& lists) { return lists[shelf].empty(); });
}

// Puts the connection onto the shelves that its state entitles it to. After every change of a state.
void Pool::refile(SlotIndex index, TimePoint now) {
  Slot& slot = slots_[index];
  const std::uint8_t wanted = shelves_of(slot);
  const unsigned changed = wanted ^ slot.shelves;
  if (gauges_.waiting != 0) {
    if ((wanted & changed & bit(kInput)) != 0 && !stream_there(0)) there_since_[0] = now;
    if ((wanted & changed & bit(kBoth)) != 0 && !stream_there(1)) there_since_[1] = now;
  }
  const auto file = [&]<Shelf shelf>() {
    if ((changed & bit(shelf)) == 0) return;
    if ((wanted & bit(shelf)) != 0) {
      shelve<shelf>(index, slot);
    } else {
      unshelve<shelf>(index, slot);
    }
  };
  file.template operator()<kOutput>();
  file.template operator()<kInput>();
  file.template operator()<kBoth>();
  file.template operator()<kUnread>();
  file.template operator()<kUnreadBoth>();
  slot.steady = slot.state == ConnectionState::open && slot.proven && !slot.retiring && !slot.input_ended;
  slot.plain = slot.steady && !slot.unread;

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
  if (((tallies ^ slot.tallies) >> kLive & 1) != 0) judge_returns();
  if (((tallies ^ slot.tallies) >> kReserved & 1) != 0) {
    watch_reservation(index, (tallies >> kReserved & 1) != 0, now);
  }
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

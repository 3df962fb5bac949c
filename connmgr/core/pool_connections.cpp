// Connections: when they are opened and closed, and what makes room.
#include <algorithm>
#include <tuple>

#include "connmgr/core/pool.h"

namespace connmgr {
namespace {

// One that ends sooner than this, with nothing carried, counts as a failed attempt (C2).
constexpr Duration kShortLife = std::chrono::seconds(1);

constexpr bool any_in_use(const auto& streams) {
  return in_use(streams[0].state) || in_use(streams[1].state);
}
constexpr bool any_reserved(const auto& streams) {
  return reserved(streams[0].state) || reserved(streams[1].state);
}

}  // namespace

// --- slots --------------------------------------------------------------------------------------------

SlotIndex Pool::new_slot(ConnectionState state, TimePoint now) {
  if (free_slots_.empty()) {
    check(slots_.size() < kNoSlot, "more connections than a pool can name");
    free_slots_.push_back(static_cast<SlotIndex>(slots_.size()));
    slots_.emplace_back();
    ++slots_made_;
  }
  const SlotIndex index = free_slots_.back();
  free_slots_.pop_back();
  const std::uint32_t generation = slots_[index].generation + 1;
  Slot& slot = slots_[index] = {};
  slot.generation = generation;
  slot.state = state;
  slot.secret = secret_of(index, generation);
  slot.number = ++connections_;
  slot.streams[0].since = slot.streams[1].since = now;
  ++occupied_;
  return index;
}

void Pool::vacate(SlotIndex index, ConnectionEvent event) {
  Slot& slot = slots_[index];
  move(slot, event);
  check(slot.state == ConnectionState::gone && slot.shelves == 0, "a slot is vacated at its end only");
  --occupied_;
  // A slot whose generations are used up is never used again, so that no id ever comes twice.
  if (slot.generation != UINT32_MAX) free_slots_.push_back(index);
}

// --- opening ------------------------------------------------------------------------------------------

Demand Pool::demand() const noexcept {
  Demand d;
  d.output = may_open_[kAnyOutput];
  d.input = may_open_[kAnyInput];
  d.both = may_open_[kAnyOutputBoth] + may_open_[kAnyInputBoth];
  // A request with data needs a connection only when there is none to wait at, and all can wait at one.
  if (may_open_[kWithData] != 0 && !stream_there(0)) d.input += 1;
  if (may_open_[kWithDataBoth] != 0 && !stream_there(1)) d.both += 1;
  d.minimum = settings_.min_connections;
  d.maximum = settings_.max_connections;
  d.max_connecting = settings_.max_connecting;
  d.peer_down = peer_down_;
  d.usable = usable_;
  d.connecting = gauges_.connecting;
  d.counted = gauges_.counted();
  return d;
}

// After whatever makes room, makes a request wait or ends a connection: starts what may start (L3).
void Pool::meet_demand(TimePoint now) {
  retry_wake_ = kNever;
  if (settings_.role == PoolRole::server || state_ != PoolState::running) return;
  if (gauges_.waiting == 0 && usable_ + gauges_.connecting >= settings_.min_connections) return;
  const std::uint32_t count = connections_to_open(demand());
  if (count == 0) return;
  const bool somebody_waits = gauges_.waiting != 0;
  const TimePoint earliest =
      std::max(retry_.next_attempt(somebody_waits), permit_retry_.next_attempt(somebody_waits));
  if (earliest > now) {
    retry_wake_ = earliest;
    return;
  }
  for (std::uint32_t i = 0; i < count; ++i) open_one(now);
}

void Pool::open_one(TimePoint now) {
  const bool with_permit = settings_.with_permits;
  const SlotIndex index =
      new_slot(with_permit ? ConnectionState::wants_permit : ConnectionState::connecting, now);
  const auto fewest = std::min_element(of_shard_.begin(), of_shard_.end());
  slots_[index].shard = static_cast<ShardIndex>(fewest - of_shard_.begin());
  ++*fewest;
  ++gauges_.connecting;
  if (with_permit) {
    ++permits_wanted_;
  } else {
    ++counters_.connect_attempts;
  }
  act(with_permit ? Action::Kind::want_permit : Action::Kind::open).grant = grant_of(index, Direction::input);
}

// Permits go to connections in the order in which they were wanted.
SlotIndex Pool::first_wanting_permit() const noexcept {
  SlotIndex first = kNoSlot;
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    if (slots_[index].state != ConnectionState::wants_permit) continue;
    if (first == kNoSlot || slots_[index].number < slots_[first].number) first = index;
  }
  return first;
}

void Pool::permit_granted(TimePoint now) {
  permit_retry_.reset();
  const SlotIndex index = first_wanting_permit();
  if (index == kNoSlot) {  // nobody wants it any more
    act(Action::Kind::return_permit);
    return meet_demand(now);
  }
  Slot& slot = slots_[index];
  slot.has_permit = true;
  // The maximum may have been lowered meanwhile, with a connection that still closes counted in it.
  const bool room = settings_.max_connections == 0 || gauges_.counted() <= settings_.max_connections;
  if (state_ != PoolState::running || !room) {
    abandon(index, CloseCause::never_opened, now);
    return meet_demand(now);
  }
  move(slot, ConnectionEvent::permit_granted);
  --permits_wanted_;
  ++counters_.connect_attempts;
  act(Action::Kind::open).grant = grant_of(index, Direction::input);
  meet_demand(now);  // permits are to be had again
}

void Pool::permit_refused(TimePoint now) {
  if (const SlotIndex index = first_wanting_permit(); index != kNoSlot) {
    permit_retry_.failed(settings_.retry, now);
    --permits_wanted_;
    --gauges_.connecting;
    --of_shard_[slots_[index].shard];
    vacate(index, ConnectionEvent::permit_refused);
  }
  meet_demand(now);
}

void Pool::opened(ConnectionRef connection, TimePoint now) {
  Slot* const slot = slot_at(connection);
  if (slot == nullptr || slot->state != ConnectionState::connecting) return;  // abandoned meanwhile
  peer_down_ = false;
  last_connect_error_ = Errc{};
  --gauges_.connecting;
  become_open(connection.slot, now);
  came_back(connection.slot, now);
  meet_demand(now);
}

void Pool::become_open(SlotIndex index, TimePoint now) {
  Slot& slot = slots_[index];
  move(slot, ConnectionEvent::opened);
  slot.opened = true;
  slot.opened_at = now;
  slot.streams[0].since = slot.streams[1].since = now;
  ++gauges_.open;
  ++counters_.opened;
}

void Pool::open_failed(ConnectionRef connection, Errc why, TimePoint now) {
  Slot* const slot = slot_at(connection);
  if (slot == nullptr) return;
  if (slot->state == ConnectionState::closing && !slot->opened) return closed(connection, now);  // abandoned
  if (slot->state != ConnectionState::connecting) return;
  ++counters_.connect_failures;
  peer_down_ = true;
  last_connect_error_ = why;
  retry_.failed(settings_.retry, now);
  if (slot->has_permit) act(Action::Kind::return_permit);
  --gauges_.connecting;
  --of_shard_[slot->shard];
  vacate(connection.slot, ConnectionEvent::open_failed);
  meet_demand(now);
}

bool Pool::admits() const noexcept {
  return settings_.role == PoolRole::server && state_ == PoolState::running &&
         (settings_.max_connections == 0 || gauges_.counted() < settings_.max_connections);
}

std::optional<Grant> Pool::admit(ShardIndex shard, TimePoint now) {
  check(settings_.role == PoolRole::server && shard < shards_, "only a server pool admits");
  if (!admits()) {
    ++counters_.refused_connections;
    return std::nullopt;
  }
  const SlotIndex index = new_slot(ConnectionState::connecting, now);
  slots_[index].shard = shard;
  ++of_shard_[shard];
  become_open(index, now);
  const Grant grant = grant_of(index, Direction::input);
  settle(index, now);
  return grant;
}

// --- what happens to them -----------------------------------------------------------------------------

void Pool::data_arrived(ConnectionRef connection, TimePoint now) {
  Slot* const slot = slot_at(connection);
  if (slot == nullptr || slot->state != ConnectionState::open) return;
  slot->unread = true;
  slot->arrived_at = now;
  prove(*slot);
  settle(connection.slot, now);
}

void Pool::input_ended(ConnectionRef connection, bool unread, TimePoint now) {
  Slot* const slot = slot_at(connection);
  if (slot == nullptr || slot->state != ConnectionState::open) return;
  slot->input_ended = true;
  slot->unread = unread;
  slot->arrived_at = now;  // its last bytes may have come in the same moment
  settle(connection.slot, now);
  meet_demand(now);
}

void Pool::broken(ConnectionRef connection, CloseCause cause, TimePoint now) {
  Slot* const slot = slot_at(connection);
  if (slot == nullptr || slot->state != ConnectionState::open) return;
  begin_close(connection.slot, cause, Action::Kind::abort, now);
  meet_demand(now);
}

void Pool::close(ConnectionRef connection, CloseCause cause, TimePoint now) {
  Slot* const slot = slot_at(connection);
  if (slot == nullptr || slot->state != ConnectionState::open) return;
  // Another flow may have reserved the input to read a reply: its reservation goes first (S7). A node that
  // closes what it has reserved itself releases it before.
  if (cause == CloseCause::node && reserved(slot->streams[0].state)) {
    retire(connection.slot, cause, now);
  } else {
    begin_close(connection.slot, cause, Action::Kind::close, now);
  }
  meet_demand(now);
}

void Pool::closed(ConnectionRef connection, TimePoint now) {
  Slot* const slot = slot_at(connection);
  if (slot == nullptr || slot->state == ConnectionState::ended) return;
  check(slot->state == ConnectionState::closing, "closed() of a connection that nobody has ended");
  move(*slot, ConnectionEvent::descriptor_closed);
  --gauges_.closing;
  --of_shard_[slot->shard];
  if (slot->opened) {
    ++counters_.closed;
    ++counters_.closed_by_cause[static_cast<std::size_t>(slot->cause)];
  }
  if (slot->has_permit) act(Action::Kind::return_permit);
  if (!any_in_use(slot->streams)) vacate(connection.slot, ConnectionEvent::last_user_left);
  meet_demand(now);
}

// --- ending -------------------------------------------------------------------------------------------

// Ends an attempt to connect, if it is one.
void Pool::abandon(SlotIndex index, CloseCause cause, TimePoint) {
  Slot& slot = slots_[index];
  const bool started = slot.state == ConnectionState::connecting;
  if (!started && slot.state != ConnectionState::wants_permit) return;
  --gauges_.connecting;
  if (!started) {
    --permits_wanted_;
    if (slot.has_permit) act(Action::Kind::return_permit);
    --of_shard_[slot.shard];
    return vacate(index, ConnectionEvent::abandoned);
  }
  move(slot, ConnectionEvent::abandoned);
  slot.cause = cause;
  slot.forced = true;
  ++gauges_.closing;
  Action& action = act(Action::Kind::abandon);
  action.grant = grant_of(index, Direction::input);
  action.cause = cause;
}

void Pool::begin_close(SlotIndex index, CloseCause cause, Action::Kind how, TimePoint now) {
  Slot& slot = slots_[index];
  judge_lifetime(slot, cause, now);
  move(slot, ConnectionEvent::close_started);
  slot.cause = cause;
  slot.forced = how == Action::Kind::abort;
  --gauges_.open;
  ++gauges_.closing;
  for (Stream& stream : slot.streams) {  // reservations end with the connection; uses go on until given back
    move(stream, StreamEvent::made_available);
    stream.reservation = 0;
  }
  refile(index, now);
  refuse_by_id(slot, errc_of_end(cause), now);
  Action& action = act(how);
  action.grant = grant_of(index, Direction::input);
  action.cause = cause;
}

// It has carried something: the peer is there, and the next loss starts with the first delay again.
void Pool::prove(Slot& slot) noexcept {
  if (slot.proven) return;
  slot.proven = true;
  retry_.reset();
}

// The peer takes connections and drops them at once: that is no more reachable than refusing them.
void Pool::judge_lifetime(const Slot& slot, CloseCause cause, TimePoint now) {
  if (settings_.role == PoolRole::server) return;
  const bool by_the_peer = cause == CloseCause::peer || cause == CloseCause::reset ||
                           cause == CloseCause::timed_out || cause == CloseCause::failed;
  if (slot.proven || now - slot.opened_at >= kShortLife) {
    retry_.reset();
  } else if (by_the_peer) {
    retry_.failed(settings_.retry, now);
    peer_down_ = true;
    last_connect_error_ = Errc::connect_failed;
  }
}

void Pool::retire(SlotIndex index, CloseCause cause, TimePoint now) {
  Slot& slot = slots_[index];
  if (slot.state != ConnectionState::open) return;
  if (!slot.retiring) {
    slot.retiring = true;
    slot.cause = cause;
  }
  settle(index, now);
}

// A stream is free, or unreserved, that was not before.
void Pool::came_back(SlotIndex index, TimePoint now) {
  Slot& slot = slots_[index];
  if (over_maximum() && !slot.retiring) {
    slot.retiring = true;
    slot.cause = CloseCause::over_maximum;
  }
  settle(index, now);
  if (!returns_plainly_) enter(state_);
}

// A use or a reservation is over. What nobody waited for may be one too many to keep (L12).
void Pool::returned(SlotIndex index, TimePoint now) {
  came_back(index, now);
  const Slot& slot = slots_[index];
  const bool unused = slot.state == ConnectionState::open && (slot.tallies >> kUsed & 1) == 0;
  if (state_ == PoolState::running && unused && !slot.retiring && !slot.unread && over_kept()) {
    retire(index, CloseCause::over_maximum, now);
  }
}

// The maximum was lowered: what nobody uses goes at once, what was unused for longest first and what still
// has something to read last; then attempts to connect, the youngest first. The rest goes as it comes back.
void Pool::shrink(TimePoint now) {
  if (!over_maximum()) return;
  std::vector<SlotIndex> unused;
  std::vector<SlotIndex> attempts;
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    const Slot& slot = slots_[index];
    const bool free = slot.streams[0].state == StreamState::available_free &&
                      slot.streams[1].state == StreamState::available_free;
    if (slot.state == ConnectionState::open && !slot.retiring && free) unused.push_back(index);
    if (slot.state == ConnectionState::connecting || slot.state == ConnectionState::wants_permit) {
      attempts.push_back(index);
    }
  }
  const auto rank = [this](SlotIndex index) {
    const Slot& slot = slots_[index];
    return std::tuple(slot.unread, std::max(slot.streams[0].since, slot.streams[1].since), slot.number);
  };
  std::sort(unused.begin(), unused.end(), [&](auto a, auto b) { return rank(a) < rank(b); });
  std::sort(attempts.begin(), attempts.end(),
            [this](auto a, auto b) { return slots_[a].number > slots_[b].number; });
  for (const SlotIndex index : unused) {
    if (over_maximum()) retire(index, CloseCause::over_maximum, now);
  }
  for (const SlotIndex index : attempts) {
    if (over_maximum()) abandon(index, CloseCause::over_maximum, now);
  }
}

bool Pool::may_close_now(const Slot& slot) const noexcept {
  if (slot.state != ConnectionState::open || any_in_use(slot.streams)) return false;
  if (state_ == PoolState::stopping) return true;  // reservations end with it (S7)
  if (any_reserved(slot.streams)) return false;
  if (slot.retiring) return true;
  if (!slot.input_ended || slot.unread) return false;
  return std::all_of(slot.streams.begin(), slot.streams.end(),
                     [](const Stream& s) { return s.by_id[0].empty() && s.by_id[1].empty(); });
}

// After anything has happened to an open connection: it goes, or its free streams go to whoever waits.
void Pool::settle(SlotIndex index, TimePoint now) {
  Slot& slot = slots_[index];
  if (slot.state != ConnectionState::open) return;
  refile(index, now);
  if (slot.retiring && !reachable_by_id(slot)) refuse_by_id(slot, errc_of_end(slot.cause), now);
  serve(index, now);
  if (may_close_now(slot)) {
    const CloseCause cause = state_ == PoolState::stopping ? stop_cause_
                             : slot.retiring               ? slot.cause
                                                           : CloseCause::peer;
    begin_close(index, cause, Action::Kind::close, now);
  }
  meet_demand(now);
}

}  // namespace connmgr

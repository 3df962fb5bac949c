// Looking at a pool: what administration and tests see of it. Nothing here changes anything.
#include <algorithm>
#include <bit>

#include "connmgr/core/pool.h"

namespace connmgr {
namespace {

// A running hash of words (the finalizer of SplitMix64 over each).
class Digest {
 public:
  void add(std::uint64_t word) noexcept {
    std::uint64_t z = value_ ^ (word + 0x9e3779b97f4a7c15 + (value_ << 6));
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    value_ = z ^ (z >> 31);
  }
  // Moments count from now; a moment without meaning in the state is not added at all.
  void add(TimePoint moment, TimePoint now) noexcept {
    add(moment == kNever ? ~std::uint64_t{0} : static_cast<std::uint64_t>((moment - now).count()));
  }
  std::uint64_t value() const noexcept { return value_; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace

std::vector<ConnectionView> Pool::connections() const {
  std::vector<ConnectionView> views;
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    if (const auto view = connection({index, slots_[index].generation})) views.push_back(*view);
  }
  return views;
}

ConnectionId Pool::id_of(ConnectionRef connection) const {
  const Slot* const slot = slot_at(connection);
  return slot ? ConnectionId{connection.slot, connection.generation, slot->secret} : ConnectionId{};
}

std::optional<ConnectionView> Pool::connection(ConnectionRef connection) const {
  const Slot* const slot = slot_at(connection);
  if (slot == nullptr) return std::nullopt;
  ConnectionView view;
  view.connection = connection;
  view.number = slot->number;
  view.state = slot->state;
  view.shard = slot->shard;
  for (std::size_t i = 0; i < 2; ++i) {
    view.streams[i] = slot->streams[i].state;
    if (view.streams[i] != StreamState::available_free) view.holders[i] = slot->streams[i].holder;
    view.since[i] = slot->streams[i].since;
  }
  view.opened_at = slot->opened_at;
  view.input_ended = slot->input_ended;
  view.retiring = slot->retiring;
  return view;
}

void Pool::check_invariants() const {
  PoolGauges counted;
  std::uint32_t occupied = 0;
  std::uint32_t live = 0;
  std::uint32_t usable = 0;
  std::uint64_t opened_now = 0;
  std::array<std::uint32_t, kShelves> on_shelf{};
  std::vector<std::uint32_t> of_shard(shards_);
  std::uint32_t in_use_now = 0;
  std::uint32_t permits_wanted = 0;

  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    const Slot& slot = slots_[index];
    check(slot.shelves == shelves_of(slot), "a connection lies where its state says");
    check(slot.tallies == tallies_of(slot), "a connection counts for what its state says");
    for (int shelf = 0; shelf < kShelves; ++shelf) on_shelf[shelf] += slot.shelves >> shelf & 1;
    counted.used += slot.tallies >> kUsed & 1;
    live += slot.tallies >> kLive & 1;
    usable += slot.tallies >> kUsable & 1;
    if (slot.state == ConnectionState::gone) continue;
    ++occupied;
    counted.open += slot.state == ConnectionState::open;
    counted.closing += slot.state == ConnectionState::closing;
    counted.connecting +=
        slot.state == ConnectionState::connecting || slot.state == ConnectionState::wants_permit;
    permits_wanted += slot.state == ConnectionState::wants_permit;
    of_shard[slot.shard] += slot.state != ConnectionState::ended;
    opened_now +=
        slot.opened && (slot.state == ConnectionState::open || slot.state == ConnectionState::closing);
    bool held = false;
    for (const Stream& stream : slot.streams) {
      check(reserved(stream.state) == (stream.reservation != 0), "a reserved stream has its reservation");
      check(slot.state == ConnectionState::open || !reserved(stream.state), "only open ones are reserved");
      check(slot.state == ConnectionState::open || (stream.by_id[0].empty() && stream.by_id[1].empty()),
            "nobody waits for a connection that is not open");
      held = held || in_use(stream.state);
      in_use_now += in_use(stream.state);
    }
    check(slot.opened || !held, "only a connection that was open has users");
    check(slot.state != ConnectionState::ended || held, "an ended connection stays for its users alone");
    check(expiries_.contains(index) == (slot.state == ConnectionState::open &&
                                        (reserved(slot.streams[0].state) || reserved(slot.streams[1].state))),
          "each open connection with a reservation has an expiry");
    check(!expiries_.contains(index) || expiries_.at(index) <= expiry_of(slot, kNever),
          "an expiry is never noticed late");
    check(!may_close_now(slot), "an open connection has a reason to stay");
  }
  check(occupied == occupied_ && live == live_ && usable == usable_, "counts equal connections");
  check(!returns_plainly_ || !over_maximum(), "over the maximum only after it was lowered");
  check(!returns_plainly_ || !over_kept(), "a return is plain only where all are kept");
  check(of_shard == of_shard_ && permits_wanted == permits_wanted_, "counts equal lists");
  check(counters_.opened == counters_.closed + opened_now, "opened = closed + open + closing");
  check(counters_.gets == counters_.frees + in_use_now, "gets = frees + in use");

  const std::uint32_t slots_used = static_cast<std::uint32_t>(slots_.size());
  for (int shelf = 0; shelf < kShelves; ++shelf) {
    std::uint32_t length = 0;
    for (std::uint32_t shard = 0; shard < shards_; ++shard) {
      std::uint32_t before = kNoIndex;
      for (std::uint32_t i = shelves_[shard][shelf].front(); i != kNoIndex;
           before = i, i = slots_[i].links[shelf].after) {
        check(slots_[i].links[shelf].before == before && slots_[i].shard == shard, "lists are well linked");
        check((slots_[i].shelves >> shelf & 1) != 0 && ++length <= slots_used, "lists hold what is counted");
      }
    }
    check(length == on_shelf[shelf], "lists are as long as counted");
  }

  std::array<std::uint32_t, kAnyQueues> may_open{};
  for (std::uint32_t index = 0; index < waiters_.size(); ++index) {
    const Waiter& waiter = waiters_[index];
    const bool with_data = waiter.queue == kWithData || waiter.queue == kWithDataBoth;
    const int both = with_data ? waiter.queue - kWithData : 0;
    check(limits_.contains(index) == (waiter.ticket != 0 && !with_data), "each waiter has a limit");
    check(without_stream_[both].contains(index) == (waiter.ticket != 0 && with_data) &&
              beside_silent_[both].contains(index) == (waiter.ticket != 0 && with_data),
          "a waiter for data has two limits");
    if (waiter.ticket == 0) continue;
    ++counted.waiting;
    if (waiter.queue != kById) {
      may_open[waiter.queue] += waiter.ask.may_open;
      check(state_ != PoolState::running || shelf_empty(shelf_for(waiter.queue)),
            "nobody waits beside a stream that he could have");
    } else {
      const Slot* const slot = slot_at(waiter.ask.id.ref());
      check(slot != nullptr && reachable_by_id(*slot), "who waits by id waits for something");
      check(state_ != PoolState::running || !serves(*slot, waiter.ask),
            "nobody waits beside a stream that he could have by id");
    }
  }
  check(may_open == may_open_, "who may open a connection is counted");
  check(counted.connecting == gauges_.connecting && counted.open == gauges_.open &&
            counted.closing == gauges_.closing && counted.used == gauges_.used &&
            counted.waiting == gauges_.waiting,
        "gauges equal what is there");
  check(state_ != PoolState::stopping || gauges_.waiting == 0, "nobody waits for a stopping pool");
  check(state_ != PoolState::running || subscribers_.empty() || shelf_empty(kUnread),
        "nothing to read lies beside an Input node");
  // Nobody waits while the pool may connect: whatever may be opened has been, or its time is set.
  if (settings_.role == PoolRole::client && state_ == PoolState::running) {
    check(connections_to_open(demand()) == 0 || retry_wake_ != kNever, "what may be opened is opened");
  } else {
    check(retry_wake_ == kNever, "no attempt is planned");
  }
}

std::uint64_t Pool::fingerprint(TimePoint now) const {
  Digest digest;
  digest.add(static_cast<std::uint64_t>(state_));
  const auto add_line = [&](const IndexList& line) {
    for (std::uint32_t i = line.front(); i != kNoIndex; i = waiters_[i].links.after) {
      const Waiter& waiter = waiters_[i];
      digest.add(static_cast<std::uint64_t>(waiter.queue) << 8 | waiter.ask.may_open << 4 |
                 static_cast<std::uint64_t>(waiter.ask.direction));
      digest.add(waiter.ask.shard);
      digest.add(deadline_after(waiter.since, patience_of(waiter.ask)), now);
      if (waiter.queue == kWithData || waiter.queue == kWithDataBoth) digest.add(data_deadline(waiter), now);
      digest.add(static_cast<std::uint64_t>(std::count_if(  // its place in order of arrival
          waiters_.begin(), waiters_.end(),
          [&](const Waiter& w) { return w.ticket != 0 && w.ticket < waiter.ticket; })));
    }
    digest.add(~std::uint64_t{0});
  };
  for (const IndexList& line : queues_) add_line(line);
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    const Slot& slot = slots_[index];
    digest.add(static_cast<std::uint64_t>(slot.state));
    if (slot.state == ConnectionState::gone) continue;
    digest.add(static_cast<std::uint64_t>(slot.unread) | slot.input_ended << 1 | slot.retiring << 2 |
               slot.opened << 3 | slot.proven << 4 | slot.forced << 5 | slot.has_permit << 6 |
               static_cast<std::uint64_t>(slot.shard) << 8 | static_cast<std::uint64_t>(slot.cause) << 16);
    for (const Stream& stream : slot.streams) {
      digest.add(static_cast<std::uint64_t>(stream.state));
      if (settings_.selection == Selection::least_recent) digest.add(stream.since, now);
      add_line(stream.by_id[0]);
      add_line(stream.by_id[1]);
    }
    if (expiries_.contains(index)) {
      digest.add(expiries_.at(index), now);
      digest.add(expiry_of(slot, now), now);
    }
    if (slot.state == ConnectionState::open && !slot.proven) {
      digest.add(std::max(slot.opened_at, now - std::chrono::seconds(1)), now);
    }
  }
  for (int shelf = 0; shelf < kShelves; ++shelf) {
    for (std::uint32_t shard = 0; shard < shards_; ++shard) {
      for (std::uint32_t i = shelves_[shard][shelf].front(); i != kNoIndex;
           i = slots_[i].links[shelf].after) {
        digest.add(i);
      }
      digest.add(~std::uint64_t{0});
    }
  }
  for (const SlotIndex index : free_slots_) digest.add(index);
  digest.add(subscribers_.size());
  digest.add(next_subscriber_ % std::max<std::size_t>(subscribers_.size(), 1));
  digest.add(peer_down_);
  digest.add(static_cast<std::uint64_t>(last_connect_error_));
  digest.add(retry_.failures());
  digest.add(std::max(retry_.next_attempt(false), now), now);
  digest.add(std::max(retry_.next_attempt(true), now), now);
  digest.add(std::max(permit_retry_.next_attempt(true), now), now);
  digest.add(settings_.max_connections);
  digest.add(settings_.min_connections);
  digest.add(settings_.max_kept);
  digest.add(settings_.connection_timeout.count());
  if (settings_.selection == Selection::round_robin) digest.add(next_shard_);
  return digest.value();
}

}  // namespace connmgr

// Requests: who gets what at once, who waits, for how long, and in which order they are served.
#include <algorithm>

#include "connmgr/core/pool.h"

namespace connmgr {
namespace {

// A ticket's number is its order of arrival, with the place of its request in the low bits: so it is
// found at once, and still counts up.
constexpr int kPlaceBits = 20;
constexpr std::uint32_t kMostWaiters = (1u << kPlaceBits) - 1;

constexpr std::size_t at(Direction direction) {
  return static_cast<std::size_t>(direction);
}

constexpr bool reserves_other(const Ask& ask) {
  return ask.other_stream == StreamChange::reserve ||
         ask.other_stream == StreamChange::reserve_until_flow_end;
}

// Whether a reservation of `owner` is somebody else's. An Input node reserves for the iteration that it is
// about to start, and has no iteration of its own; a holder without a flow is nobody in particular.
bool is_another(const Holder& owner, const Holder& asking) noexcept {
  if (owner.flow == 0) return false;
  return owner.flow != asking.flow || (owner.iteration != 0 && owner.iteration != asking.iteration);
}

}  // namespace

Errc errc_of_end(CloseCause cause) noexcept {
  switch (cause) {
    case CloseCause::reset:
    case CloseCause::timed_out:
    case CloseCause::failed:
    case CloseCause::record_error:
    case CloseCause::send_cut:
    case CloseCause::purge: return Errc::stale_connection;
    case CloseCause::expired: return Errc::reservation_expired;
    default: return Errc::connection_closed;
  }
}

Pool::Queue Pool::queue_of(const Ask& ask) noexcept {
  if (ask.id) return kById;
  const int both = reserves_other(ask) ? 1 : 0;
  if (ask.direction == Direction::output) return static_cast<Queue>(kAnyOutput + both);
  return static_cast<Queue>((ask.with_data ? kWithData : kAnyInput) + both);
}

Pool::Shelf Pool::shelf_for(Queue queue) noexcept {
  constexpr std::array<Shelf, kAnyQueues> kShelfFor{kOutput, kBoth, kInput, kBoth, kUnread, kUnreadBoth};
  return kShelfFor[queue];
}

// --- asking -------------------------------------------------------------------------------------------

// Nobody waits beside a stream that he could have. So what lies on a shelf now is what no earlier request
// may have, and a newcomer who takes it overtakes nobody.
Answer Pool::acquire_or_wait(const Ask& ask, TimePoint now) {
  if (state_ == PoolState::stopping) return refused(stop_error_);
  const Queue queue = queue_of(ask);
  if (queue == kById) {
    const std::optional<ConnectionRef> connection = find(ask.id);
    if (!connection) return refused(why_unknown(ask.id, now));
    const Slot& slot = slots_[connection->slot];
    if (!reachable_by_id(slot)) return refused(Errc::connection_closed);
    const Stream& stream = slot.streams[at(ask.direction)];
    if (ask.unless_reserved_by_others && reserved(stream.state) && is_another(stream.holder, ask.holder)) {
      return refused(Errc::stream_busy);
    }
  }
  SlotIndex index = kNoSlot;
  if (state_ == PoolState::running) {
    index = queue != kById                     ? choose(queue, ask.shard)
            : serves(slots_[ask.id.slot], ask) ? ask.id.slot
                                               : kNoSlot;
  }
  if (index == kNoSlot) return wait(ask, queue, now);
  if (queue != kById && settings_.selection == Selection::round_robin)
    next_shard_ = static_cast<ShardIndex>((slots_[index].shard + 1u) % shards_);

  Answer answer;
  answer.kind = Answer::Kind::granted;
  answer.grant = take(index, ask, now);
  meet_demand(now);  // it may have been the last silent stream that a Receive waited at
  return answer;
}

// An id that was guessed is told nothing.
Errc Pool::why_unknown(const ConnectionId& id, TimePoint now) const noexcept {
  const bool ours = id.secret == secret_of(id.slot, id.generation);
  return ours && expired_ids_.contains(id.ref(), now) ? Errc::reservation_expired : Errc::unknown_connection;
}

Answer Pool::refused(Errc why) noexcept {
  ++counters_.refusals;
  Answer answer;
  answer.kind = Answer::Kind::refused;
  answer.refusal = why;
  return answer;
}

// The connection on the request's shelf that the selection prefers (S1). Shelves have the one that came
// last in front. Bytes to read are taken oldest first, whatever the selection.
SlotIndex Pool::choose(Queue queue, ShardIndex shard) const noexcept {
  const Shelf shelf = shelf_for(queue);
  const auto first_from = [&](std::uint32_t start) -> const IndexList* {
    for (std::uint32_t i = 0, shard_now = start; i < shards_; ++i) {
      if (!shelves_[shard_now][shelf].empty()) return &shelves_[shard_now][shelf];
      shard_now = shard_now + 1 == shards_ ? 0 : shard_now + 1;
    }
    return nullptr;
  };
  const std::uint32_t own = shard < shards_ ? shard : 0;
  const bool oldest_first = shelf == kUnread || shelf == kUnreadBoth;
  if (oldest_first || settings_.selection == Selection::most_recent) {
    const IndexList* const list = first_from(own);
    if (list == nullptr) return kNoSlot;
    return oldest_first ? list->back() : list->front();
  }
  if (settings_.selection == Selection::round_robin) {  // shards in turn, on each the one unused for longest
    const IndexList* const list = first_from(next_shard_);
    if (list == nullptr) return kNoSlot;
    return list->back();
  }
  SlotIndex longest = kNoSlot;
  const auto unused_since = [&](SlotIndex index) {
    const auto& streams = slots_[index].streams;
    if (shelf == kBoth) return std::max(streams[0].since, streams[1].since);
    return streams[at(shelf == kInput ? Direction::input : Direction::output)].since;
  };
  for (const auto& of_one_shard : shelves_) {
    if (of_one_shard[shelf].empty()) continue;
    const SlotIndex candidate = of_one_shard[shelf].back();
    if (longest == kNoSlot || unused_since(candidate) < unused_since(longest)) longest = candidate;
  }
  return longest;
}

// A retiring connection still serves those who hold a reservation on it (V7).
bool Pool::reachable_by_id(const Slot& slot) const noexcept {
  return slot.state == ConnectionState::open &&
         (!slot.retiring || reserved(slot.streams[0].state) || reserved(slot.streams[1].state));
}

bool Pool::serves(const Slot& slot, const Ask& ask) const noexcept {
  return !in_use(slot.streams[at(ask.direction)].state) &&
         (!reserves_other(ask) || !in_use(slot.streams[at(other(ask.direction))].state));
}

// --- waiting ------------------------------------------------------------------------------------------

Duration Pool::patience_of(const Ask& ask) const noexcept {
  return ask.connection_timeout.value_or(settings_.connection_timeout);
}

Answer Pool::wait(const Ask& ask, Queue queue, TimePoint now) {
  const bool with_data = queue == kWithData || queue == kWithDataBoth;
  const bool silent = with_data && stream_there(queue - kWithData);
  if ((silent ? ask.data_timeout : patience_of(ask)) <= Duration::zero()) {
    ++counters_.timeouts;
    return refused(why_nothing_came(ask, queue));
  }
  if (gauges_.waiting >= std::min(settings_.max_waiters, kMostWaiters)) {
    return refused(Errc::too_many_waiters);
  }
  if (free_waiters_.empty()) {
    free_waiters_.push_back(static_cast<std::uint32_t>(waiters_.size()));
    waiters_.emplace_back();
  }
  const std::uint32_t index = free_waiters_.back();
  free_waiters_.pop_back();
  Waiter& waiter = waiters_[index];
  waiter.ticket = ++requests_ << kPlaceBits | index;
  waiter.queue = queue;
  waiter.since = now;
  waiter.ask = ask;
  line_of(waiter).push_back(index, [this](std::uint32_t i) -> IndexLinks& { return waiters_[i].links; });
  if (queue != kById && ask.may_open) ++may_open_[queue];
  ++gauges_.waiting;
  ++counters_.waits;
  set_deadlines(index);

  Answer answer;
  answer.kind = Answer::Kind::waiting;
  answer.ticket = {waiter.ticket};
  meet_demand(now);
  return answer;
}

IndexList& Pool::line_of(const Waiter& waiter) noexcept {
  if (waiter.queue != kById) return queues_[waiter.queue];
  return slots_[waiter.ask.id.slot].streams[at(waiter.ask.direction)].by_id[reserves_other(waiter.ask)];
}

void Pool::set_deadlines(std::uint32_t index) {
  const Waiter& waiter = waiters_[index];
  const TimePoint limit = deadline_after(waiter.since, patience_of(waiter.ask));
  if (waiter.queue != kWithData && waiter.queue != kWithDataBoth) {
    limits_.set(index, limit, waiter.ticket);
    return;
  }
  const int both = waiter.queue - kWithData;
  without_stream_[both].set(index, limit, waiter.ticket);
  beside_silent_[both].set(index, data_deadline(waiter), waiter.ticket);
}

// data_timeout counts from when there was a stream to wait at (N3); without one, from the beginning at
// the earliest.
TimePoint Pool::data_deadline(const Waiter& waiter) const noexcept {
  const int both = waiter.queue - kWithData;
  const TimePoint there = stream_there(both) ? there_since_[both] : waiter.since;
  return deadline_after(std::max(there, waiter.since), waiter.ask.data_timeout);
}

bool Pool::cancel(Ticket ticket, TimePoint now) {
  const std::uint32_t index = static_cast<std::uint32_t>(ticket.number & kMostWaiters);
  if (!ticket || index >= waiters_.size() || waiters_[index].ticket != ticket.number) return false;
  const Ask ask = waiters_[index].ask;
  remove_waiter(index);
  if (ask.id) settle(ask.id.slot, now);  // it may have stayed open for this request alone
  meet_demand(now);
  return true;
}

void Pool::remove_waiter(std::uint32_t index) {
  Waiter& waiter = waiters_[index];
  line_of(waiter).erase(index, [this](std::uint32_t i) -> IndexLinks& { return waiters_[i].links; });
  if (waiter.queue != kById && waiter.ask.may_open) --may_open_[waiter.queue];
  --gauges_.waiting;
  limits_.erase(index);
  for (int both = 0; both < 2; ++both) {
    without_stream_[both].erase(index);
    beside_silent_[both].erase(index);
  }
  waiter.ticket = 0;
  free_waiters_.push_back(index);
}

// --- serving ------------------------------------------------------------------------------------------

// The request that came first of those that may have a stream of this connection now; kNoIndex: none.
std::uint32_t Pool::oldest_for(SlotIndex index) const noexcept {
  const Slot& slot = slots_[index];
  std::uint32_t oldest = kNoIndex;
  const auto consider = [&](const IndexList& line) {
    const std::uint32_t front = line.front();
    if (front == kNoIndex) return;
    if (oldest == kNoIndex || waiters_[front].ticket < waiters_[oldest].ticket) oldest = front;
  };
  for (int queue = 0; queue < kAnyQueues; ++queue) {
    if ((slot.shelves >> shelf_for(static_cast<Queue>(queue)) & 1) != 0) consider(queues_[queue]);
  }
  if (!reachable_by_id(slot)) return oldest;
  for (const Direction direction : {Direction::input, Direction::output}) {
    if (in_use(slot.streams[at(direction)].state)) continue;
    consider(slot.streams[at(direction)].by_id[0]);
    if (!in_use(slot.streams[at(other(direction))].state)) consider(slot.streams[at(direction)].by_id[1]);
  }
  return oldest;
}

// Whatever makes a stream free ends here: it goes to the oldest request that may have it, in this call.
void Pool::serve(SlotIndex index, TimePoint now) {
  if (state_ != PoolState::running) return;
  while (gauges_.waiting != 0) {
    const std::uint32_t waiter = oldest_for(index);
    if (waiter == kNoIndex) break;
    grant_waiter(waiter, index, now);
  }
  offer_unread(index, now);
}

// After a pause: streams and requests have gathered without each other.
void Pool::serve_all(TimePoint now) {
  for (const std::uint32_t waiter : waiters_in_order()) {
    const Ask& ask = waiters_[waiter].ask;
    if (ask.id) {
      const Slot& slot = slots_[ask.id.slot];
      if (reachable_by_id(slot) && serves(slot, ask)) grant_waiter(waiter, ask.id.slot, now);
    } else if (const SlotIndex index = choose(waiters_[waiter].queue, ask.shard); index != kNoSlot) {
      grant_waiter(waiter, index, now);
    }
  }
  offer_all_unread(now);
}

void Pool::grant_waiter(std::uint32_t index, SlotIndex slot, TimePoint now) {
  const Waiter waiter = waiters_[index];
  remove_waiter(index);
  const Grant grant = take(slot, waiter.ask, now);
  Action& action = act(Action::Kind::grant);
  action.ticket = {waiter.ticket};
  action.grant = grant;
  action.waited_since = waiter.since;
}

void Pool::refuse_waiter(std::uint32_t index, Errc why, TimePoint) {
  Action& action = act(Action::Kind::refuse);
  action.ticket = {waiters_[index].ticket};
  action.refusal = why;
  action.waited_since = waiters_[index].since;
  ++counters_.refusals;
  remove_waiter(index);
}

void Pool::refuse_by_id(Slot& slot, Errc why, TimePoint now) {
  for (;;) {
    std::uint32_t oldest = kNoIndex;
    for (const Stream& stream : slot.streams) {
      for (const IndexList& line : stream.by_id) {
        const std::uint32_t front = line.front();
        if (front == kNoIndex) continue;
        if (oldest == kNoIndex || waiters_[front].ticket < waiters_[oldest].ticket) oldest = front;
      }
    }
    if (oldest == kNoIndex) return;
    refuse_waiter(oldest, why, now);
  }
}

std::vector<std::uint32_t> Pool::waiters_in_order() const {
  std::vector<std::uint32_t> order;
  for (std::uint32_t index = 0; index < waiters_.size(); ++index) {
    if (waiters_[index].ticket != 0) order.push_back(index);
  }
  std::sort(order.begin(), order.end(),
            [this](auto a, auto b) { return waiters_[a].ticket < waiters_[b].ticket; });
  return order;
}

// --- Input nodes --------------------------------------------------------------------------------------

SubscriptionId Pool::subscribe(const Holder& holder, TimePoint now) {
  const SubscriptionId id{++subscriptions_};
  subscribers_.push_back({id, holder});
  if (state_ == PoolState::running) offer_all_unread(now);
  meet_demand(now);
  return id;
}

void Pool::unsubscribe(SubscriptionId subscription) {
  const auto found = std::find_if(subscribers_.begin(), subscribers_.end(),
                                  [&](const Subscriber& s) { return s.id == subscription; });
  if (found == subscribers_.end()) return;
  const auto place = static_cast<std::size_t>(found - subscribers_.begin());
  subscribers_.erase(found);
  if (next_subscriber_ > place) --next_subscriber_;
}

void Pool::offer_all_unread(TimePoint now) {
  if (subscribers_.empty()) return;
  for (std::uint32_t shard = 0; shard < shards_; ++shard) {
    while (!shelves_[shard][kUnread].empty()) offer_unread(shelves_[shard][kUnread].back(), now);
  }
}

void Pool::offer_unread(SlotIndex index, TimePoint now) {
  if (subscribers_.empty() || (slots_[index].shelves >> kUnread & 1) == 0) return;
  if (next_subscriber_ >= subscribers_.size()) next_subscriber_ = 0;
  const Subscriber& subscriber = subscribers_[next_subscriber_++];
  Ask ask;
  ask.direction = Direction::input;
  ask.holder = subscriber.holder;
  const Grant grant = take(index, ask, now);
  Action& action = act(Action::Kind::offer);
  action.subscription = subscriber.id;
  action.grant = grant;
}

// --- time ---------------------------------------------------------------------------------------------

// Why a request that has waited for long enough got nothing (L4).
Errc Pool::why_nothing_came(const Ask& ask, Queue queue) const noexcept {
  const bool with_data = queue == kWithData || queue == kWithDataBoth;
  if (state_ == PoolState::paused) return Errc::manager_paused;
  if (ask.id) return Errc::stream_busy;
  if (with_data && stream_there(queue - kWithData)) return Errc::timeout;
  const bool at_maximum =
      settings_.max_connections != 0 && gauges_.open + gauges_.closing >= settings_.max_connections;
  if (peer_down_ && !at_maximum) return last_connect_error_;
  if (permits_wanted_ != 0 && !at_maximum) return Errc::budget_exhausted;
  return Errc::pool_exhausted;
}

// The waiter whose limit has passed first; kNoIndex: none has.
std::uint32_t Pool::next_due(TimePoint now) {
  const DeadlineHeap* earliest = &limits_;
  const auto before = [](const DeadlineHeap& a, const DeadlineHeap& b) {
    if (a.empty() || b.empty()) return !a.empty();
    return a.top().at != b.top().at ? a.top().at < b.top().at : a.top().order < b.top().order;
  };
  for (int both = 0; both < 2; ++both) {
    DeadlineHeap& silent = beside_silent_[both];
    while (stream_there(both) && !silent.empty()) {
      const DeadlineHeap::Entry top = silent.top();
      const TimePoint deadline = data_deadline(waiters_[top.item]);
      if (top.at > now || deadline == top.at) break;
      silent.set(top.item, deadline, top.order);  // a stream came later than this waiter
    }
    const DeadlineHeap& asked = stream_there(both) ? silent : without_stream_[both];
    if (before(asked, *earliest)) earliest = &asked;
  }
  return !earliest->empty() && earliest->top().at <= now ? earliest->top().item : kNoIndex;
}

void Pool::on_time(TimePoint now) {
  for (;;) {
    const std::uint32_t due = next_due(now);
    if (due == kNoIndex) break;
    const Ask ask = waiters_[due].ask;
    ++counters_.timeouts;
    refuse_waiter(due, why_nothing_came(ask, waiters_[due].queue), now);
    if (ask.id) settle(ask.id.slot, now);  // it may have stayed open for this request alone
  }
  expire_reservations(now);
  meet_demand(now);
}

TimePoint Pool::next_deadline() const noexcept {
  TimePoint earliest = std::min({retry_wake_, limits_.earliest(), expiries_.earliest()});
  if (gauges_.waiting == 0) return earliest;  // as after most calls
  for (int both = 0; both < 2; ++both) {
    const DeadlineHeap& asked = stream_there(both) ? beside_silent_[both] : without_stream_[both];
    earliest = std::min(earliest, asked.earliest());
  }
  return earliest;
}

}  // namespace connmgr

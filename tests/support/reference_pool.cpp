#include "tests/support/reference_pool.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace connmgr::test {
namespace {

using State = ConnectionState;
constexpr int at(Direction direction) {
  return static_cast<int>(direction);
}
bool reserves_other(const Ask& ask) {
  return ask.other_stream == StreamChange::reserve ||
         ask.other_stream == StreamChange::reserve_until_flow_end;
}

}  // namespace

std::string Said::text() const {
  static constexpr const char* kNames[] = {"granted", "refused", "waiting",     "grant",
                                           "refuse",  "offer",   "want_permit", "return_permit",
                                           "open",    "abandon", "close",       "abort"};
  std::string text = kNames[static_cast<int>(kind)];
  const auto add = [&](const char* name, auto value) {
    if (value != 0) text += std::string(" ") + name + "=" + std::to_string(value);
  };
  add("request", request);
  add("subscription", subscription);
  add("connection", connection);
  add("direction", direction);
  add("shard", shard);
  add("reservation", reservation);
  add("refusal", refusal);
  add("cause", cause);
  return text;
}

ReferencePool::ReferencePool(const PoolSettings& settings, std::uint32_t shards)
    : settings_(settings), shards_(shards) {}

// --- looking -------------------------------------------------------------------------------------------

ReferencePool::Connection* ReferencePool::find(std::uint64_t number) {
  for (Connection& c : connections_) {
    if (c.number == number) return &c;
  }
  return nullptr;
}

std::uint32_t ReferencePool::count(State state) const {
  return static_cast<std::uint32_t>(std::count_if(connections_.begin(), connections_.end(),
                                                  [&](const Connection& c) { return c.state == state; }));
}
std::uint32_t ReferencePool::attempts() const {
  return count(State::connecting) + count(State::wants_permit);
}

PoolGauges ReferencePool::gauges() const {
  PoolGauges g;
  g.connecting = attempts();
  g.open = count(State::open);
  g.closing = count(State::closing);
  for (const Connection& c : connections_) {
    const auto used = [](const Stream& s) { return s.in_use || s.reservation != 0; };
    if (c.state == State::open && (used(c.streams[0]) || used(c.streams[1]))) ++g.used;
  }
  g.waiting = static_cast<std::uint32_t>(requests_.size());
  return g;
}

bool ReferencePool::entitled(const Connection& c, int shelf) const {
  if (c.state != State::open || c.retiring) return false;
  const auto free = [&](int d) { return !c.streams[d].in_use && c.streams[d].reservation == 0; };
  switch (shelf) {
    case kInput: return free(0) && !c.ended;
    case kOutput: return free(1) && !c.ended;
    case kBoth: return free(0) && free(1) && !c.ended;
    case kUnread: return free(0) && c.unread;
    default: return free(0) && free(1) && c.unread;
  }
}

void ReferencePool::put_on_shelves(TimePoint now) {
  for (Connection& c : connections_) {
    for (int shelf = 0; shelf < kShelves; ++shelf) {
      const bool on = entitled(c, shelf);
      if (on && !c.on[shelf]) c.entered[shelf] = ++stamps_;
      c.on[shelf] = on;
    }
  }
  for (int both = 0; both < 2; ++both) {
    const bool there = any_on(both ? kBoth : kInput);
    if (there && !there_[both]) there_since_[both] = now;
    there_[both] = there;
  }
}

bool ReferencePool::any_on(int shelf) const {
  return std::any_of(connections_.begin(), connections_.end(),
                     [&](const Connection& c) { return c.on[shelf]; });
}

int ReferencePool::shelf_for(const Ask& ask) const {
  const bool both = reserves_other(ask);
  if (ask.direction == Direction::input && ask.with_data) return both ? kUnreadBoth : kUnread;
  return both ? kBoth : at(ask.direction);
}

bool ReferencePool::reachable(const Connection& c) const {
  return c.state == State::open &&
         (!c.retiring || c.streams[0].reservation != 0 || c.streams[1].reservation != 0);
}

ReferencePool::Connection* ReferencePool::choose(const Wish& wish) {
  const Ask& ask = wish.ask;
  if (wish.connection != 0) {
    Connection* const c = find(wish.connection);
    if (c == nullptr || !reachable(*c) || c->streams[at(ask.direction)].in_use) return nullptr;
    return reserves_other(ask) && c->streams[at(other(ask.direction))].in_use ? nullptr : c;
  }
  const int shelf = shelf_for(ask);
  const bool reading = shelf == kUnread || shelf == kUnreadBoth;
  const bool newest = !reading && settings_.selection == Selection::most_recent;
  const auto best_of = [&](int shard) {
    Connection* best = nullptr;
    for (Connection& c : connections_) {
      if (!c.on[shelf] || c.shard != shard) continue;
      if (best == nullptr ||
          (newest ? c.entered[shelf] > best->entered[shelf] : c.entered[shelf] < best->entered[shelf])) {
        best = &c;
      }
    }
    return best;
  };
  const auto since = [&](const Connection& c) {
    if (shelf == kBoth) return std::max(c.streams[0].since, c.streams[1].since);
    return c.streams[shelf].since;
  };
  const int shards = static_cast<int>(shards_);
  if (!reading && settings_.selection == Selection::least_recent) {
    Connection* longest = nullptr;
    for (int shard = 0; shard < shards; ++shard) {
      Connection* const c = best_of(shard);
      if (c != nullptr && (longest == nullptr || since(*c) < since(*longest))) longest = c;
    }
    return longest;
  }
  const bool in_turn = !reading && settings_.selection == Selection::round_robin;
  for (int i = 0; i < shards; ++i) {
    const int shard = ((in_turn ? next_shard_ : ask.shard) + i) % shards;
    Connection* const c = best_of(shard);
    if (c == nullptr) continue;
    return c;
  }
  return nullptr;
}

// --- requests ------------------------------------------------------------------------------------------

Said ReferencePool::take(Connection& c, const Ask& ask, TimePoint now) {
  Stream& stream = c.streams[at(ask.direction)];
  check(c.state == State::open && !stream.in_use, "the reference hands out what is free");
  stream.in_use = true;
  stream.since = now;
  Said said{.kind = Said::Kind::granted};
  said.connection = c.number;
  said.direction = at(ask.direction);
  said.shard = c.shard;
  if (reserves_other(ask)) said.reservation = change(c, other(ask.direction), StreamChange::reserve, now);
  put_on_shelves(now);
  return said;
}

Said ReferencePool::acquire(const Wish& wish, TimePoint now) {
  const auto refused = [](Errc why) {
    return Said{.kind = Said::Kind::refused, .refusal = static_cast<int>(why)};
  };
  if (state_ == PoolState::stopping) return refused(stop_error_);
  if (wish.ask.id) {
    Connection* const c = wish.known ? find(wish.connection) : nullptr;
    if (c == nullptr || c->state != State::open) {
      for (const auto& [number, since] : expired_) {
        if (wish.known && number == wish.connection && now - since < std::chrono::hours(1)) {
          return refused(Errc::reservation_expired);
        }
      }
      return refused(Errc::unknown_connection);
    }
    if (!reachable(*c)) return refused(Errc::connection_closed);
  }
  // While paused the choice is not made: nothing is handed out.
  if (state_ == PoolState::running) {
    if (Connection* const c = choose(wish)) {
      const Said said = take(*c, wish.ask, now);
      const bool in_turn = settings_.selection == Selection::round_robin;
      if (wish.connection == 0 && in_turn) next_shard_ = (said.shard + 1) % static_cast<int>(shards_);
      open_what_is_wanted(now);
      return said;
    }
  }
  if (deadline({.wish = wish, .since = now}) <= now) return refused(why_nothing(wish));
  if (requests_.size() >= settings_.max_waiters) return refused(Errc::too_many_waiters);
  requests_.push_back({++waited_, wish, now});
  open_what_is_wanted(now);
  return Said{.kind = Said::Kind::waiting, .request = waited_};
}

TimePoint ReferencePool::deadline(const Request& r) const {
  const Ask& ask = r.wish.ask;
  const int both = reserves_other(ask);
  const bool with_data = ask.with_data && ask.direction == Direction::input && !ask.id;
  if (with_data && there_[both])
    return deadline_after(std::max(there_since_[both], r.since), ask.data_timeout);
  return deadline_after(r.since, ask.connection_timeout.value_or(settings_.connection_timeout));
}

Errc ReferencePool::why_nothing(const Wish& wish) const {
  if (state_ == PoolState::paused) return Errc::manager_paused;
  if (wish.ask.id) return Errc::stream_busy;
  if (wish.ask.direction == Direction::input && wish.ask.with_data && there_[reserves_other(wish.ask)]) {
    return Errc::timeout;
  }
  const std::uint32_t there = count(State::open) + count(State::closing);
  const bool full = settings_.max_connections != 0 && there >= settings_.max_connections;
  if (peer_down_ && !full) return last_error_;
  return !full && count(State::wants_permit) != 0 ? Errc::budget_exhausted : Errc::pool_exhausted;
}

void ReferencePool::refuse(std::uint64_t request, Errc why) {
  std::erase_if(requests_, [&](const Request& r) { return r.number == request; });
  say({.kind = Said::Kind::refuse, .request = request, .refusal = static_cast<int>(why)});
}

bool ReferencePool::cancel(std::uint64_t request, TimePoint now) {
  if (std::erase_if(requests_, [&](const Request& r) { return r.number == request; }) == 0) return false;
  settle(now);
  return true;
}

// Oldest first, each what it may have. Then what is left to read goes to the Input nodes in turn.
void ReferencePool::serve(TimePoint now) {
  if (state_ != PoolState::running) return;
  const std::vector<Request> waiting = requests_;
  for (const Request& r : waiting) {
    Connection* const c = choose(r.wish);
    if (c == nullptr) continue;
    std::erase_if(requests_, [&](const Request& other) { return other.number == r.number; });
    Said said = take(*c, r.wish.ask, now);
    said.kind = Said::Kind::grant;
    said.request = r.number;
    say(said);
  }
  offer(now);
}

void ReferencePool::offer(TimePoint now) {
  if (subscribers_.empty()) return;
  for (int shard = 0; shard < static_cast<int>(shards_); ++shard) {
    for (;;) {
      Connection* oldest = nullptr;
      for (Connection& c : connections_) {
        if (!c.on[kUnread] || c.shard != shard) continue;
        if (oldest == nullptr || c.entered[kUnread] < oldest->entered[kUnread]) oldest = &c;
      }
      if (oldest == nullptr) break;
      if (next_subscriber_ >= subscribers_.size()) next_subscriber_ = 0;
      Said said = take(*oldest, Ask{.direction = Direction::input}, now);
      said.kind = Said::Kind::offer;
      said.subscription = subscribers_[next_subscriber_++];
      say(said);
    }
  }
}

std::uint32_t ReferencePool::subscribe(TimePoint now) {
  subscribers_.push_back(++subscriptions_);
  if (state_ == PoolState::running) offer(now);
  open_what_is_wanted(now);
  return subscriptions_;
}

void ReferencePool::unsubscribe(std::uint32_t subscription) {
  const auto found = std::find(subscribers_.begin(), subscribers_.end(), subscription);
  if (found == subscribers_.end()) return;
  if (next_subscriber_ > static_cast<std::size_t>(found - subscribers_.begin())) --next_subscriber_;
  subscribers_.erase(found);
}

// --- streams -------------------------------------------------------------------------------------------

std::uint32_t ReferencePool::change(Connection& c, Direction direction, StreamChange how, TimePoint now) {
  Stream& stream = c.streams[at(direction)];
  if (how == StreamChange::leave_unchanged) return 0;
  if (how == StreamChange::release) {
    if (stream.reservation != 0 && !stream.in_use) stream.since = now;
    stream.reservation = 0;
    return 0;
  }
  if (!stream.in_use) stream.since = now;
  return stream.reservation = ++c.reservations;
}

std::pair<std::uint32_t, std::uint32_t> ReferencePool::give_back(std::uint64_t number, Direction direction,
                                                                 const Return& how, TimePoint now) {
  Connection& c = *find(number);
  Stream& stream = c.streams[at(direction)];
  stream.in_use = false;
  stream.since = now;
  if (c.state != State::open) {
    remove_gone();
    return {};
  }
  if (!c.carried) retry_[0] = {};
  c.carried = true;
  if (direction == Direction::input) c.unread = how.unread;
  const std::uint32_t own = change(c, direction, how.own, now);
  const std::uint32_t others = change(c, other(direction), how.other, now);
  returned(number, now);
  return {own, others};
}

std::uint32_t ReferencePool::modify(std::uint64_t number, Direction direction, StreamChange how,
                                    TimePoint now) {
  Connection* const c = find(number);
  if (c == nullptr || c->state != State::open || how == StreamChange::leave_unchanged) return 0;
  const std::uint32_t made = change(*c, direction, how, now);
  if (how == StreamChange::release) {
    returned(number, now);
  } else {
    settle(now);
  }
  return made;
}

void ReferencePool::release(std::uint64_t number, Direction direction, std::uint32_t reservation,
                            TimePoint now) {
  Connection* const c = find(number);
  if (c == nullptr || c->state != State::open || reservation == 0) return;
  if (c->streams[at(direction)].reservation != reservation) return;
  change(*c, direction, StreamChange::release, now);
  returned(number, now);
}

// --- connections -----------------------------------------------------------------------------------------

ReferencePool::Connection& ReferencePool::create(State state, int shard, TimePoint now) {
  Connection& c = connections_.emplace_back();
  c.number = ++made_;
  c.state = state;
  c.shard = shard;
  c.streams[0].since = c.streams[1].since = now;
  return c;
}

void ReferencePool::remove_gone() {
  std::erase_if(connections_, [](const Connection& c) {
    return c.state == State::gone ||
           (c.state == State::ended && !c.streams[0].in_use && !c.streams[1].in_use);
  });
}

void ReferencePool::abandon(Connection& c, CloseCause cause) {
  if (c.state == State::wants_permit) {
    if (c.permit) say({.kind = Said::Kind::return_permit});
    c.state = State::gone;
  } else if (c.state == State::connecting) {
    c.state = State::closing;
    c.cause = cause;
    c.forced = true;
    say({.kind = Said::Kind::abandon, .connection = c.number, .cause = static_cast<int>(cause)});
  }
}

void ReferencePool::end(Connection& c, CloseCause cause, bool by_force, TimePoint now) {
  const bool by_the_peer = cause == CloseCause::peer || cause == CloseCause::reset ||
                           cause == CloseCause::timed_out || cause == CloseCause::failed;
  if (settings_.role == PoolRole::client) {
    if (c.carried || now - c.opened_at >= std::chrono::seconds(1)) {
      retry_[0] = {};
    } else if (by_the_peer) {
      failed(0, now);
      peer_down_ = true;
      last_error_ = Errc::connect_failed;
    }
  }
  c.state = State::closing;
  c.cause = cause;
  c.forced = by_force;
  c.streams[0].reservation = c.streams[1].reservation = 0;
  put_on_shelves(now);
  const std::vector<Request> waiting = requests_;
  for (const Request& r : waiting) {
    if (r.wish.connection == c.number) refuse(r.number, errc_of_end(cause));
  }
  say({.kind = by_force ? Said::Kind::abort : Said::Kind::close,
       .connection = c.number,
       .cause = static_cast<int>(cause)});
}

bool ReferencePool::over_maximum() const {
  if (settings_.max_connections == 0) return false;
  std::uint32_t live = attempts();
  for (const Connection& c : connections_) live += c.state == State::open && !c.retiring;
  return live > settings_.max_connections;
}

void ReferencePool::came_back(Connection& c, TimePoint now) {
  if (over_maximum() && !c.retiring) {
    c.retiring = true;
    c.cause = CloseCause::over_maximum;
  }
  settle(now);
}

void ReferencePool::returned(std::uint64_t number, TimePoint now) {
  came_back(*find(number), now);
  std::uint32_t live = 0;
  for (const Connection& c : connections_) live += c.state == State::open && !c.retiring;
  Connection* const c = find(number);
  if (c == nullptr || state_ != PoolState::running || c->state != State::open || c->retiring || c->unread)
    return;
  for (const Stream& stream : c->streams) {
    if (stream.in_use || stream.reservation != 0) return;
  }
  if (live <= std::max(settings_.max_kept, settings_.min_connections)) return;
  c->retiring = true;
  c->cause = CloseCause::over_maximum;
  settle(now);
}

bool ReferencePool::may_close(const Connection& c) const {
  if (c.state != State::open || c.streams[0].in_use || c.streams[1].in_use) return false;
  if (state_ == PoolState::stopping) return true;
  if (c.streams[0].reservation != 0 || c.streams[1].reservation != 0) return false;
  if (c.retiring) return true;
  const bool wanted = std::any_of(requests_.begin(), requests_.end(),
                                  [&](const Request& r) { return r.wish.connection == c.number; });
  return c.ended && !c.unread && !wanted;
}

// After anything has happened.
void ReferencePool::settle(TimePoint now) {
  put_on_shelves(now);
  const std::vector<Request> waiting = requests_;
  for (const Request& r : waiting) {
    if (r.wish.connection == 0) continue;
    const Connection* const c = find(r.wish.connection);
    if (!reachable(*c)) refuse(r.number, errc_of_end(c->cause));
  }
  serve(now);
  close_what_may(now);
  open_what_is_wanted(now);
}

void ReferencePool::close_what_may(TimePoint now) {
  for (Connection& c : connections_) {
    if (!may_close(c)) continue;
    end(c, state_ == PoolState::stopping ? stop_cause_ : c.retiring ? c.cause : CloseCause::peer, false, now);
  }
}

void ReferencePool::failed(int which, TimePoint now) {
  Retry& retry = retry_[which];
  const RetrySettings& s = settings_.retry;
  const auto ns = [](Duration d) { return static_cast<double>(d.count()); };
  const double longest = std::max(ns(s.max_delay), ns(s.max_delay_with_waiters));
  retry.delay = retry.failures++ == 0 ? ns(s.delay) : std::min(retry.delay * s.backoff, longest);
  const double alone = std::min(retry.delay, ns(s.max_delay));
  retry.next = now + Duration(static_cast<Duration::rep>(alone));
  retry.next_with_waiters =
      now + Duration(static_cast<Duration::rep>(std::min(alone, ns(s.max_delay_with_waiters))));
}

TimePoint ReferencePool::earliest_attempt() const {
  if (requests_.empty()) return std::max(retry_[0].next, retry_[1].next);
  return std::max(retry_[0].next_with_waiters, retry_[1].next_with_waiters);
}

bool ReferencePool::wants_another() const {
  if (settings_.role == PoolRole::server || state_ != PoolState::running) return false;
  const std::uint32_t trying = attempts();
  const std::uint32_t all = trying + count(State::open) + count(State::closing);
  if (settings_.max_connections != 0 && all >= settings_.max_connections) return false;
  if (settings_.max_connecting != 0 && trying >= settings_.max_connecting) return false;
  if (peer_down_ && trying >= 1) return false;
  std::uint32_t need[2] = {0, 0};
  std::uint32_t both = 0;
  bool data[2] = {false, false};
  for (const Request& r : requests_) {
    const Ask& ask = r.wish.ask;
    if (ask.id || !ask.may_open) continue;
    if (ask.direction == Direction::input && ask.with_data) {
      data[reserves_other(ask)] = true;
    } else if (reserves_other(ask)) {
      ++both;
    } else {
      ++need[at(ask.direction)];
    }
  }
  if (data[0] && !there_[0]) ++need[0];
  if (data[1] && !there_[1]) ++both;
  std::uint32_t usable = 0;
  for (const Connection& c : connections_) usable += c.state == State::open && !c.retiring && !c.ended;
  return both + std::max(need[0], need[1]) > trying || usable + trying < settings_.min_connections;
}

void ReferencePool::open_what_is_wanted(TimePoint now) {
  while (wants_another() && earliest_attempt() <= now) {
    std::vector<int> of_shard(shards_);
    for (const Connection& c : connections_) of_shard[c.shard] += c.state != State::ended;
    const auto fewest = std::min_element(of_shard.begin(), of_shard.end());
    const auto state = settings_.with_permits ? State::wants_permit : State::connecting;
    const Connection& c = create(state, static_cast<int>(fewest - of_shard.begin()), now);
    say({.kind = settings_.with_permits ? Said::Kind::want_permit : Said::Kind::open,
         .connection = c.number,
         .shard = c.shard});
  }
}

// --- events ----------------------------------------------------------------------------------------------

void ReferencePool::start(TimePoint now) {
  state_ = PoolState::running;
  settle(now);
}

void ReferencePool::pause() {
  if (state_ == PoolState::running) state_ = PoolState::paused;
}

void ReferencePool::resume(TimePoint now) {
  if (state_ != PoolState::paused) return;
  state_ = PoolState::running;
  settle(now);
}

void ReferencePool::stop(Errc why, CloseCause cause, TimePoint now) {
  state_ = PoolState::stopping;
  stop_error_ = why;
  stop_cause_ = cause;
  while (!requests_.empty()) refuse(requests_.front().number, why);
  for (Connection& c : connections_) abandon(c, cause);
  remove_gone();
  settle(now);
}

void ReferencePool::abort_all(CloseCause cause, TimePoint now) {
  for (Connection& c : connections_) {
    abandon(c, cause);
    if (c.state == State::open) {
      end(c, cause, true, now);
    } else if (c.state == State::closing && !c.forced) {
      c.forced = true;
      say({.kind = Said::Kind::abort, .connection = c.number, .cause = static_cast<int>(cause)});
    }
  }
  remove_gone();
}

void ReferencePool::retire_all(CloseCause cause, TimePoint now) {
  for (Connection& c : connections_) {
    if (c.state == State::connecting) abandon(c, cause);
    if (c.state != State::open || c.retiring) continue;
    c.retiring = true;
    c.cause = cause;
  }
  settle(now);
}

void ReferencePool::apply(const PoolSettings& settings, TimePoint now) {
  settings_ = settings;
  std::vector<Connection*> unused;
  std::vector<Connection*> trying;
  for (Connection& c : connections_) {
    if (c.state == State::open && !c.retiring && !c.streams[0].in_use && !c.streams[1].in_use &&
        c.streams[0].reservation == 0 && c.streams[1].reservation == 0) {
      unused.push_back(&c);
    }
    if (c.state == State::connecting || c.state == State::wants_permit) trying.push_back(&c);
  }
  const auto last_used = [](const Connection* c) {
    return std::max(c->streams[0].since, c->streams[1].since);
  };
  std::stable_sort(unused.begin(), unused.end(), [&](auto* a, auto* b) {
    return std::tuple(a->unread, last_used(a), a->number) < std::tuple(b->unread, last_used(b), b->number);
  });
  std::sort(trying.begin(), trying.end(), [](auto* a, auto* b) { return a->number > b->number; });
  for (Connection* const c : unused) {
    if (!over_maximum()) break;
    c->retiring = true;
    c->cause = CloseCause::over_maximum;
  }
  for (Connection* const c : trying) {
    if (over_maximum()) abandon(*c, CloseCause::over_maximum);
  }
  remove_gone();
  settle(now);
}

void ReferencePool::permit_granted(TimePoint now) {
  retry_[1] = {};
  for (Connection& c : connections_) {
    if (c.state != State::wants_permit) continue;
    c.permit = true;
    const std::uint32_t all = attempts() + count(State::open) + count(State::closing);
    if (state_ != PoolState::running || (settings_.max_connections != 0 && all > settings_.max_connections)) {
      abandon(c, CloseCause::never_opened);
      remove_gone();
      return settle(now);
    }
    c.state = State::connecting;
    say({.kind = Said::Kind::open, .connection = c.number, .shard = c.shard});
    return settle(now);
  }
  say({.kind = Said::Kind::return_permit});
  settle(now);
}

void ReferencePool::permit_refused(TimePoint now) {
  for (Connection& c : connections_) {
    if (c.state != State::wants_permit) continue;
    failed(1, now);
    c.state = State::gone;
    break;
  }
  remove_gone();
  settle(now);
}

void ReferencePool::opened(std::uint64_t number, TimePoint now) {
  Connection* const c = find(number);
  if (c == nullptr || c->state != State::connecting) return;
  peer_down_ = false;
  last_error_ = {};
  c->state = State::open;
  c->opened = true;
  c->opened_at = c->streams[0].since = c->streams[1].since = now;
  came_back(*c, now);
}

void ReferencePool::open_failed(std::uint64_t number, Errc why, TimePoint now) {
  Connection* const c = find(number);
  if (c == nullptr) return;
  if (c->state == State::closing && !c->opened) return closed(number, now);
  if (c->state != State::connecting) return;
  peer_down_ = true;
  last_error_ = why;
  failed(0, now);
  if (c->permit) say({.kind = Said::Kind::return_permit});
  c->state = State::gone;
  remove_gone();
  settle(now);
}

std::uint64_t ReferencePool::admit(ShardIndex shard, TimePoint now) {
  const std::uint32_t all = count(State::open) + count(State::closing);
  if (state_ != PoolState::running || (settings_.max_connections != 0 && all >= settings_.max_connections)) {
    return 0;
  }
  Connection& c = create(State::open, shard, now);
  const std::uint64_t number = c.number;
  c.opened = true;
  c.opened_at = now;
  settle(now);
  return number;
}

void ReferencePool::data_arrived(std::uint64_t number, TimePoint now) {
  Connection* const c = find(number);
  if (c == nullptr || c->state != State::open) return;
  c->unread = true;
  c->arrived_at = now;
  if (!c->carried) retry_[0] = {};
  c->carried = true;
  settle(now);
}

void ReferencePool::input_ended(std::uint64_t number, bool unread, TimePoint now) {
  Connection* const c = find(number);
  if (c == nullptr || c->state != State::open) return;
  c->ended = true;
  c->unread = unread;
  c->arrived_at = now;
  settle(now);
}

void ReferencePool::broken(std::uint64_t number, CloseCause cause, TimePoint now) {
  Connection* const c = find(number);
  if (c == nullptr || c->state != State::open) return;
  end(*c, cause, true, now);
  settle(now);
}

void ReferencePool::close(std::uint64_t number, CloseCause cause, TimePoint now) {
  Connection* const c = find(number);
  if (c == nullptr || c->state != State::open) return;
  if (cause == CloseCause::node && c->streams[0].reservation != 0) {
    if (!c->retiring) {
      c->retiring = true;
      c->cause = cause;
    }
  } else {
    end(*c, cause, false, now);
  }
  settle(now);
}

void ReferencePool::closed(std::uint64_t number, TimePoint now) {
  Connection* const c = find(number);
  if (c == nullptr || c->state != State::closing) return;
  c->state = State::ended;
  if (c->permit) say({.kind = Said::Kind::return_permit});
  remove_gone();
  settle(now);
}

void ReferencePool::on_time(TimePoint now) {
  for (;;) {
    const Request* due = nullptr;
    for (const Request& r : requests_) {
      if (deadline(r) <= now && (due == nullptr || deadline(r) < deadline(*due))) due = &r;
    }
    if (due == nullptr) break;
    const std::uint64_t number = due->number;
    refuse(number, why_nothing(due->wish));
    close_what_may(now);
  }
  expire(now);
  open_what_is_wanted(now);
}

// While a stream is in use the time does not run.
TimePoint ReferencePool::expiry(const Connection& c, TimePoint now) const {
  if (c.state != State::open || (c.streams[0].reservation == 0 && c.streams[1].reservation == 0))
    return kNever;
  if (c.streams[0].in_use || c.streams[1].in_use) return deadline_after(now, settings_.reservation_expiry);
  return deadline_after(std::max({c.streams[0].since, c.streams[1].since, c.arrived_at}),
                        settings_.reservation_expiry);
}

void ReferencePool::expire(TimePoint now) {
  for (Connection& c : connections_) {
    if (expiry(c, now) > now) continue;
    expired_.emplace_back(c.number, now);
    end(c, CloseCause::expired, false, now);
  }
}

TimePoint ReferencePool::next_deadline(TimePoint now) const {
  TimePoint earliest = kNever;
  for (const Request& r : requests_) earliest = std::min(earliest, deadline(r));
  for (const Connection& c : connections_) earliest = std::min(earliest, expiry(c, now));
  if (wants_another() && earliest_attempt() > now) earliest = std::min(earliest, earliest_attempt());
  return earliest;
}

std::vector<Said> ReferencePool::take_said() {
  return std::exchange(said_, {});
}

}  // namespace connmgr::test

#include "tests/support/pool_walk.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "connmgr/core/pool.h"
#include "tests/support/reference_pool.h"

namespace connmgr::test {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t kEventBytes = 4;
constexpr std::uint32_t kShards = 3;

PoolSettings settings_from(std::uint8_t a, std::uint8_t b, std::uint8_t c) {
  PoolSettings s;
  s.role = a % 3 == 0 ? PoolRole::server : PoolRole::client;
  s.with_permits = s.role == PoolRole::client && a % 4 == 1;
  s.selection = static_cast<Selection>(a / 16 % 3);
  s.max_connections = b % 6;  // 0: unlimited
  s.min_connections = b / 16 % 3;
  if (s.max_connections != 0) s.min_connections = std::min(s.min_connections, s.max_connections);
  s.max_kept = a / 64 == 0 ? a / 4 % 4 : UINT32_MAX;
  s.max_connecting = 1 + b / 64;
  s.max_waiters = c % 4 == 0 ? 2 : 8;
  s.connection_timeout = c % 5 == 0 ? 0s : c % 5 == 1 ? kForever : std::chrono::seconds(c % 5);
  s.reservation_expiry = c / 16 % 4 == 3 ? kForever : std::chrono::seconds(1 + c / 16 % 4 * 2);
  s.retry.jitter = 0;  // the reference throws no dice
  return s;
}

class Walk {
 public:
  explicit Walk(const PoolSettings& settings)
      : pool_(settings, kShards, IdKey{5, 6}), reference_(settings, kShards) {
    both([&] { pool_.start(now_); }, [&] { reference_.start(now_); });
  }

  bool step(std::uint8_t kind, std::uint8_t a, std::uint8_t b, std::uint8_t c);
  const std::string& event() const { return event_; }
  std::string difference() const { return difference_; }
  void add_to(WalkTotals& totals) const {
    const PoolCounters& counters = pool_.counters();
    totals.steps += steps_;
    totals.gets += counters.gets;
    totals.waits += counters.waits;
    totals.refusals += counters.refusals;
    totals.opened += counters.opened;
    totals.closed += counters.closed;
  }

 private:
  struct Known {
    ConnectionRef ref;
    ConnectionId id;
    std::uint64_t number = 0;
  };
  struct Held {
    ConnectionRef ref;
    std::uint64_t number = 0;
    Direction direction = Direction::input;
  };
  struct Waiting {
    Ticket ticket;
    std::uint64_t number = 0;
  };
  struct Made {
    Reservation reservation;
    std::uint64_t number = 0;
  };

  template <class OfPool, class OfReference>
  void both(OfPool&& of_pool, OfReference&& of_reference) {
    of_pool();
    of_reference();
  }
  void ask(std::uint8_t a, std::uint8_t b, std::uint8_t c);
  void return_one(std::uint8_t a, std::uint8_t b);
  void administer(std::uint8_t a, std::uint8_t b, std::uint8_t c);
  void compare_actions();
  void compare_counts();
  Said as_said(const Action& action);
  std::uint64_t number_of(ConnectionRef ref);
  void note(const Reservation& reservation, std::uint32_t expected);
  void differ(const std::string& text) {
    if (difference_.empty()) difference_ = text;
  }
  void expect_equal(const char* what, std::uint64_t ours, std::uint64_t theirs) {
    if (ours == theirs) return;
    differ(std::string(what) + ": " + std::to_string(ours) + ", the reference has " + std::to_string(theirs));
  }

  Pool pool_;
  ReferencePool reference_;
  TimePoint now_ = TimePoint{} + 1h;
  std::vector<Known> known_;  // the last ones, dead ones among them
  std::vector<Held> held_;
  std::vector<Waiting> waiting_;
  std::vector<Made> made_;
  std::vector<std::pair<SubscriptionId, std::uint32_t>> subscriptions_;
  std::uint64_t waited_ = 0;
  std::uint32_t permits_ = 0;
  std::size_t steps_ = 0;
  std::string event_;
  std::string difference_;
};

// Numbers are given in order of creation, and a pool tells them; what is gone is still in `known_`.
std::uint64_t Walk::number_of(ConnectionRef ref) {
  if (!ref) return 0;
  for (const Known& known : known_) {
    if (known.ref == ref) return known.number;
  }
  const auto view = pool_.connection(ref);
  return view ? view->number : 0;
}

Said Walk::as_said(const Action& action) {
  static constexpr Said::Kind kKinds[] = {
      Said::Kind::grant,       Said::Kind::refuse,        Said::Kind::offer,
      Said::Kind::want_permit, Said::Kind::return_permit, Said::Kind::open,
      Said::Kind::abandon,     Said::Kind::close,         Said::Kind::abort};
  Said said{.kind = kKinds[static_cast<int>(action.kind)]};
  const auto waiting = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](const Waiting& w) { return w.ticket == action.ticket; });
  switch (action.kind) {
    case Action::Kind::grant:
    case Action::Kind::refuse:
      if (waiting == waiting_.end()) {
        differ("an action for a request that does not wait");
        return said;
      }
      said.request = waiting->number;
      waiting_.erase(waiting);
      if (action.kind == Action::Kind::refuse) {
        said.refusal = static_cast<int>(action.refusal);
        return said;
      }
      break;
    case Action::Kind::want_permit: ++permits_; break;
    case Action::Kind::return_permit: return said;
    default: break;
  }
  const Grant& grant = action.grant;
  said.connection = number_of(grant.connection);
  if (action.kind == Action::Kind::want_permit || action.kind == Action::Kind::open) {
    said.shard = grant.shard;
    const std::uint64_t newest = known_.empty() ? 0 : known_.back().number;
    // One that the same call has given up again is not there to tell its number: they count up.
    if (said.connection == 0) said.connection = newest + 1;
    if (said.connection > newest) {
      known_.push_back({grant.connection, grant.id, said.connection});
    }
  }
  if (action.kind == Action::Kind::grant || action.kind == Action::Kind::offer) {
    said.direction = static_cast<int>(grant.direction);
    said.shard = grant.shard;
    said.reservation = grant.other_reservation.number;
    said.subscription = action.subscription.number;
    held_.push_back({grant.connection, said.connection, grant.direction});
    if (grant.other_reservation) made_.push_back({grant.other_reservation, said.connection});
  }
  if (action.kind == Action::Kind::abandon || action.kind == Action::Kind::close ||
      action.kind == Action::Kind::abort) {
    said.cause = static_cast<int>(action.cause);
  }
  return said;
}

void Walk::compare_actions() {
  std::vector<Said> ours;
  for (const Action& action : pool_.actions()) ours.push_back(as_said(action));
  pool_.clear_actions();
  std::vector<Said> theirs = reference_.take_said();
  std::uint64_t last_grant = 0;
  for (const Said& said : ours) {  // the rest of the order is the pool's own matter
    if (said.kind != Said::Kind::grant) continue;
    if (said.request < last_grant) differ("grants are not in order of arrival");
    last_grant = said.request;
  }
  std::sort(ours.begin(), ours.end());
  std::sort(theirs.begin(), theirs.end());
  if (ours == theirs) return;
  std::string text = "the pool:";
  for (const Said& said : ours) text += " [" + said.text() + "]";
  text += "; the reference:";
  for (const Said& said : theirs) text += " [" + said.text() + "]";
  differ(text);
}

void Walk::compare_counts() {
  const PoolGauges ours = pool_.gauges();
  const PoolGauges theirs = reference_.gauges();
  expect_equal("connecting", ours.connecting, theirs.connecting);
  expect_equal("open", ours.open, theirs.open);
  expect_equal("closing", ours.closing, theirs.closing);
  expect_equal("used", ours.used, theirs.used);
  expect_equal("waiting", ours.waiting, theirs.waiting);
  // The pool may look early at a request with data or a reservation; never late.
  const TimePoint due = reference_.next_deadline(now_);
  if (pool_.next_deadline() > due) differ("the next deadline is late");
  if (due == kNever && pool_.next_deadline() != kNever) differ("a deadline where there is none");
}

void Walk::note(const Reservation& reservation, std::uint32_t expected) {
  expect_equal("reservation", reservation.number, expected);
  if (reservation) made_.push_back({reservation, number_of(reservation.connection)});
}

void Walk::ask(std::uint8_t a, std::uint8_t b, std::uint8_t c) {
  ReferencePool::Wish wish;
  Ask& ask = wish.ask;
  ask.direction = static_cast<Direction>(a % 2);
  ask.other_stream = a / 2 % 4 == 0   ? StreamChange::reserve
                     : a / 2 % 4 == 1 ? StreamChange::release
                                      : StreamChange::leave_unchanged;
  ask.with_data = a / 8 % 2 == 0;
  ask.may_open = a / 16 % 8 != 0;
  ask.shard = static_cast<ShardIndex>(b % kShards);
  ask.data_timeout = b / 4 % 8 == 0 ? 0s : b / 4 % 8 == 1 ? kForever : std::chrono::seconds(b / 4 % 8);
  if (b / 32 == 7) ask.connection_timeout = 2s;
  if (c % 3 == 0 && !known_.empty()) {
    const Known& known = known_[c / 3 % known_.size()];
    ask.id = known.id;
    wish.connection = known.number;
    if (c == 255) {
      ++ask.id.secret;
      wish.known = false;
    }
  }
  const Answer answer = pool_.acquire(ask, now_);
  Said ours;
  ours.kind = static_cast<Said::Kind>(answer.kind);
  if (answer.kind == Answer::Kind::granted) {
    ours.connection = number_of(answer.grant.connection);
    ours.direction = static_cast<int>(answer.grant.direction);
    ours.shard = answer.grant.shard;
    ours.reservation = answer.grant.other_reservation.number;
    held_.push_back({answer.grant.connection, ours.connection, answer.grant.direction});
    if (ours.reservation != 0) made_.push_back({answer.grant.other_reservation, ours.connection});
  } else if (answer.kind == Answer::Kind::waiting) {
    ours.request = ++waited_;
    waiting_.push_back({answer.ticket, waited_});
  } else {
    ours.refusal = static_cast<int>(answer.refusal);
  }
  const Said theirs = reference_.acquire(wish, now_);
  if (ours != theirs) differ("the pool: " + ours.text() + "; the reference: " + theirs.text());
}

void Walk::return_one(std::uint8_t a, std::uint8_t b) {
  if (held_.empty()) return;
  const auto which = held_.begin() + a % static_cast<long>(held_.size());
  const Held held = *which;
  held_.erase(which);
  Return how;
  if (b % 2 == 0) {
    how.own = static_cast<StreamChange>(b / 2 % 4);
    how.other = static_cast<StreamChange>(b / 8 % 4);
  }
  how.unread = held.direction == Direction::input && b / 32 % 3 == 0;
  const Reserved made = pool_.give_back(held.ref, held.direction, how, now_);
  const auto [own, others] = reference_.give_back(held.number, held.direction, how, now_);
  note(made.own, own);
  note(made.other, others);
}

void Walk::administer(std::uint8_t a, std::uint8_t b, std::uint8_t c) {
  switch (a % 16) {
    case 0: both([&] { pool_.pause(); }, [&] { reference_.pause(); }); break;
    case 1:
    case 2:
    case 3: both([&] { pool_.resume(now_); }, [&] { reference_.resume(now_); }); break;
    case 4:
      if (b % 4 != 0) break;
      both([&] { pool_.stop(Errc::manager_stopped, CloseCause::administrator, now_); },
           [&] { reference_.stop(Errc::manager_stopped, CloseCause::administrator, now_); });
      break;
    case 5:
      if (pool_.state() != PoolState::stopping) break;
      both([&] { pool_.abort_all(CloseCause::shutdown, now_); },
           [&] { reference_.abort_all(CloseCause::shutdown, now_); });
      break;
    case 6:
    case 7:
      if (pool_.state() != PoolState::stopping) break;
      both([&] { pool_.start(now_); }, [&] { reference_.start(now_); });
      break;
    case 8:
      both([&] { pool_.retire_all(CloseCause::purge, now_); },
           [&] { reference_.retire_all(CloseCause::purge, now_); });
      break;
    case 9:
    case 10: {
      PoolSettings settings = settings_from(a, b, c);
      settings.role = pool_.settings().role;
      settings.with_permits = pool_.settings().with_permits;
      both([&] { pool_.apply(settings, now_); }, [&] { reference_.apply(settings, now_); });
      break;
    }
    default: {
      if (b % 2 == 0 && subscriptions_.size() < 3) {
        const SubscriptionId ours = pool_.subscribe({}, now_);
        const std::uint32_t theirs = reference_.subscribe(now_);
        expect_equal("subscription", ours.number, theirs);
        subscriptions_.emplace_back(ours, theirs);
      } else if (!subscriptions_.empty()) {
        const auto which = subscriptions_.begin() + b / 2 % static_cast<long>(subscriptions_.size());
        both([&] { pool_.unsubscribe(which->first); }, [&] { reference_.unsubscribe(which->second); });
        subscriptions_.erase(which);
      }
    }
  }
}

bool Walk::step(std::uint8_t kind, std::uint8_t a, std::uint8_t b, std::uint8_t c) {
  event_ =
      std::to_string(kind % 32) + " " + std::to_string(a) + " " + std::to_string(b) + " " + std::to_string(c);
  // Mostly one to which the event can happen; sometimes any, a dead one too.
  const auto pick = [&](auto... states) {
    std::vector<const Known*> fitting;
    for (const Known& k : known_) {
      const auto view = pool_.connection(k.ref);
      if (view && ((view->state == states) || ...)) fitting.push_back(&k);
    }
    if (!fitting.empty() && a < 232) return *fitting[a % fitting.size()];
    return known_.empty() ? Known{} : known_[a % known_.size()];
  };
  using enum ConnectionState;
  const int sort = kind % 32;
  const Known known = sort >= 15 && sort <= 19   ? pick(connecting)
                      : sort >= 20 && sort <= 22 ? pick(closing)
                                                 : pick(open);
  const auto view = pool_.connection(known.ref);
  switch (kind % 32) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
      if (held_.size() < 12) ask(a, b, c);
      break;
    case 7:
    case 8:
    case 9:
    case 10:
    case 11: return_one(a, b); break;
    case 12:
      if (made_.empty()) break;
      {
        const Made made = made_[a % made_.size()];
        pool_.release(made.reservation, now_);
        reference_.release(made.number, made.reservation.direction, made.reservation.number, now_);
      }
      break;
    case 13: {
      const auto direction = static_cast<Direction>(b % 2);
      const auto how = static_cast<StreamChange>(b / 2 % 4);
      const Reservation made = pool_.modify(known.ref, direction, how, now_);
      note(made, reference_.modify(known.number, direction, how, now_));
      break;
    }
    case 14:
      if (waiting_.empty()) break;
      {
        const auto which = waiting_.begin() + a % static_cast<long>(waiting_.size());
        const Waiting waiting = *which;
        waiting_.erase(which);
        if (!pool_.cancel(waiting.ticket, now_)) differ("who waits cannot cancel");
        reference_.cancel(waiting.number, now_);
      }
      break;
    case 15:
    case 16:
    case 17:
    case 18:
      both([&] { pool_.opened(known.ref, now_); }, [&] { reference_.opened(known.number, now_); });
      break;
    case 19:
      both([&] { pool_.open_failed(known.ref, Errc::connect_failed, now_); },
           [&] { reference_.open_failed(known.number, Errc::connect_failed, now_); });
      break;
    case 20:
    case 21:
    case 22:
      if (view && view->state != closing && view->state != ended) break;
      both([&] { pool_.closed(known.ref, now_); }, [&] { reference_.closed(known.number, now_); });
      break;
    case 23:
      if (pool_.settings().role == PoolRole::server) {
        const std::optional<Grant> grant = pool_.admit(static_cast<ShardIndex>(a % kShards), now_);
        const std::uint64_t theirs = reference_.admit(static_cast<ShardIndex>(a % kShards), now_);
        expect_equal("admitted", grant ? number_of(grant->connection) : 0, theirs);
        if (grant) known_.push_back({grant->connection, grant->id, theirs});
      } else if (permits_ != 0) {
        --permits_;
        if (b % 4 == 0) {
          both([&] { pool_.permit_refused(now_); }, [&] { reference_.permit_refused(now_); });
        } else {
          both([&] { pool_.permit_granted(now_); }, [&] { reference_.permit_granted(now_); });
        }
      }
      break;
    case 24:
    case 25:
      both([&] { pool_.data_arrived(known.ref, now_); },
           [&] { reference_.data_arrived(known.number, now_); });
      break;
    case 26:
      if (b % 2 == 0) {
        both([&] { pool_.input_ended(known.ref, b % 4 == 0, now_); },
             [&] { reference_.input_ended(known.number, b % 4 == 0, now_); });
      } else {
        const auto cause = b % 4 == 1 ? CloseCause::reset : CloseCause::record_error;
        both([&] { pool_.broken(known.ref, cause, now_); },
             [&] { reference_.broken(known.number, cause, now_); });
      }
      break;
    case 27: {
      const auto cause = b % 4 == 0 ? CloseCause::administrator : CloseCause::node;
      both([&] { pool_.close(known.ref, cause, now_); },
           [&] { reference_.close(known.number, cause, now_); });
      break;
    }
    case 28:
    case 29:
      now_ += std::chrono::milliseconds(a * 4);
      both([&] { pool_.on_time(now_); }, [&] { reference_.on_time(now_); });
      break;
    case 30:
      if (pool_.next_deadline() == kNever) break;
      now_ = std::max(now_, pool_.next_deadline());
      both([&] { pool_.on_time(now_); }, [&] { reference_.on_time(now_); });
      break;
    default: administer(a, b, c);
  }
  compare_actions();
  compare_counts();
  if (++steps_ % 16 == 0) pool_.check_invariants();
  if (known_.size() > 24) {  // forget some that are gone
    std::size_t forget = 12;
    std::erase_if(known_,
                  [&](const Known& k) { return !pool_.connection(k.ref) && forget != 0 && forget-- != 0; });
  }
  if (made_.size() > 24) made_.erase(made_.begin(), made_.begin() + 12);
  return difference_.empty();
}

// For the report when a check of the pool itself fails: the way so far.
std::vector<std::string>* way_so_far = nullptr;

void print_way(int) {
  std::signal(SIGABRT, SIG_DFL);
  std::fprintf(stderr, "walk, after these events:\n");
  const std::size_t first = way_so_far->size() > 40 ? way_so_far->size() - 40 : 0;
  for (std::size_t i = first; i < way_so_far->size(); ++i) {
    std::fprintf(stderr, "  %zu. %s\n", i, (*way_so_far)[i].c_str());
  }
  std::abort();
}

}  // namespace

std::optional<Difference> walk(std::span<const std::uint8_t> bytes, WalkTotals* totals) {
  if (bytes.size() < kEventBytes) return std::nullopt;
  Walk walk(settings_from(bytes[0], bytes[1], bytes[2]));
  Difference difference;
  way_so_far = &difference.events;
  const auto before = std::signal(SIGABRT, print_way);
  const auto restore = [&] { std::signal(SIGABRT, before); };
  for (std::size_t at = kEventBytes; at + kEventBytes <= bytes.size(); at += kEventBytes) {
    const bool same = walk.step(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
    difference.events.push_back(walk.event());
    if (same) continue;
    difference.step = at / kEventBytes;
    difference.text = walk.difference();
    restore();
    return difference;
  }
  restore();
  if (totals != nullptr) walk.add_to(*totals);
  return std::nullopt;
}

std::vector<std::uint8_t> random_walk(std::uint64_t seed, std::size_t steps) {
  std::mt19937_64 random(seed);
  std::vector<std::uint8_t> bytes(kEventBytes * (steps + 1));
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

std::vector<std::uint8_t> shortest(std::vector<std::uint8_t> bytes) {
  const auto first = walk(bytes);
  if (!first) return bytes;
  bytes.resize(kEventBytes * (first->step + 1));
  for (std::size_t group = bytes.size() / kEventBytes; group >= 1; group /= 2) {
    for (std::size_t at = 1; at + group <= bytes.size() / kEventBytes;) {
      std::vector<std::uint8_t> shorter = bytes;
      shorter.erase(shorter.begin() + static_cast<long>(at * kEventBytes),
                    shorter.begin() + static_cast<long>((at + group) * kEventBytes));
      if (walk(shorter)) {
        bytes = std::move(shorter);
      } else {
        at += group;
      }
    }
  }
  return bytes;
}

}  // namespace connmgr::test

// A pool with its shell played by the test: asks, answers and actions in few words.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "connmgr/core/pool.h"

namespace connmgr::test {

using namespace std::chrono_literals;

constexpr TimePoint at(Duration since_start) {
  return TimePoint{} + since_start;
}

inline Ask any(Direction direction) {
  Ask ask;
  ask.direction = direction;
  return ask;
}
inline Ask by_id(const Grant& grant, Direction direction) {
  Ask ask = any(direction);
  ask.id = grant.id;
  return ask;
}
inline Ask with_data() {
  Ask ask = any(Direction::input);
  ask.with_data = true;
  return ask;
}
inline Ask reserving_other(Ask ask) {
  ask.other_stream = StreamChange::reserve;
  return ask;
}
inline Ask from(Ask ask, ShardIndex shard) {
  ask.shard = shard;
  return ask;
}

struct PoolTest : ::testing::Test {
  using Kind = Action::Kind;

  explicit PoolTest(PoolSettings settings = without_chance()) : pool(settings, 2, IdKey{1, 2}, 7) {}
  ~PoolTest() override { pool.check_invariants(); }

  static PoolSettings without_chance() {
    PoolSettings settings;
    settings.max_connecting = 100;
    settings.retry.jitter = 0;
    return settings;
  }
  static PoolSettings server() {
    PoolSettings settings = without_chance();
    settings.role = PoolRole::server;
    return settings;
  }

  template <class Change>
  void apply(Change&& change) {
    PoolSettings settings = pool.settings();
    change(settings);
    pool.apply(settings, now);
  }

  // What the pool has said since it was last asked.
  std::vector<Action> said() {
    std::vector<Action> actions(pool.actions().begin(), pool.actions().end());
    pool.clear_actions();
    pool.check_invariants();
    return actions;
  }
  std::vector<Kind> kinds_said() {
    std::vector<Kind> kinds;
    for (const Action& action : said()) kinds.push_back(action.kind);
    return kinds;
  }

  // A client's connection, opened for the minimum; or one that a server admits.
  Grant connected(ShardIndex shard = 0) {
    if (pool.settings().role == PoolRole::server) return *pool.admit(shard, now);
    apply([this](PoolSettings& s) { s.min_connections = pool.gauges().open + 1; });
    const std::vector<Action> actions = said();
    EXPECT_EQ(actions.size(), 1u);
    EXPECT_EQ(actions.back().kind, Kind::open);
    pool.opened(actions.back().grant.connection, now);
    return actions.back().grant;
  }

  Grant granted(const Ask& ask) {
    const Answer answer = pool.acquire(ask, now);
    EXPECT_EQ(answer.kind, Answer::Kind::granted);
    return answer.grant;
  }
  Ticket waiting(const Ask& ask) {
    const Answer answer = pool.acquire(ask, now);
    EXPECT_EQ(answer.kind, Answer::Kind::waiting);
    return answer.ticket;
  }
  std::optional<Errc> refused(const Ask& ask) {
    const Answer answer = pool.acquire(ask, now);
    if (answer.kind != Answer::Kind::refused) return std::nullopt;
    return answer.refusal;
  }
  Reserved give_back(const Grant& grant, StreamChange own = StreamChange::leave_unchanged,
                     StreamChange other = StreamChange::leave_unchanged) {
    return pool.give_back(grant.connection, grant.direction, {own, other, false}, now);
  }

  Pool pool;
  TimePoint now = at(100s);
};

struct ServerPoolTest : PoolTest {
  ServerPoolTest() : PoolTest(server()) {}
};

MATCHER_P(Grants, ticket, "grants the waiting request") {
  return arg.kind == Action::Kind::grant && arg.ticket == ticket;
}
MATCHER_P2(Refuses, ticket, why, "refuses the waiting request") {
  return arg.kind == Action::Kind::refuse && arg.ticket == ticket && arg.refusal == why;
}
MATCHER_P(OffersTo, subscription, "offers a stream to the Input node") {
  return arg.kind == Action::Kind::offer && arg.subscription == subscription;
}
MATCHER_P2(Ends, connection, cause, "closes or aborts the connection") {
  return (arg.kind == Action::Kind::close || arg.kind == Action::Kind::abort) &&
         arg.grant.connection == connection && arg.cause == cause;
}
MATCHER(Opens, "opens a connection") {
  return arg.kind == Action::Kind::open;
}

}  // namespace connmgr::test

// What a pool tells its budget and gives up for others (SPEC L7).
#include "tests/support/pool_fixture.h"

namespace connmgr::test {
namespace {

using ::testing::ElementsAre;

struct PoolPermitsTest : PoolTest {
  static PoolSettings with_permits() {
    PoolSettings settings = without_chance();
    settings.with_permits = true;
    return settings;
  }
  PoolPermitsTest() : PoolTest(with_permits()) {}

  // Opened for the minimum and idle since now.
  Grant idle_connection() {
    apply([this](PoolSettings& s) { s.min_connections = pool.gauges().open + 1; });
    said();
    pool.permit_granted(now);
    const Grant grant = said().at(0).grant;
    pool.opened(grant.connection, now);
    return grant;
  }
};

TEST_F(PoolPermitsTest, TellsSinceWhenTheRequestsBehindItsWantsWait) {
  waiting(any(Direction::output));
  now += 1s;
  waiting(any(Direction::output));

  const PermitNeeds needs = pool.permit_needs();

  EXPECT_EQ(needs.wants, 2u);
  EXPECT_EQ(needs.waiting_since[0], at(100s));
  EXPECT_EQ(needs.waiting_since[1], at(101s));
}

TEST_F(PoolPermitsTest, LeavesOutRequestsForWhichAnAttemptIsUnderWay) {
  waiting(any(Direction::output));
  now += 1s;
  waiting(any(Direction::output));
  pool.permit_granted(now);

  const PermitNeeds needs = pool.permit_needs();

  EXPECT_EQ(needs.wants, 1u);
  EXPECT_EQ(needs.waiting_since[0], at(101s));
}

TEST_F(PoolPermitsTest, TellsThatNobodyWaitsBehindAMinimum) {
  apply([](PoolSettings& s) { s.min_connections = 1; });

  const PermitNeeds needs = pool.permit_needs();

  EXPECT_EQ(needs.wants, 1u);
  EXPECT_EQ(needs.waiting_since[0], kNever);
}

TEST_F(PoolPermitsTest, WantsNothingForARequestThatHasGone) {
  const Ticket ticket = waiting(any(Direction::output));
  pool.cancel(ticket, now);

  EXPECT_EQ(pool.permit_needs().wants, 0u);
}

TEST_F(PoolPermitsTest, WantsNothingWhilePaused) {
  waiting(any(Direction::output));
  pool.pause();

  EXPECT_EQ(pool.permit_needs().wants, 0u);
}

TEST_F(PoolPermitsTest, GivesUpTheConnectionUnusedForLongest) {
  const Grant first = idle_connection();
  now += 1s;
  idle_connection();
  said();

  EXPECT_EQ(pool.permit_needs().idle_since, at(100s));
  EXPECT_TRUE(pool.give_up_idle(now));

  EXPECT_THAT(said().at(0), Ends(first.connection, CloseCause::given_up));
}

TEST_F(PoolPermitsTest, GivesUpNothingThatIsUsedReservedOrUnread) {
  idle_connection();
  const Grant reserved = granted(any(Direction::output));
  give_back(reserved, StreamChange::reserve);
  pool.data_arrived(idle_connection().connection, now);
  idle_connection();
  granted(any(Direction::output));
  said();

  EXPECT_EQ(pool.permit_needs().idle_since, kNever);
  EXPECT_FALSE(pool.give_up_idle(now));
}

TEST_F(PoolPermitsTest, SaysThatTheBudgetIsUsedUpWhenNoPermitCame) {  // L4
  const Ticket ticket = waiting(any(Direction::output));
  said();

  now += pool.settings().connection_timeout;
  pool.on_time(now);

  EXPECT_THAT(said(), ElementsAre(Refuses(ticket, Errc::budget_exhausted)));
}

TEST_F(PoolPermitsTest, SaysThatTheMaximumIsReachedWhenThatIsTheReason) {
  apply([](PoolSettings& s) { s.max_connections = 1; });
  idle_connection();
  granted(any(Direction::output));
  const Ticket ticket = waiting(any(Direction::output));
  said();

  now += pool.settings().connection_timeout;
  pool.on_time(now);

  EXPECT_THAT(said(), ElementsAre(Refuses(ticket, Errc::pool_exhausted)));
}

}  // namespace
}  // namespace connmgr::test

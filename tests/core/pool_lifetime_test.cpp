#include "tests/support/pool_fixture.h"

namespace connmgr::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using enum Direction;

// --- S8: reservations expire ------------------------------------------------------------------------------

struct ExpiringPoolTest : PoolTest {
  ExpiringPoolTest() : PoolTest(expiring()) {}
  static PoolSettings expiring() {
    PoolSettings settings = server();
    settings.reservation_expiry = 10s;
    return settings;
  }
  // A connection whose input is reserved and nobody uses.
  Grant with_reserved_input() {
    connected();
    const Grant grant = granted(any(output));
    give_back(grant, StreamChange::leave_unchanged, StreamChange::reserve);
    return grant;
  }
  void pass(Duration duration) {
    now += duration;
    pool.on_time(now);
  }
};

TEST_F(ExpiringPoolTest, ClosesAConnectionWhoseReservationNobodyUses) {  // S8
  const Grant grant = with_reserved_input();
  EXPECT_EQ(pool.next_deadline(), now + 10s);

  pass(10s);

  EXPECT_THAT(said(), ElementsAre(Ends(grant.connection, CloseCause::expired)));
}

TEST_F(ExpiringPoolTest, UseOfEitherStreamPutsTheExpiryOff) {  // S8
  const Grant grant = with_reserved_input();
  now += 9s;
  give_back(granted(any(output)));

  pass(9s);
  EXPECT_THAT(said(), IsEmpty());

  pass(1s);
  EXPECT_THAT(said(), ElementsAre(Ends(grant.connection, CloseCause::expired)));
}

TEST_F(ExpiringPoolTest, NeverExpiresWhileAStreamIsInUse) {  // S8
  const Grant grant = with_reserved_input();
  const Grant reading = granted(by_id(grant, input));
  pass(1min);
  EXPECT_THAT(said(), IsEmpty());

  give_back(reading);
  pass(10s);

  EXPECT_THAT(said(), ElementsAre(Ends(grant.connection, CloseCause::expired)));
}

TEST_F(ExpiringPoolTest, BytesThatArrivePutTheExpiryOff) {  // S8
  const Grant grant = with_reserved_input();
  now += 9s;
  pool.data_arrived(grant.connection, now);

  pass(9s);

  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(ExpiringPoolTest, AReleasedReservationDoesNotExpire) {  // S8
  const Grant grant = with_reserved_input();
  pool.modify(grant.connection, input, StreamChange::release, now);

  EXPECT_EQ(pool.next_deadline(), kNever);
}

TEST_F(ExpiringPoolTest, AnExpiredIdIsToldSoForAnHour) {  // S8
  const Grant grant = with_reserved_input();
  pass(10s);
  pool.closed(grant.connection, now);

  EXPECT_EQ(refused(by_id(grant, input)), Errc::reservation_expired);
  now += 1h;
  EXPECT_EQ(refused(by_id(grant, input)), Errc::unknown_connection);
}

TEST_F(ExpiringPoolTest, AGuessedIdOfAnExpiredConnectionIsToldNothing) {  // S6, S8
  const Grant grant = with_reserved_input();
  pass(10s);
  Ask guessed = by_id(grant, input);
  ++guessed.id.secret;

  EXPECT_EQ(refused(guessed), Errc::unknown_connection);
}

TEST_F(ExpiringPoolTest, AShorterExpiryHoldsAtOnce) {  // S8, V7
  const Grant grant = with_reserved_input();
  now += 3s;
  apply([](PoolSettings& s) { s.reservation_expiry = 5s; });

  pass(2s);

  EXPECT_THAT(said(), ElementsAre(Ends(grant.connection, CloseCause::expired)));
}

TEST_F(ExpiringPoolTest, NeverMeansThatAReservationStays) {  // S8
  apply([](PoolSettings& s) { s.reservation_expiry = kForever; });
  with_reserved_input();

  pass(10000h);

  EXPECT_THAT(said(), IsEmpty());
}

// --- L12: how many are kept
// ---------------------------------------------------------------------------------

struct KeepingOneTest : PoolTest {
  KeepingOneTest() : PoolTest(keeping_one()) {}
  static PoolSettings keeping_one() {
    PoolSettings settings = server();
    settings.max_kept = 1;
    return settings;
  }
};

TEST_F(KeepingOneTest, ClosesAConnectionThatComesBackWhileMoreAreOpen) {  // L12
  connected();
  connected();
  const Grant first = granted(any(output));
  const Grant second = granted(any(output));

  give_back(first);
  EXPECT_THAT(said(), ElementsAre(Ends(first.connection, CloseCause::over_maximum)));

  give_back(second);
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(KeepingOneTest, HandsItOnToWhoeverWaits) {  // L12, L3
  connected();
  connected();
  const Grant first = granted(any(output));
  granted(any(output));
  const Ticket ticket = waiting(any(output));

  give_back(first);

  EXPECT_THAT(said(), ElementsAre(Grants(ticket)));
}

TEST_F(KeepingOneTest, ComesBackOnlyWhenBothStreamsDo) {  // L12
  const Grant first = connected();
  connected();
  const Grant writing = granted(by_id(first, output));
  const Grant reading = granted(by_id(first, input));
  give_back(writing);
  EXPECT_THAT(said(), IsEmpty());

  give_back(reading);

  EXPECT_THAT(said(), ElementsAre(Ends(first.connection, CloseCause::over_maximum)));
}

TEST_F(KeepingOneTest, KeepsOneWithBytesThatNobodyHasRead) {  // L12
  connected();
  connected();
  const Grant reading = granted(any(input));

  pool.give_back(reading.connection, input, {.unread = true}, now);

  EXPECT_THAT(said(), IsEmpty());
}

struct KeepingNoneTest : PoolTest {
  KeepingNoneTest() : PoolTest(keeping_none()) {}
  static PoolSettings keeping_none() {
    PoolSettings settings = without_chance();
    settings.max_kept = 0;
    return settings;
  }
};

TEST_F(KeepingNoneTest, ServesWhomTheConnectionWasOpenedForBeforeItCloses) {  // L12, G7
  waiting(any(output));
  const ConnectionRef opening = said().back().grant.connection;
  pool.opened(opening, now);
  const std::vector<Action> grant = said();
  ASSERT_EQ(grant.size(), 1u);
  EXPECT_EQ(grant.front().kind, Kind::grant);

  give_back(grant.front().grant);

  EXPECT_THAT(said(), ElementsAre(Ends(opening, CloseCause::over_maximum)));
}

TEST_F(KeepingNoneTest, KeepsTheMinimumInAnyCase) {  // L12, G7
  connected();

  give_back(granted(any(output)));

  EXPECT_THAT(said(), IsEmpty());
}

}  // namespace
}  // namespace connmgr::test

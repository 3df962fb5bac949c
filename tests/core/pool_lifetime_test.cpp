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

}  // namespace
}  // namespace connmgr::test

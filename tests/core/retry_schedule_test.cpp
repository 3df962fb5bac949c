#include "connmgr/core/retry_schedule.h"

#include <gtest/gtest.h>

namespace connmgr {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow = TimePoint{} + 1h;

RetrySettings without_chance() {
  RetrySettings settings;
  settings.jitter = 0;
  return settings;
}

TEST(RetrySchedule, LetsTheFirstAttemptStartAtOnce) {  // C2
  EXPECT_LE(RetrySchedule(1).next_attempt(false), kNow);
}

TEST(RetrySchedule, MakesEachDelayLongerUpToItsLimit) {  // C2
  RetrySchedule schedule(1);
  const Duration expected[] = {100ms, 160ms, 256ms};

  for (const Duration delay : expected) {
    schedule.failed(without_chance(), kNow);
    EXPECT_EQ(schedule.next_attempt(false), kNow + delay);
  }
  for (int i = 0; i < 100; ++i) schedule.failed(without_chance(), kNow);
  EXPECT_EQ(schedule.next_attempt(false), kNow + 30s);
}

TEST(RetrySchedule, TriesSoonerWhileSomebodyWaits) {  // C2
  RetrySchedule schedule(1);

  for (int i = 0; i < 100; ++i) schedule.failed(without_chance(), kNow);

  EXPECT_EQ(schedule.next_attempt(true), kNow + 2s);
}

TEST(RetrySchedule, StartsAnewAfterAReset) {  // C2
  RetrySchedule schedule(1);
  for (int i = 0; i < 9; ++i) schedule.failed(without_chance(), kNow);

  schedule.reset();
  EXPECT_LE(schedule.next_attempt(false), kNow);
  schedule.failed(without_chance(), kNow);

  EXPECT_EQ(schedule.next_attempt(false), kNow + 100ms);
}

TEST(RetrySchedule, CanKeepASteadyRhythm) {  // C2: retry_delay 2s, retry_backoff 1, retry_jitter 0
  RetrySettings steady;
  steady.delay = 2s;
  steady.backoff = 1;
  steady.jitter = 0;
  RetrySchedule schedule(1);

  for (int i = 0; i < 5; ++i) {
    schedule.failed(steady, kNow);
    EXPECT_EQ(schedule.next_attempt(true), kNow + 2s);
  }
}

TEST(RetrySchedule, SpreadsDelaysByTheShareOfChanceAndNoFurther) {  // C2
  RetrySettings settings;
  settings.backoff = 1;
  RetrySchedule schedule(42);
  Duration shortest = 1h;
  Duration longest = 0s;

  for (int i = 0; i < 1000; ++i) {
    schedule.failed(settings, kNow);
    shortest = std::min(shortest, schedule.next_attempt(false) - kNow);
    longest = std::max(longest, schedule.next_attempt(false) - kNow);
  }

  EXPECT_GE(shortest, 80ms);
  EXPECT_LT(shortest, 82ms);
  EXPECT_LE(longest, 120ms);
  EXPECT_GT(longest, 118ms);
}

TEST(RetrySchedule, IsTheSameForTheSameSeed) {
  RetrySchedule one(7);
  RetrySchedule two(7);
  RetrySchedule three(8);

  one.failed({}, kNow);
  two.failed({}, kNow);
  three.failed({}, kNow);

  EXPECT_EQ(one.next_attempt(false), two.next_attempt(false));
  EXPECT_NE(one.next_attempt(false), three.next_attempt(false));
}

TEST(RetrySchedule, HoldsWithLimitsBeyondAnyMeasure) {
  RetrySettings endless = without_chance();
  endless.max_delay = kForever;
  endless.max_delay_with_waiters = kForever;
  endless.backoff = 1e9;
  RetrySchedule schedule(1);

  for (int i = 0; i < 100; ++i) schedule.failed(endless, kNow);

  EXPECT_GT(schedule.next_attempt(true), kNow + 24h * 365);
}

}  // namespace
}  // namespace connmgr

#include "connmgr/core/expired_ids.h"

#include <gtest/gtest.h>

namespace connmgr::test {
namespace {

using namespace std::chrono_literals;

ConnectionRef number(std::uint32_t n) {
  return {static_cast<SlotIndex>(n % 7), n + 1};
}

TEST(ExpiredIds, KnowsWhatWasAddedForAnHour) {
  ExpiredIds ids;
  ids.add(number(1), TimePoint{});

  EXPECT_TRUE(ids.contains(number(1), TimePoint{} + 1h - 1ns));
  EXPECT_FALSE(ids.contains(number(1), TimePoint{} + 1h));
  EXPECT_FALSE(ids.contains(number(2), TimePoint{}));
}

TEST(ExpiredIds, ForgetsTheOldestWhenThereAreTooMany) {
  ExpiredIds ids;
  for (std::uint32_t n = 0; n <= ExpiredIds::kMost; ++n) ids.add(number(n), TimePoint{});

  EXPECT_FALSE(ids.contains(number(0), TimePoint{}));
  EXPECT_TRUE(ids.contains(number(1), TimePoint{}));
  EXPECT_TRUE(ids.contains(number(ExpiredIds::kMost), TimePoint{}));
}

}  // namespace
}  // namespace connmgr::test

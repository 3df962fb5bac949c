#include "connmgr/core/demand.h"

#include <gtest/gtest.h>

namespace connmgr {
namespace {

TEST(Demand, IsNothingWhenNobodyWantsAnything) {
  EXPECT_EQ(connections_to_open({}), 0u);
}

TEST(Demand, CountsOneConnectionForAnOutputAndAnInput) {  // G7
  EXPECT_EQ(connections_to_open({.output = 3, .input = 2, .max_connecting = 0}), 3u);
  EXPECT_EQ(connections_to_open({.output = 1, .input = 2, .both = 1, .max_connecting = 0}), 3u);
}

TEST(Demand, CountsWhatIsUnderWayAlready) {
  EXPECT_EQ(connections_to_open({.output = 3, .max_connecting = 0, .connecting = 2}), 1u);
  EXPECT_EQ(connections_to_open({.output = 3, .max_connecting = 0, .connecting = 5}), 0u);
}

TEST(Demand, FillsTheMinimum) {  // G7
  EXPECT_EQ(connections_to_open({.minimum = 5, .max_connecting = 0, .usable = 2, .connecting = 1}), 2u);
}

TEST(Demand, TakesTheGreaterOfRequestsAndMinimum) {
  EXPECT_EQ(connections_to_open({.output = 1, .minimum = 4, .max_connecting = 0, .usable = 1}), 3u);
  EXPECT_EQ(connections_to_open({.output = 9, .minimum = 4, .max_connecting = 0, .usable = 1}), 9u);
}

TEST(Demand, NeverExceedsTheMaximum) {  // L1
  EXPECT_EQ(connections_to_open({.output = 9, .maximum = 4, .max_connecting = 0, .counted = 3}), 1u);
  EXPECT_EQ(connections_to_open({.output = 9, .maximum = 4, .max_connecting = 0, .counted = 6}), 0u);
}

TEST(Demand, KnowsNoMaximumWhenItIsZero) {  // L1
  EXPECT_EQ(connections_to_open({.output = 9, .maximum = 0, .max_connecting = 0, .counted = 1000}), 9u);
}

TEST(Demand, StartsOnlySoManyAttemptsAtOnce) {  // L5
  EXPECT_EQ(connections_to_open({.output = 9, .max_connecting = 2}), 2u);
  EXPECT_EQ(connections_to_open({.output = 9, .max_connecting = 2, .connecting = 1}), 1u);
}

TEST(Demand, TriesOneAtATimeWhileThePeerIsDown) {  // C6
  EXPECT_EQ(connections_to_open({.output = 9, .max_connecting = 5, .peer_down = true}), 1u);
  EXPECT_EQ(connections_to_open({.output = 9, .max_connecting = 5, .peer_down = true, .connecting = 1}), 0u);
}

}  // namespace
}  // namespace connmgr

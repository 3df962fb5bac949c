#include "tests/core/faults/planted_faults.h"

#include <gtest/gtest.h>

#include "tests/support/pool_exploration.h"

namespace connmgr::test {

int planted_fault = -1;

namespace {

constexpr int kDepth = 5;  // every one of them is found by then

void explore_all() {
  for (const Scenario& scenario : scenarios()) explore(scenario, kDepth);
}

class PlantedFaults : public ::testing::TestWithParam<int> {};

TEST_P(PlantedFaults, AreFoundByTheExploration) {
  planted_fault = GetParam();

  EXPECT_DEATH(explore_all(), "check failed");

  planted_fault = -1;
}

TEST(PlantedFaults, WithoutAnyTheSameExplorationFindsNothing) {
  planted_fault = -1;

  explore_all();
}

INSTANTIATE_TEST_SUITE_P(Each, PlantedFaults,
                         ::testing::Range(0, static_cast<int>(std::size(kPlantedFaults))),
                         [](const auto& each) { return std::string(kPlantedFaults[each.param].name); });

}  // namespace
}  // namespace connmgr::test

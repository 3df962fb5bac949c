#include "tests/core/faults/planted_faults.h"

#include <gtest/gtest.h>

#include "tests/support/pool_budget_world.h"

namespace connmgr::test {

int planted_fault = -1;

namespace {

constexpr int kDepth = 5;  // every one of them is found by then
constexpr int kBudgetDepth = 6;

void explore_pools() {
  for (const Scenario& scenario : scenarios()) explore(scenario, kDepth);
}
void explore_budgets() {
  for (const BudgetScenario& scenario : budget_scenarios()) explore(scenario, kBudgetDepth);
}

class PlantedFaults : public ::testing::TestWithParam<int> {};

TEST_P(PlantedFaults, AreFoundByTheExploration) {
  planted_fault = GetParam();

  EXPECT_DEATH(GetParam() < kPoolFaults ? explore_pools() : explore_budgets(), "check failed");

  planted_fault = -1;
}

TEST(PlantedFaults, WithoutAnyTheSameExplorationFindsNothing) {
  planted_fault = -1;

  explore_pools();
  explore_budgets();
}

INSTANTIATE_TEST_SUITE_P(Each, PlantedFaults,
                         ::testing::Range(0, static_cast<int>(std::size(kPlantedFaults))),
                         [](const auto& each) { return std::string(kPlantedFaults[each.param].name); });

}  // namespace
}  // namespace connmgr::test

#include <gtest/gtest.h>

#include <iostream>

#include "tests/support/pool_budget_world.h"

namespace connmgr::test {
namespace {

class BudgetExploration : public ::testing::TestWithParam<BudgetScenario> {};

TEST_P(BudgetExploration, NoOrderOfEventsBreaksARule) {
  const Exploration done = explore(GetParam(), exploration_depth() - 1);

  std::cout << GetParam().name << ": " << done.states << " states, " << done.transitions << " events, depth "
            << done.depth << '\n';
  EXPECT_GT(done.states, 100u);
}

INSTANTIATE_TEST_SUITE_P(TwoPools, BudgetExploration, ::testing::ValuesIn(budget_scenarios()),
                         [](const ::testing::TestParamInfo<BudgetScenario>& tested) {
                           std::string name;
                           for (const char c : tested.param.name) name += std::isalpha(c) ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace connmgr::test

#include "tests/support/pool_exploration.h"

#include <gtest/gtest.h>

#include <iostream>

namespace connmgr::test {
namespace {

class PoolExploration : public ::testing::TestWithParam<Scenario> {};

TEST_P(PoolExploration, NoOrderOfEventsBreaksARule) {
  const Exploration done = explore(GetParam(), exploration_depth());

  std::cout << GetParam().name << ": " << done.states << " states, " << done.transitions << " events, depth "
            << done.depth << '\n';
  EXPECT_GT(done.states, 100u);
}

INSTANTIATE_TEST_SUITE_P(Small, PoolExploration, ::testing::ValuesIn(scenarios()),
                         [](const ::testing::TestParamInfo<Scenario>& tested) {
                           std::string name;
                           for (const char c : tested.param.name) name += std::isalpha(c) ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace connmgr::test

// Would the scenarios notice? Each fault that is planted into a copy of the pool must spoil at least one of
// them.
#include "tests/core/faults/planted_faults.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/scenarios/report.h"

namespace connmgr::test {

int planted_fault = -1;

namespace {

// Ends the process at the first scenario that does not come out as written.
void play_all() {
  for (const std::filesystem::path& file : scenarios::scenario_files(CONNMGR_SCENARIO_DIRECTORY)) {
    const std::string differences = scenarios::outcome_of(file);
    if (differences.empty()) continue;
    std::fputs(differences.c_str(), stderr);
    std::_Exit(1);
  }
}

class PlantedFaults : public ::testing::TestWithParam<int> {};

TEST_P(PlantedFaults, SpoilAScenario) {
  planted_fault = GetParam();

  EXPECT_DEATH(play_all(), "the events are not the expected ones|expected|check failed|waits for ever");

  planted_fault = -1;
}

TEST(PlantedFaults, WithoutAnyNoScenarioIsSpoilt) {
  for (const std::filesystem::path& file : scenarios::scenario_files(CONNMGR_SCENARIO_DIRECTORY)) {
    EXPECT_EQ(scenarios::outcome_of(file), "") << file;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, PlantedFaults,
                         ::testing::Range(0, kPoolFaults),
                         [](const auto& each) { return std::string(kPlantedFaults[each.param].name); });

}  // namespace
}  // namespace connmgr::test

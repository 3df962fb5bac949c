// What happened against what was expected.
#pragma once

#include <string>
#include <vector>

#include "tests/scenarios/player.h"
#include "tests/scenarios/scenario.h"

namespace connmgr::scenarios {

// Empty when the scenario came out as written; else what differs, for people, with the whole course.
std::string differences(const Scenario& scenario, const Played& played);

// The course of a scenario alone, a line each.
std::string course(const std::vector<Happening>& happened);

// Reads, plays and compares one file, or a text under the name of a file. Empty: all as written.
std::string outcome_of(const std::filesystem::path& file);
std::string outcome_of_text(const std::string& text, const std::filesystem::path& file);

}  // namespace connmgr::scenarios

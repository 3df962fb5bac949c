// Plays every scenario file of a directory as a test of its own, so that a failure names the file.
//
//   scenarios [DIRECTORY] [googletest options]      or the environment variable CONNMGR_SCENARIOS
//
// Without either: the scenarios that belong to connmgr.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "tests/scenarios/report.h"

namespace {

namespace fs = std::filesystem;

class ScenarioFile : public ::testing::Test {
 public:
  explicit ScenarioFile(fs::path file) : file_(std::move(file)) {}

  void TestBody() override {
    const std::string differences = connmgr::scenarios::outcome_of(file_);
    if (!differences.empty()) ADD_FAILURE_AT(file_.c_str(), 1) << differences;
  }

 private:
  fs::path file_;
};

std::string as_name(const fs::path& path) {
  std::string name = path.string();
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name.empty() ? "scenarios" : name;
}

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const char* const from_environment = std::getenv("CONNMGR_SCENARIOS");
  const fs::path directory = argc > 1           ? argv[1]
                             : from_environment ? from_environment
                                                : CONNMGR_SCENARIO_DIRECTORY;
  std::error_code unreadable;
  if (argc > 2 || !fs::is_directory(directory, unreadable)) {
    std::cerr << "usage: " << argv[0] << " [DIRECTORY]\n'" << directory.string() << "' is not a directory\n";
    return 2;
  }
  const std::vector<fs::path> files = connmgr::scenarios::scenario_files(directory);
  if (files.empty()) {
    std::cerr << "no scenario (*.yaml) in '" << directory.string() << "'\n";
    return 2;
  }
  for (const fs::path& file : files) {
    const fs::path inside = fs::relative(file, directory);
    // The folder is the suite, the file the test.
    ::testing::RegisterTest(as_name(inside.parent_path()).c_str(), as_name(inside.stem()).c_str(), nullptr,
                            nullptr, file.c_str(), 1,
                            [file]() -> ::testing::Test* { return new ScenarioFile(file); });
  }
  return RUN_ALL_TESTS();
}

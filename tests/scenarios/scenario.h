// A scenario as read from its file: who does what when, and what must come of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connmgr/core/pool.h"
#include "tests/scenarios/values.h"
#include "tests/scenarios/vocabulary.h"

namespace connmgr::scenarios {

// How the other end takes an attempt to connect.
struct ConnectAnswer {
  enum class Kind { succeeds, fails, hangs } kind = Kind::succeeds;
  Duration after = std::chrono::milliseconds(10);
  Errc reason = Errc::connect_failed;
};

// What the world around the pool does by itself. In a step: only what is set there changes.
struct PeerBehaviour {
  std::vector<ConnectAnswer> connects;  // one after another; the last one goes on
  std::optional<Duration> closes_in;    // an orderly close, until the descriptor is closed; kForever: never
  std::optional<Duration> aborts_in;    // the same for a close by force and an abandoned attempt
};

// A word with its details: a step to do, or an event to expect.
struct Sentence {
  const Word* word = nullptr;
  Position where;
  std::vector<std::pair<std::string_view, Written>> details;
  std::vector<std::pair<std::string, Written>> settings;  // of `apply`
  PeerBehaviour peer;                                     // of `peer`

  const Written* find(std::string_view detail) const;  // nothing: not written
};

struct Thread {
  std::string name;
  std::vector<Sentence> steps;
};

// What the pool must say of itself in the end.
struct FinalCount {
  std::string name;
  std::uint64_t value = 0;
  Position where;
};
struct FinalConnection {
  std::uint64_t number = 0;
  std::optional<std::string> state;  // open, closing ...; gone: it is not there any more
  std::optional<std::string> input;  // available_free ...
  std::optional<std::string> output;
  Position where;
};
struct FinalClosed {
  CloseCause cause = CloseCause::peer;
  std::uint64_t value = 0;
  Position where;
};

struct Scenario {
  std::filesystem::path file;
  std::string description;
  PoolSettings settings;
  PeerBehaviour peer;
  std::uint32_t shards = 1;
  bool begins_paused = false;  // the pool; else it runs
  bool timers_first = false;   // in one instant: limits that run out before everything else, or after it
  std::vector<Thread> threads;
  std::vector<Sentence> expected;
  std::set<std::string, std::less<>> ignored;  // events that are not compared
  Position expect_at;                          // of the list of events
  std::vector<FinalCount> counts;
  std::vector<FinalConnection> connections;
  std::vector<FinalClosed> closed_because;
};

// Everything that is wrong with the text of one scenario, a line each: FILE:LINE:COLUMN: what.
class ScenarioMistakes : public std::runtime_error {
 public:
  using runtime_error::runtime_error;
};

// Every *.yaml and *.yml below the directory, in order of their names.
std::vector<std::filesystem::path> scenario_files(const std::filesystem::path& directory);

Scenario read_scenario(const std::filesystem::path& file);
// `file` is for messages only.
Scenario read_scenario(const std::string& text, const std::filesystem::path& file);

}  // namespace connmgr::scenarios

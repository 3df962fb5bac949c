// Bytes as events: four bytes say what happens next to a pool and to the reference pool beside it, and after
// each event both must have answered, acted and counted the same. Used by long seeded walks and by the
// fuzzer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace connmgr::test {

struct Difference {
  std::size_t step = 0;
  std::string text;                 // what the two said
  std::vector<std::string> events;  // the way there
};

// What happened on the way, so that a test can see that something did.
struct WalkTotals {
  std::uint64_t steps = 0;
  std::uint64_t gets = 0;
  std::uint64_t waits = 0;
  std::uint64_t refusals = 0;
  std::uint64_t opened = 0;
  std::uint64_t closed = 0;
};

// The first four bytes are the settings. Nothing: the two agreed to the end.
std::optional<Difference> walk(std::span<const std::uint8_t> bytes, WalkTotals* totals = nullptr);

// `steps` random events from a seed.
std::vector<std::uint8_t> random_walk(std::uint64_t seed, std::size_t steps);

// The shortest part of the walk that was found to differ still: groups of events are left out as long as it
// does.
std::vector<std::uint8_t> shortest(std::vector<std::uint8_t> bytes);

}  // namespace connmgr::test

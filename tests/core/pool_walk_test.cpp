#include "tests/support/pool_walk.h"

#include <gtest/gtest.h>

#include <iostream>

namespace connmgr::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
constexpr std::uint64_t kWalks = 40;
#else
constexpr std::uint64_t kWalks = 1000;
#endif
constexpr std::size_t kSteps = 2000;

std::string report(std::uint64_t seed, const std::vector<std::uint8_t>& bytes) {
  const std::vector<std::uint8_t> least = shortest(bytes);
  const auto difference = walk(least);
  std::string text = "seed " + std::to_string(seed) + ", settings " + std::to_string(least[0]) + " " +
                     std::to_string(least[1]) + " " + std::to_string(least[2]) + "\n";
  for (const std::string& event : difference->events) text += "  " + event + "\n";
  return text + difference->text;
}

TEST(PoolWalk, SaysAndDoesTheSameAsTheReferenceOverAMillionEvents) {
  WalkTotals totals;
  for (std::uint64_t seed = 1; seed <= kWalks; ++seed) {
    const std::vector<std::uint8_t> bytes = random_walk(seed, kSteps);

    const auto difference = walk(bytes, &totals);

    ASSERT_FALSE(difference) << report(seed, bytes);
  }
  std::cout << totals.steps << " events: " << totals.gets << " streams handed out, " << totals.waits
            << " waits, " << totals.refusals << " refusals, " << totals.opened << " connections opened\n";
  EXPECT_GT(totals.gets, totals.steps / 25);
  EXPECT_GT(totals.waits, totals.steps / 50);
  EXPECT_GT(totals.refusals, totals.steps / 50);
  EXPECT_GT(totals.closed, totals.steps / 100);
}

}  // namespace
}  // namespace connmgr::test

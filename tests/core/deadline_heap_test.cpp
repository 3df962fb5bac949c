#include "connmgr/core/deadline_heap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace connmgr {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

constexpr TimePoint at(Duration since_start) {
  return TimePoint{} + since_start;
}

std::vector<std::uint32_t> emptied(DeadlineHeap heap) {
  std::vector<std::uint32_t> items;
  while (!heap.empty()) {
    items.push_back(heap.top().item);
    heap.erase(heap.top().item);
  }
  return items;
}

TEST(DeadlineHeap, NeverEndsWhenEmpty) {
  EXPECT_EQ(DeadlineHeap().earliest(), kNever);
}

TEST(DeadlineHeap, GivesTheEarliestFirst) {
  DeadlineHeap heap;
  heap.set(3, at(3s), 1);
  heap.set(1, at(1s), 2);
  heap.set(2, at(2s), 3);

  EXPECT_EQ(heap.earliest(), at(1s));
  EXPECT_THAT(emptied(heap), ElementsAre(1, 2, 3));
}

TEST(DeadlineHeap, GivesTheLowerOrderFirstAtTheSameMoment) {
  DeadlineHeap heap;
  heap.set(1, at(1s), 30);
  heap.set(2, at(1s), 10);
  heap.set(3, at(1s), 20);

  EXPECT_THAT(emptied(heap), ElementsAre(2, 3, 1));
}

TEST(DeadlineHeap, MovesAnItemWhoseDeadlineChanges) {
  DeadlineHeap heap;
  heap.set(1, at(1s), 1);
  heap.set(2, at(2s), 2);

  heap.set(1, at(3s), 1);

  EXPECT_EQ(heap.size(), 2u);
  EXPECT_THAT(emptied(heap), ElementsAre(2, 1));
}

TEST(DeadlineHeap, TakingOutWhatIsNotInDoesNothing) {
  DeadlineHeap heap;
  heap.set(1, at(1s), 1);

  heap.erase(0);
  heap.erase(99);

  EXPECT_TRUE(heap.contains(1));
  EXPECT_FALSE(heap.contains(0));
}

TEST(DeadlineHeap, AgreesWithASortedMapOverManyChanges) {
  std::mt19937 random(17);
  DeadlineHeap heap;
  std::map<std::uint32_t, std::pair<TimePoint, std::uint64_t>> expected;

  for (int step = 0; step < 20000; ++step) {
    const std::uint32_t item = random() % 40;
    if (random() % 3 == 0) {
      heap.erase(item);
      expected.erase(item);
    } else {
      const TimePoint when = at(std::chrono::seconds(random() % 20));
      heap.set(item, when, item);
      expected[item] = {when, item};
    }

    ASSERT_EQ(heap.size(), expected.size());
    if (expected.empty()) continue;
    const auto first = std::min_element(expected.begin(), expected.end(),
                                        [](const auto& a, const auto& b) { return a.second < b.second; });
    ASSERT_EQ(heap.top().item, first->first) << "step " << step;
    ASSERT_EQ(heap.earliest(), first->second.first);
  }
}

}  // namespace
}  // namespace connmgr

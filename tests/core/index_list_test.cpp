#include "connmgr/core/index_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace connmgr {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct IndexListTest : ::testing::Test {
  auto links() {
    return [this](std::uint32_t i) -> IndexLinks& { return items[i]; };
  }
  // Front to back; and back to front must be the same.
  std::vector<std::uint32_t> content() {
    std::vector<std::uint32_t> forward;
    for (std::uint32_t i = list.front(); i != kNoIndex; i = items[i].after) forward.push_back(i);
    std::vector<std::uint32_t> backward;
    for (std::uint32_t i = list.back(); i != kNoIndex; i = items[i].before)
      backward.insert(backward.begin(), i);
    EXPECT_EQ(forward, backward);
    return forward;
  }

  std::vector<IndexLinks> items{5};
  IndexList list;
};

TEST_F(IndexListTest, IsEmptyAtFirst) {
  EXPECT_TRUE(list.empty());
  EXPECT_THAT(content(), IsEmpty());
}

TEST_F(IndexListTest, KeepsTheOrderInWhichItemsWerePut) {
  list.push_back(1, links());
  list.push_back(2, links());
  list.push_front(0, links());

  EXPECT_THAT(content(), ElementsAre(0, 1, 2));
}

TEST_F(IndexListTest, ClosesTheGapWhereverAnItemIsTakenOut) {
  for (std::uint32_t i = 0; i < 5; ++i) list.push_back(i, links());

  list.erase(0, links());
  EXPECT_THAT(content(), ElementsAre(1, 2, 3, 4));
  list.erase(4, links());
  EXPECT_THAT(content(), ElementsAre(1, 2, 3));
  list.erase(2, links());
  EXPECT_THAT(content(), ElementsAre(1, 3));
  list.erase(1, links());
  list.erase(3, links());
  EXPECT_TRUE(list.empty());
}

TEST_F(IndexListTest, GivesUpItsFront) {
  list.push_back(3, links());
  list.push_back(4, links());

  list.pop_front(links());
  EXPECT_THAT(content(), ElementsAre(4));
  list.pop_front(links());
  EXPECT_TRUE(list.empty());
}

TEST_F(IndexListTest, TakesAnItemAgainThatHasLeft) {
  list.push_back(1, links());
  list.erase(1, links());

  list.push_front(1, links());

  EXPECT_THAT(content(), ElementsAre(1));
}

TEST_F(IndexListTest, MeansTheSameInACopyOfItsOwner) {
  list.push_back(1, links());
  const IndexList copy = list;

  list.erase(1, links());

  EXPECT_EQ(copy.front(), 1u);
}

}  // namespace
}  // namespace connmgr

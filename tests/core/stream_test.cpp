#include "connmgr/core/stream.h"

#include <gtest/gtest.h>

namespace connmgr {
namespace {

using enum StreamState;
constexpr std::optional<StreamState> never = std::nullopt;

struct Row {
  StreamEvent event;
  std::optional<StreamState> to[4];  // from available, available in use, reserved, reserved in use
};
constexpr StreamState kStates[] = {available_free, available_in_use, reserved_free, reserved_in_use};

constexpr Row kTable[] = {
    {StreamEvent::taken, {available_in_use, never, never, never}},
    {StreamEvent::taken_by_id, {available_in_use, never, reserved_in_use, never}},
    {StreamEvent::returned, {never, available_free, never, reserved_free}},
    {StreamEvent::made_reserved, {reserved_free, reserved_in_use, reserved_free, reserved_in_use}},
    {StreamEvent::made_available, {available_free, available_in_use, available_free, available_in_use}},
};

TEST(Stream, MovesFromEachStateByEachEventAsTheTableSays) {  // S2, S3, S4
  for (const Row& row : kTable) {
    for (int from = 0; from < 4; ++from) {
      EXPECT_EQ(next(kStates[from], row.event), row.to[from])
          << to_string(kStates[from]) << ", event " << static_cast<int>(row.event);
    }
  }
}

TEST(Stream, IsInUseOrReservedIndependently) {
  EXPECT_FALSE(in_use(available_free) || reserved(available_free));
  EXPECT_TRUE(in_use(available_in_use) && !reserved(available_in_use));
  EXPECT_TRUE(!in_use(reserved_free) && reserved(reserved_free));
  EXPECT_TRUE(in_use(reserved_in_use) && reserved(reserved_in_use));
}

TEST(Stream, HasAnotherDirection) {
  EXPECT_EQ(other(Direction::input), Direction::output);
  EXPECT_EQ(other(Direction::output), Direction::input);
}

}  // namespace
}  // namespace connmgr

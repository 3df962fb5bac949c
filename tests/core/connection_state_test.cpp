#include "connmgr/core/connection_state.h"

#include <gtest/gtest.h>

namespace connmgr {
namespace {

using enum ConnectionState;
constexpr std::optional<ConnectionState> never = std::nullopt;

struct Row {
  ConnectionEvent event;
  std::optional<ConnectionState> to[kConnectionStates];
};

// from:                                wants_permit connecting open     closing  ended  gone
constexpr Row kTable[] = {
    {ConnectionEvent::permit_granted, {connecting, never, never, never, never, never}},
    {ConnectionEvent::permit_refused, {gone, never, never, never, never, never}},
    {ConnectionEvent::opened, {never, open, never, never, never, never}},
    {ConnectionEvent::open_failed, {never, gone, never, never, never, never}},
    {ConnectionEvent::abandoned, {gone, closing, never, never, never, never}},
    {ConnectionEvent::close_started, {never, never, closing, never, never, never}},
    {ConnectionEvent::descriptor_closed, {never, never, never, ended, never, never}},
    {ConnectionEvent::last_user_left, {never, never, never, never, gone, never}},
};

TEST(ConnectionStates, MoveFromEachStateByEachEventAsTheTableSays) {
  ASSERT_EQ(std::size(kTable), static_cast<std::size_t>(kConnectionEvents));
  for (const Row& row : kTable) {
    for (int from = 0; from < kConnectionStates; ++from) {
      EXPECT_EQ(next(static_cast<ConnectionState>(from), row.event), row.to[from])
          << to_string(static_cast<ConnectionState>(from)) << ", event " << static_cast<int>(row.event);
    }
  }
}

TEST(ConnectionStates, EachHasAWayToGone) {
  for (int from = 0; from < kConnectionStates; ++from) {
    ConnectionState state = static_cast<ConnectionState>(from);
    for (int steps = 0; state != gone && steps < kConnectionStates; ++steps) {
      for (int event = kConnectionEvents - 1; event >= 0; --event) {
        const auto to = next(state, static_cast<ConnectionEvent>(event));
        if (to) {
          state = *to;
          break;
        }
      }
    }
    EXPECT_EQ(state, gone) << to_string(static_cast<ConnectionState>(from));
  }
}

}  // namespace
}  // namespace connmgr

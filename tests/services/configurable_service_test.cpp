#include "connmgr/configurable_service.h"

#include <gtest/gtest.h>

namespace connmgr {
namespace {

using namespace std::chrono_literals;

TEST(ConfigurableService, WithAnUnsetMinimumKeepsOneConnectionForAClientInputNode) {
  const ConfigurableService orders{.name = "orders"};

  EXPECT_EQ(pool_settings(orders, true).min_connections, 1u);
  EXPECT_EQ(pool_settings(orders, false).min_connections, 0u);
}

TEST(ConfigurableService, WithAWrittenMinimumKeepsThatMany) {
  ConfigurableService orders{.name = "orders"};

  orders.min_connections = 0;
  EXPECT_EQ(pool_settings(orders, true).min_connections, 0u);

  orders.min_connections = 7;
  EXPECT_EQ(pool_settings(orders, true).min_connections, 7u);
}

TEST(ConfigurableService, OfAServerNeverAsksItsPoolToOpenConnections) {
  ConfigurableService pos{.name = "pos", .kind = ServiceKind::server};
  pos.min_connections = 3;

  const PoolSettings settings = pool_settings(pos, true);

  EXPECT_EQ(settings.role, PoolRole::server);
  EXPECT_EQ(settings.min_connections, 0u);
}

TEST(ConfigurableService, GivesThePoolItsOwnDefaults) {
  EXPECT_EQ(pool_settings(ConfigurableService{}, false), PoolSettings{});
}

TEST(ConfigurableService, WaitsForAnAcknowledgmentAsLongAsKeepaliveWaitsForASign) {
  SocketSettings socket;

  EXPECT_EQ(effective_user_timeout(socket), 60s + 3 * 10s);

  socket.keepalive = {.on = true, .idle = 300s, .interval = 10s, .count = 5};
  EXPECT_EQ(effective_user_timeout(socket), 350s);
}

TEST(ConfigurableService, LeavesTheUserTimeoutAloneWithoutKeepaliveUnlessOneIsGiven) {
  SocketSettings socket;
  socket.keepalive.on = false;

  EXPECT_EQ(effective_user_timeout(socket), std::nullopt);

  socket.user_timeout = 4s;
  EXPECT_EQ(effective_user_timeout(socket), 4s);
}

}  // namespace
}  // namespace connmgr

// The registry of managers and how nodes name connections (SPEC G1, G2, G4, G5).
#include "connmgr/execution_group.h"

#include <gmock/gmock.h>

#include "connmgr/connection_details_text.h"
#include "tests/support/sim_group.h"

namespace connmgr::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(ConnectionDetailsText, TakesTheFormsOfG4) {
  struct Row {
    const char* text;
    const char* service;
    const char* host;
    std::optional<std::uint16_t> port;
  };
  for (const Row& row : {Row{"orders", "orders", "", std::nullopt}, Row{"bank:7000", "", "bank", 7000},
                         Row{"7000", "", "", 7000}, Row{"[::1]:7000", "", "::1", 7000},
                         Row{"orders@bank:7000", "orders", "bank", 7000}, Row{"pos@7790", "pos", "", 7790}}) {
    const auto parsed = parse_connection_details(ServiceKind::client, row.text);

    ASSERT_TRUE(parsed) << row.text;
    EXPECT_EQ(parsed->service, row.service) << row.text;
    EXPECT_EQ(parsed->host, row.host) << row.text;
    EXPECT_EQ(parsed->port, row.port) << row.text;
  }
}

TEST(ConnectionDetailsText, SaysWhatIsWrongAndWhatIsAllowed) {
  for (const char* text :
       {"", ":7000", "bank:", "bank:0", "bank:65536", "bank:x", "::1:7000", "@bank:7000"}) {
    const auto parsed = parse_connection_details(ServiceKind::client, text);

    ASSERT_FALSE(parsed) << text;
    EXPECT_TRUE(parsed.error().is(Errc::invalid_configuration));
    EXPECT_THAT(parsed.error().text, HasSubstr("allowed: ")) << text;
  }
}

class Group : public SimGroup {};

TEST_F(Group, GivesOneManagerToAllWithTheSameDetails) {
  set_services({client_service("orders", "bank", 7000)});

  ConnectionManager& by_name = use(ServiceKind::client, "orders");
  ConnectionManager& by_address = use(ServiceKind::client, "BANK:7000");
  ConnectionManager& elsewhere = use(ServiceKind::client, "orders@bank2:7000");

  EXPECT_EQ(&by_name, &by_address);
  EXPECT_NE(&by_name, &elsewhere);
  EXPECT_EQ(elsewhere.service()->name, "orders");
  EXPECT_EQ(elsewhere.address(), "bank2:7000");
}

TEST_F(Group, TakesDefaultForAnAddressThatNoServiceClaims) {
  ConnectionManager& manager = use(ServiceKind::client, "7123");

  EXPECT_EQ(manager.service()->name, "Default");
  EXPECT_EQ(manager.address(), "localhost:7123");
}

TEST_F(Group, NamesTheKnownServicesWhenOneIsUnknown) {
  set_services({client_service("orders", "bank", 7000)});

  const auto used = group().use(ServiceKind::client, "ordres");

  ASSERT_FALSE(used);
  EXPECT_TRUE(used.error().is(Errc::unknown_service));
  EXPECT_THAT(used.error().text, HasSubstr("orders"));
}

TEST_F(Group, FindsThePortOfAServerServiceOfTheSameHost) {
  ConfigurableService server = server_service("pos", 0);
  server.port_auto = true;
  ConfigurableService client = client_service("self", "localhost", 0);
  client.port_of = "pos";
  set_services({server, client});

  EXPECT_FALSE(group().use(ServiceKind::client, "self"));
  ConnectionManager& pos = use(ServiceKind::server, "pos");
  ConnectionManager& self = use(ServiceKind::client, "self");

  EXPECT_NE(pos.port(), 0);
  EXPECT_EQ(self.port(), pos.port());
}

TEST_F(Group, KeepsAnUnusedManagerAsLongAsItsServiceSays) {
  ConfigurableService service = client_service("orders", "bank", 7000);
  service.keep_manager = 30s;
  set_services({service});
  const ConnectionManager* first = nullptr;
  {
    auto used = group().use(ServiceKind::client, "orders");
    first = &**used;
  }
  world.run_for(29s);
  {
    auto again = group().use(ServiceKind::client, "orders");
    EXPECT_EQ(&**again, first);
  }
  world.run_for(29s);
  EXPECT_EQ(group().snapshots().size(), 1u);

  world.run_for(2s);

  EXPECT_TRUE(group().snapshots().empty());
}

TEST_F(Group, MakesTheUnsetMinimumOneForAClientInputNode) {
  SimServer bank(world, "bank", 7000);
  set_services({client_service("orders", "bank", 7000)});
  use(ServiceKind::client, "orders");
  world.run_until_quiet();
  ASSERT_EQ(bank.accepted(), 0u);

  use(ServiceKind::client, "orders", true);
  world.run_until_quiet();

  EXPECT_EQ(bank.accepted(), 1u);
}

TEST_F(Group, RefusesUsesWhileItStops) {
  group().begin_stop();

  const auto used = group().use(ServiceKind::client, "7000");

  ASSERT_FALSE(used);
  EXPECT_TRUE(used.error().is(Errc::shutting_down));
}

}  // namespace
}  // namespace connmgr::testing

#include "services/config/descriptor_demand.h"

#include "tests/services/service_text.h"

namespace connmgr::services {
namespace {

DescriptorDemand demand_of(const std::string& text, std::uint32_t shards = 1) {
  const LoadOutcome outcome = load(text);
  EXPECT_TRUE(outcome) << outcome.text();
  return descriptor_demand(outcome.services, shards);
}

TEST(DescriptorDemand, IsTheSumOfTheMaximaAndTheListenersOfEachShardAndSomeToSpare) {
  const DescriptorDemand demand = demand_of(
      "client_services:\n- {name: orders, port: 7777, max_connections: 20}\n"
      "server_services:\n- {name: pos, port: auto, max_connections: 500}\n- {name: probe, port: 7791}\n",
      4);

  EXPECT_EQ(demand.connections, 20u + 500u + 100u);
  EXPECT_EQ(demand.listeners, 2u * 4u);
  EXPECT_EQ(demand.total(), 620u + 8u + 64u);
}

TEST(DescriptorDemand, LeavesOutWhatOnlySuppliesPropertiesAndCountsNothingAheadForTheUnlimited) {
  const DescriptorDemand demand = demand_of(
      "client_services:\n- {name: Default, max_connections: 5000}\n- {name: template}\n"
      "- {name: all, port: 7777, max_connections: 0}\n");

  EXPECT_EQ(demand.connections, 0u);
  EXPECT_EQ(demand.listeners, 0u);
}

TEST(DescriptorDemand, OverTheLimitIsRefusedWithBothNumbersAndTheLargestService) {
  const DescriptorDemand demand = demand_of(
      "client_services:\n- {name: orders, port: 1, max_connections: 900}\n- {name: billing, port: 2}\n");

  const Result<void> fits = check_descriptors(demand, 1064);
  const Result<void> refused = check_descriptors(demand, 1063);

  EXPECT_TRUE(fits);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Errc::descriptor_limit));
  EXPECT_EQ(
      refused.error().text,
      "the services may need 1064 descriptors (1000 connections, 0 listeners, 64 spare), this process may "
      "have 1063: raise the limit (ulimit -n) or lower max_connections, which is greatest in 'orders' (900)");
}

}  // namespace
}  // namespace connmgr::services

// Client connection managers in a simulated world (SPEC G7, S1 to S6, L1 to L3, C2).
#include <gmock/gmock.h>

#include "tests/support/sim_group.h"

namespace connmgr::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class ClientManager : public SimGroup {
 protected:
  ConnectionManager& orders(std::uint32_t max = 2) {
    ConfigurableService service = client_service("orders", "bank", 7000);
    service.max_connections = max;
    service.connection_timeout = 5s;
    return orders(service);
  }
  ConnectionManager& orders(const ConfigurableService& service) {
    set_services({service});
    return use(ServiceKind::client, "orders");
  }

  SimServer bank{world, "bank", 7000};
};

TEST_F(ClientManager, OpensNothingBeforeItIsAsked) {
  orders();

  world.run_until_quiet();

  EXPECT_EQ(bank.accepted(), 0u);
}

TEST_F(ClientManager, OpensAConnectionOnDemandAndSendsOverIt) {
  ConnectionManager& manager = orders();

  SimRequest& request = ask(manager, {});
  ASSERT_TRUE(request.granted());
  on_shard(request.answered_on, [&](OnShard& here) {
    ASSERT_TRUE(request.lease.send(here, {.kind = RecordDefinition::Kind::delimited}, "hello", nullptr));
  });

  EXPECT_EQ(bank.peer(0).received(), "hello\n");
  EXPECT_EQ(request.lease.details()->peer, (io::Endpoint{bank.peer(0).link()->endpoint(SimSide::server)}));
}

TEST_F(ClientManager, KeepsItsMinimumOpenAlsoWhenThePeerClosesOne) {
  ConfigurableService service = client_service("orders", "bank", 7000);
  service.min_connections = 3;
  orders(service);
  world.run_for(2s);  // a connection that lives shorter counts as an attempt that failed (C2)
  ASSERT_EQ(bank.accepted(), 3u);

  bank.peer(1).close();
  world.run_until_quiet();

  EXPECT_EQ(bank.accepted(), 4u);
  EXPECT_EQ(bank.open_peers(), 3u);
}

TEST_F(ClientManager, ServesWaitersInOrderOfArrivalOverShards) {
  ConnectionManager& manager = orders(1);
  SimRequest& holder = ask(manager, {});
  SimRequest& first = ask(manager, {}, 1);
  SimRequest& second = ask(manager, {}, 0);
  ASSERT_TRUE(first.waiting() && second.waiting());

  give_back(holder);

  EXPECT_TRUE(first.granted());
  EXPECT_TRUE(second.waiting());

  give_back(first);

  EXPECT_TRUE(second.granted());
}

TEST_F(ClientManager, GrantsOnTheShardOfTheConnection) {
  ConnectionManager& manager = orders(1);
  SimRequest& mine = ask(manager, {}, 0);
  give_back(mine);

  SimRequest& other = ask(manager, {}, 1);

  ASSERT_TRUE(other.granted());
  EXPECT_EQ(other.answered_on, mine.answered_on);
}

TEST_F(ClientManager, RefusesAtTheTimeoutWithATextThatNamesLimitAndNumbers) {
  ConnectionManager& manager = orders(1);
  ask(manager, {});
  SimRequest& late = ask(manager, {});

  world.run_for(4900ms);
  EXPECT_TRUE(late.waiting());
  world.run_for(200ms);

  ASSERT_TRUE(late.failure);
  EXPECT_TRUE(late.failure->is(Errc::pool_exhausted));
  EXPECT_THAT(late.failure->text, HasSubstr("orders (bank:7000)"));
  EXPECT_THAT(late.failure->text, HasSubstr("max_connections is 1"));
  EXPECT_THAT(late.failure->text, HasSubstr("after 5 s"));
}

TEST_F(ClientManager, NamesWhoHoldsTheConnectionsLongestFirst) {  // L4
  ConnectionManager& manager = orders(2);
  Holder billing{.flow = group().holder_names().add("billing"), .node = group().holder_names().add("ask")};
  ask(manager, {.holder = billing});
  world.run_for(3s);
  SimRequest& reserving = ask(manager, {});
  give_back(reserving, StreamChange::reserve);

  SimRequest& refused = ask(manager, {.connection_timeout = 0s});

  ASSERT_TRUE(refused.failure);
  EXPECT_THAT(refused.failure->text,
              ::testing::ContainsRegex("held by flow 'billing' node 'ask' \\(orders/1-[0-9a-f]+ output "
                                       "available, in use for 3[.0-9]* s\\), a caller outside flows "
                                       "\\(orders/2-[0-9a-f]+ output reserved for 0 s\\)"));
}

TEST_F(ClientManager, NamesTenHoldersAndCountsTheRest) {
  ConnectionManager& manager = orders(13);
  for (int i = 0; i < 13; ++i) ask(manager, {});

  SimRequest& refused = ask(manager, {.connection_timeout = 0s});

  ASSERT_TRUE(refused.failure);
  EXPECT_THAT(refused.failure->text, HasSubstr(" and 3 more"));
}

TEST_F(ClientManager, SaysWhyAnAbsentPeerCannotBeReached) {
  ConnectionManager& manager = orders();
  bank.stop();

  SimRequest& request = ask(manager, {});
  world.run_for(6s);

  ASSERT_TRUE(request.failure);
  EXPECT_TRUE(request.failure->is(Errc::connect_failed));
  EXPECT_THAT(request.failure->text, HasSubstr("bank:7000"));
  EXPECT_THAT(request.failure->text, HasSubstr("refused"));
}

TEST_F(ClientManager, ReachesAPeerThatComesBackAndServesWhoWaits) {
  ConnectionManager& manager = orders();
  bank.stop();
  SimRequest& request = ask(manager, {});
  world.run_for(1s);
  ASSERT_TRUE(request.waiting());

  bank.start();
  world.run_for(3s);

  EXPECT_TRUE(request.granted());
}

TEST_F(ClientManager, FindsAReservedStreamByItsIdAlone) {
  ConnectionManager& manager = orders(1);
  SimRequest& request = ask(manager, {});
  const ConnectionId id = request.lease.id();
  give_back(request, StreamChange::reserve);

  SimRequest& any = ask(manager, {.connection_timeout = 1s});
  SimRequest& by_id = ask(manager, {.id = id});

  EXPECT_TRUE(by_id.granted());
  world.run_for(2s);
  EXPECT_TRUE(any.failure);
}

TEST_F(ClientManager, TellsAnUnknownIdAtOnce) {
  ConnectionManager& manager = orders(1);

  SimRequest& request = ask(manager, {.id = {0, 1, 42}});

  ASSERT_TRUE(request.failure);
  EXPECT_TRUE(request.failure->is(Errc::unknown_connection));
}

TEST_F(ClientManager, ForgetsACancelledRequest) {
  ConnectionManager& manager = orders(1);
  SimRequest& holder = ask(manager, {});
  SimRequest& waiting = ask(manager, {});
  bool cancelled = false;

  on_shard(0, [&](OnShard& here) { cancelled = manager.cancel(here, waiting.ticket); });
  give_back(holder);

  EXPECT_TRUE(cancelled);
  EXPECT_EQ(waiting.answers, 0);
  EXPECT_EQ(manager.snapshot().gauges.waiting, 0u);
}

TEST_F(ClientManager, GivesAReplacementForAConnectionThatBroke) {
  ConnectionManager& manager = orders(1);
  SimRequest& holder = ask(manager, {});
  world.run_for(2s);

  bank.peer(0).reset();
  world.run_until_quiet();
  EXPECT_EQ(holder.lease.input_end(), io::ChannelEnd::reset);
  give_back(holder);
  SimRequest& next = ask(manager, {});

  EXPECT_TRUE(next.granted());
  EXPECT_EQ(bank.accepted(), 2u);
}

TEST_F(ClientManager, LosesNothingOfWhatWasSentBeforeItStops) {
  ConfigurableService service = client_service("orders", "bank", 7000);
  set_services({service});
  world.at("bank", 7000).latency_max = 5ms;
  auto used = group().use(ServiceKind::client, "orders");
  ASSERT_TRUE(used);
  SimRequest& request = ask(**used, {});
  const std::string large(200'000, 'x');
  on_shard(request.answered_on,
           [&](OnShard& here) { ASSERT_TRUE(request.lease.send(here, {}, large, nullptr)); });

  give_back(request);
  used->end();
  world.run_for(1s);

  EXPECT_EQ(bank.peer(0).received().size(), large.size());
  EXPECT_EQ(bank.peer(0).end(), io::ChannelEnd::clean);
}

TEST_F(ClientManager, AppliesARaisedMaximumToThoseWhoWait) {
  ConnectionManager& manager = orders(1);
  ask(manager, {});
  SimRequest& waiting = ask(manager, {});
  auto raised = std::make_shared<ConfigurableService>(*manager.service());
  raised->max_connections = 2;

  manager.apply(raised, false);
  world.run_until_quiet();

  EXPECT_TRUE(waiting.granted());
}

// The grant travels to the connection's shard; the reset may be there first. Wakes are late by what the seed
// says, so that both orders come up.
class GrantOnItsWay : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(GrantOnItsWay, ReachesItsAskerAlsoWhenTheConnectionHasEndedMeanwhile) {
  SimNetwork world(GetParam());
  SimServer bank(world, "bank", 7000);
  {
    ExecutionGroup group({.shards = 2}, world);
    auto used = group.use(ServiceKind::client, "bank:7000");
    ASSERT_TRUE(used);
    int answers = 0;
    StreamLease kept;
    const auto ask_from = [&](ShardIndex shard) {
      group.shards()[shard]->post([&](OnShard& here) {
        (*used)->acquire(here, {.connection_timeout = 1s}, [&](OnShard&, Result<StreamLease> granted) {
          ++answers;
          if (granted) kept = *std::move(granted);
        });
      });
    };
    ask_from(0);
    world.run_until_quiet();
    const auto owner = static_cast<ShardIndex>((*used)->snapshot().connections.at(0).shard);
    group.shards()[owner]->post([&](OnShard& here) { kept.give_back(here); });
    world.run_for(2s);
    world.set_wake_delay(2ms);

    ask_from(static_cast<ShardIndex>(1 - owner));
    world.after(Duration(static_cast<std::int64_t>(GetParam()) * 50'000), [&] { bank.peer(0).reset(); });
    world.run_for(5s);

    EXPECT_EQ(answers, 2);
    const auto holder = static_cast<ShardIndex>((*used)->snapshot().connections.at(0).shard);
    group.shards()[holder]->post([&](OnShard& here) {
      if (kept) kept.give_back(here);
    });
    world.run_until_quiet();
    used->end();
    EXPECT_TRUE(world.run_until([&] { return group.stopped(); }, 1min));
    world.run_until_quiet();
  }
  EXPECT_EQ(world.leaks(), "");
}
INSTANTIATE_TEST_SUITE_P(Seeds, GrantOnItsWay, ::testing::Range<std::uint64_t>(1, 60));

}  // namespace
}  // namespace connmgr::testing

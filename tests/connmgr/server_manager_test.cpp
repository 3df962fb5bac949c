// Server connection managers in a simulated world (SPEC G1, G3, G6, L9).
#include <gmock/gmock.h>

#include "tests/support/sim_group.h"

namespace connmgr::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// Echoes what comes, as an Input node would take it: the offered stream, until it is empty.
struct Echo final : InputSubscriber {
  explicit Echo(ConnectionManager& of) : manager(of) {}

  void on_stream(OnShard& here, StreamLease stream) override {
    seen += stream.unread();
    ++offers;
    stream.consume(here, stream.unread().size());
  }

  ConnectionManager& manager;
  std::string seen;
  int offers = 0;
};

class ServerManager : public SimGroup {
 protected:
  ConnectionManager& pos(std::uint32_t max = 100, WhenFull when_full = WhenFull::refuse) {
    ConfigurableService service = server_service("pos", 7790);
    service.max_connections = max;
    service.when_full = when_full;
    set_services({service});
    return use(ServiceKind::server, "pos");
  }
};

TEST_F(ServerManager, ListensAsSoonAsItExists) {
  ConnectionManager& manager = pos();
  SimPeer till(world, "till", "localhost", 7790);

  world.run_until_quiet();

  EXPECT_TRUE(till.connected());
  EXPECT_EQ(manager.snapshot().gauges.open, 1u);
}

TEST_F(ServerManager, OffersBytesToItsSubscriber) {
  ConnectionManager& manager = pos();
  auto echo = std::make_shared<Echo>(manager);
  const SubscriptionId subscription = manager.subscribe({}, echo);
  SimPeer till(world, "till", "localhost", 7790);

  till.send("one loaf\n");
  world.run_until_quiet();
  till.send("two loaves\n");
  world.run_until_quiet();

  EXPECT_EQ(echo->seen, "one loaf\ntwo loaves\n");
  EXPECT_EQ(echo->offers, 2);
  manager.unsubscribe(subscription);
}

TEST_F(ServerManager, OffersWhatCameBeforeThereWasASubscriber) {
  ConnectionManager& manager = pos();
  SimPeer till(world, "till", "localhost", 7790);
  till.send("early\n");
  world.run_until_quiet();

  auto echo = std::make_shared<Echo>(manager);
  const SubscriptionId subscription = manager.subscribe({}, echo);
  world.run_until_quiet();

  EXPECT_EQ(echo->seen, "early\n");
  manager.unsubscribe(subscription);
}

TEST_F(ServerManager, ResetsWhoComesOverTheMaximum) {
  ConnectionManager& manager = pos(1);
  SimPeer first(world, "till", "localhost", 7790);
  world.run_until_quiet();

  SimPeer second(world, "till", "localhost", 7790);
  world.run_until_quiet();

  EXPECT_EQ(first.end(), io::ChannelEnd::none);
  EXPECT_EQ(second.end(), io::ChannelEnd::reset);
  EXPECT_EQ(manager.snapshot().counters.refused_connections, 1u);
}

TEST_F(ServerManager, LetsThemWaitInTheBacklogWhenItPauses) {
  ConnectionManager& manager = pos(1, WhenFull::pause);
  SimPeer first(world, "till", "localhost", 7790);
  world.run_until_quiet();
  SimPeer second(world, "till", "localhost", 7790);
  world.run_until_quiet();
  EXPECT_EQ(second.end(), io::ChannelEnd::none);
  EXPECT_EQ(manager.snapshot().gauges.open, 1u);

  first.close();
  world.run_until_quiet();

  EXPECT_EQ(second.end(), io::ChannelEnd::none);
  EXPECT_EQ(manager.snapshot().counters.opened, 2u);
}

TEST_F(ServerManager, RefusesToStartOnATakenPortAndLeavesNothingBehind) {
  world.hold_port(7790, "pid 4711 (tillserver)");
  set_services({server_service("pos", 7790)});

  auto used = group().use(ServiceKind::server, "pos");

  ASSERT_FALSE(used);
  EXPECT_TRUE(used.error().is(Errc::port_in_use));
  EXPECT_THAT(used.error().text, HasSubstr("7790"));
  EXPECT_THAT(used.error().text, HasSubstr("tillserver"));
  EXPECT_TRUE(group().snapshots().empty());
}

TEST_F(ServerManager, FreesItsPortForItsSuccessorInTheSameCall) {
  set_services({server_service("pos", 7790)});
  auto first = group().use(ServiceKind::server, "pos");
  ASSERT_TRUE(first);
  SimPeer till(world, "till", "localhost", 7790);
  world.run_until_quiet();

  first->end();
  auto second = group().use(ServiceKind::server, "pos");

  ASSERT_TRUE(second) << second.error().text;
  world.run_until_quiet();
  EXPECT_EQ(till.end(), io::ChannelEnd::clean);
  second->end();
}

TEST_F(ServerManager, KeepsAReservedInputReadableAfterThePeerHasClosed) {
  ConnectionManager& manager = pos();
  SimPeer till(world, "till", "localhost", 7790);
  till.send("hello");
  world.run_until_quiet();
  SimRequest& reader = ask(manager, {.direction = Direction::input});
  ASSERT_TRUE(reader.granted());
  const ConnectionId id = reader.lease.id();
  give_back(reader, StreamChange::reserve);

  till.close();
  world.run_until_quiet();
  SimRequest& again = ask(manager, {.direction = Direction::input, .id = id});

  ASSERT_TRUE(again.granted());
  EXPECT_EQ(again.lease.unread(), "hello");
  EXPECT_EQ(again.lease.input_end(), io::ChannelEnd::clean);
}

}  // namespace
}  // namespace connmgr::testing

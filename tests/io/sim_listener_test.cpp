// Listening in the simulated world: ports and who has them, backlog, pausing, spreading over shards.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/support/sim_fixture.h"

namespace connmgr::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SimListenerTest : public SimTest {};

TEST_F(SimListenerTest, AcceptsOnAPortThatTheSystemChose) {
  auto listener = listen();
  SimEnds ends;
  auto acceptor = accept(*listener, ends);

  SimPeer till(world, "till", "localhost", listener->port());
  till.send("hello");
  world.run_until_quiet();

  EXPECT_NE(listener->port(), 0);
  ASSERT_EQ(ends.all.size(), 1u);
  EXPECT_EQ(ends.all[0]->received, "hello");
  EXPECT_EQ(ends.all[0]->channel->peer(), till.address());
}

TEST_F(SimListenerTest, RefusesAPortThatSomebodyHasAndNamesHim) {
  auto listener = listen(7777);
  world.hold_port(8888, "process 812 (tilld)");

  const auto ours = world.listen({.port = 7777});
  const auto theirs = world.listen({.port = 8888});
  const auto nowhere = world.listen({.bind_address = "192.0.2.7", .port = 9999});

  ASSERT_FALSE(ours);
  EXPECT_TRUE(ours.error().is(Errc::port_in_use));
  EXPECT_EQ(ours.error().text, "listen on port 7777: address already in use, held by this process");
  ASSERT_FALSE(theirs);
  EXPECT_TRUE(theirs.error().is(Errc::port_in_use));
  EXPECT_THAT(theirs.error().text,
              HasSubstr("port 8888: address already in use, held by process 812 (tilld)"));
  ASSERT_FALSE(nowhere);
  EXPECT_TRUE(nowhere.error().is(Errc::address_unavailable));
}

TEST_F(SimListenerTest, FreesThePortOnCloseAlthoughAcceptorsAreLeft) {
  auto listener = listen(7777);
  SimEnds ends;
  auto acceptor = accept(*listener, ends);

  listener->close();
  auto next = listen(7777);
  SimPeer till(world, "till", "localhost", 7777);
  world.run_until_quiet();

  EXPECT_TRUE(till.connected());
  EXPECT_THAT(ends.all, IsEmpty());
}

TEST_F(SimListenerTest, FreesThePortWhenListenerAndAcceptorsAreGone) {
  auto listener = listen(7777);
  SimEnds ends;
  auto acceptor = accept(*listener, ends);
  listener.reset();
  EXPECT_FALSE(world.listen({.port = 7777}));

  acceptor.reset();
  SimPeer till(world, "till", "localhost", 7777);
  world.run_until_quiet();

  ASSERT_TRUE(till.failure());
  EXPECT_THAT(till.failure()->text, HasSubstr("connection refused"));
  EXPECT_TRUE(world.listen({.port = 7777}));
}

TEST_F(SimListenerTest, LeavesConnectionsInTheBacklogWhileAcceptingIsPaused) {
  auto listener = listen(0, 2);
  SimEnds ends;
  auto acceptor = accept(*listener, ends);
  shard().enter([&](io::OnShard& here) { acceptor->pause(here); });
  std::vector<std::unique_ptr<SimPeer>> tills;
  for (int i = 0; i < 3; ++i) {
    tills.push_back(std::make_unique<SimPeer>(world, "till", "localhost", listener->port()));
  }
  world.run_until_quiet();
  const auto connected = [&] {
    return std::count_if(tills.begin(), tills.end(), [](const auto& till) { return till->connected(); });
  };

  EXPECT_EQ(connected(), 2);  // the third one's SYN was dropped
  EXPECT_THAT(ends.all, IsEmpty());

  shard().enter([&](io::OnShard& here) { acceptor->resume(here); });
  world.run_for(2s);

  EXPECT_EQ(connected(), 3);
  EXPECT_EQ(ends.all.size(), 3u);
}

TEST_F(SimListenerTest, SpreadsAcceptedConnectionsOverTheShards) {
  auto listener = listen(0, 100);
  SimEnds ends;
  auto first = accept(*listener, ends, 0);
  auto second = accept(*listener, ends, 1);
  std::vector<std::unique_ptr<SimPeer>> tills;

  for (int i = 0; i < 40; ++i) {
    tills.push_back(std::make_unique<SimPeer>(world, "till", "localhost", listener->port()));
  }
  world.run_until_quiet();

  EXPECT_EQ(ends.all.size(), 40u);
  EXPECT_GT(std::count(ends.shards.begin(), ends.shards.end(), 0), 5);
  EXPECT_GT(std::count(ends.shards.begin(), ends.shards.end(), 1), 5);
}

TEST_F(SimListenerTest, ShedsConnectionsAtTheDescriptorLimitAndSaysSoOnceAnEpisode) {
  auto listener = listen();
  SimEnds ends;
  auto acceptor = accept(*listener, ends);
  world.set_descriptor_limit(3);  // the listener, its duplicate on the shard, one channel
  std::vector<std::unique_ptr<SimPeer>> tills;

  for (int i = 0; i < 4; ++i) {
    tills.push_back(std::make_unique<SimPeer>(world, "till", "localhost", listener->port()));
  }
  world.run_until_quiet();

  EXPECT_EQ(ends.all.size(), 1u);
  EXPECT_EQ(ends.troubles.size(), 1u);
  EXPECT_EQ(std::count_if(tills.begin(), tills.end(),
                          [](const auto& till) { return till->end() == io::ChannelEnd::reset; }),
            3);
}

}  // namespace
}  // namespace connmgr::testing

// The simulated world keeps its promises: made-up time, the verbs of io::Network, one story a seed.
#include "tests/support/sim_network.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "tests/support/sim_fixture.h"

namespace connmgr::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SimNetworkTest : public SimTest {};

// --- time and loops ------------------------------------------------------------------------------------

TEST_F(SimNetworkTest, RunsAPostedTaskOnlyWhenTheWorldRuns) {
  bool ran = false;
  shard().post([&](io::OnShard&) { ran = true; });

  const bool before = ran;
  world.run_until_quiet();

  EXPECT_FALSE(before);
  EXPECT_TRUE(ran);
}

TEST_F(SimNetworkTest, BringsADeadlineAtItsTimeAndNotBefore) {
  const TimePoint start = world.now();
  TimePoint came{};
  io::Deadline deadline([&](io::OnShard& here) { came = here.now(); });
  shard().enter([&](io::OnShard& here) { deadline.set(here, start + 2h); });

  world.run_for(2h - 1ns);
  const TimePoint before = came;
  world.run_for(1ns);

  EXPECT_EQ(before, TimePoint{});
  EXPECT_EQ(came, start + 2h);
}

TEST_F(SimNetworkTest, IsQuietWithADeadlineInTheFutureButNotWithOneThatIsDue) {
  int came = 0;
  io::Deadline due([&](io::OnShard&) { ++came; });
  io::Deadline later([&](io::OnShard&) { ++came; });
  shard().enter([&](io::OnShard& here) {
    due.set(here, here.now());
    later.set(here, here.now() + 1s);
  });

  world.run_until_quiet();

  EXPECT_EQ(came, 1);
}

TEST_F(SimNetworkTest, SaysWhetherAConditionCameTrueWithinALimit) {
  bool happened = false;
  world.after(5s, [&] { happened = true; });
  const TimePoint start = world.now();

  EXPECT_FALSE(world.run_until([&] { return happened; }, 4s));
  EXPECT_EQ(world.now(), start + 4s);
  EXPECT_TRUE(world.run_until([&] { return happened; }, 4s));
  EXPECT_EQ(world.now(), start + 5s);
}

TEST_F(SimNetworkTest, ThrowsItsStoryWhenItDoesNotComeToRest) {
  struct Again {
    SimNetwork& world;
    void go() {
      world.after(0s, [this] { go(); });
    }
  } again{world};
  again.go();
  world.set_step_limit(1000);

  std::string said;
  try {
    world.run_until_quiet();
  } catch (const std::runtime_error& error) {
    said = error.what();
  }

  EXPECT_THAT(said, HasSubstr("seed 1, 1000 steps"));
}

TEST(SimNetworkSeeds, RunsTheWakesOfShardsInEveryOrder) {
  std::set<std::string> orders;

  for (const std::uint64_t seed : sim_seeds(50)) {
    SimNetwork world(seed);
    io::Shard a(0, world), b(1, world), c(2, world);
    std::string order;
    for (io::Shard* shard : {&a, &b, &c}) {
      shard->post([&order](io::OnShard& here) { order += static_cast<char>('a' + here.shard().index()); });
    }
    world.run_until_quiet();
    orders.insert(order);
  }

  EXPECT_EQ(orders.size(), std::getenv("CONNMGR_SIM_SEED") ? 1u : 6u);
}

// --- connecting ----------------------------------------------------------------------------------------

TEST_F(SimNetworkTest, ConnectsToAServerAndCarriesBytesBothWays) {
  SimServer bank(world, "bank", 7000);
  bank.on_bytes = [](SimPeer& peer) { peer.send("<" + peer.take() + ">"); };
  SimEnd till(shard());

  till.connect(world, {.host = "bank", .port = 7000});
  const bool at_once = till.channel != nullptr;
  world.run_until_quiet();
  till.write("one loaf");
  world.run_until_quiet();

  EXPECT_FALSE(at_once);
  EXPECT_EQ(till.received, "<one loaf>");
  EXPECT_EQ(till.channel->peer(), (io::Endpoint{world.host("bank").address, 7000}));
  EXPECT_EQ(till.channel->local(), bank.peer(0).link()->endpoint(SimSide::client));
}

TEST_F(SimNetworkTest, SaysWhyAConnectFails) {
  const struct {
    const char* host;
    Errc code;
    const char* text;
  } cases[] = {{"nobody", Errc::connect_failed, "connect to nobody:7000: connection refused"},
               {"nameless", Errc::resolve_failed, "connect to nameless:7000: the host name has no address"},
               {"afar", Errc::connect_failed, "connect to afar:7000: no route to host"},
               {"refusing", Errc::connect_failed, "connect to refusing:7000: connection refused"}};
  world.host("nameless").unresolvable();
  world.at("afar", 7000).way = SimWay::unreachable;
  SimServer refusing(world, "refusing", 7000);
  world.at("refusing", 7000).way = SimWay::refuse;
  for (const auto& one : cases) {
    SimEnd end(shard());

    end.connect(world, {.host = one.host, .port = 7000});
    const bool at_once = end.failure.has_value();
    world.run_until_quiet();

    EXPECT_FALSE(at_once);
    ASSERT_TRUE(end.failure) << one.host;
    EXPECT_TRUE(end.failure->is(one.code)) << end.failure->text;
    EXPECT_EQ(end.failure->text, one.text);
  }
}

TEST_F(SimNetworkTest, TimesOutAConnectThatHangsAtTheTimeoutOfItsTarget) {
  SimServer bank(world, "bank", 7000);
  world.at("bank", 7000).way = SimWay::hang;
  SimEnd till(shard());

  till.connect(world, {.host = "bank", .port = 7000, .timeout = 3s});
  world.run_for(3s - 1ns);
  const bool before = till.failure.has_value();
  world.run_for(1ns);

  EXPECT_FALSE(before);
  ASSERT_TRUE(till.failure);
  EXPECT_TRUE(till.failure->is(Errc::connect_timeout));
  EXPECT_EQ(till.failure->text, "connect to bank:7000: no answer within 3000 ms");
}

TEST_F(SimNetworkTest, CallsNobodyWhenAnAttemptIsGivenUp) {
  SimServer bank(world, "bank", 7000);
  world.profile().latency_min = world.profile().latency_max = 1ms;
  for (const Duration moment : {0ms, 1ms, 2ms}) {  // before the name, the SYN, the answer came through
    SimEnd till(shard());
    till.connect(world, {.host = "bank", .port = 7000});
    world.run_for(moment);

    till.cancel_connect();
    world.run_until_quiet();

    EXPECT_EQ(till.channel, nullptr);
    EXPECT_FALSE(till.failure);
  }
  ASSERT_EQ(bank.accepted(), 1u);
  EXPECT_EQ(bank.peer(0).end(), io::ChannelEnd::clean);
}

TEST_F(SimNetworkTest, RefusesALocalAddressThatIsNotOurs) {
  SimServer bank(world, "bank", 7000);
  SimEnd till(shard());

  till.connect(world, {.host = "bank", .port = 7000, .local_address = "192.0.2.7"});
  world.run_until_quiet();

  ASSERT_TRUE(till.failure);
  EXPECT_TRUE(till.failure->is(Errc::address_unavailable));
}

TEST_F(SimNetworkTest, FailsAConnectAtTheDescriptorLimit) {
  SimServer bank(world, "bank", 7000);
  world.set_descriptor_limit(1);
  SimEnd first(shard());
  first.connect(world, {.host = "bank", .port = 7000});
  SimEnd second(shard());

  second.connect(world, {.host = "bank", .port = 7000});
  world.run_until_quiet();

  EXPECT_NE(first.channel, nullptr);
  ASSERT_TRUE(second.failure);
  EXPECT_TRUE(second.failure->is(Errc::descriptor_limit));
  EXPECT_THAT(second.failure->text, HasSubstr("limit is 1"));
}

// --- leaks, seeds, stories -----------------------------------------------------------------------------

TEST_F(SimNetworkTest, TellsWhatIsLeft) {
  SimServer bank(world, "bank", 7000);
  world.at("hanging", 1).way = SimWay::hang;
  auto listener = listen(7777);
  SimEnd open(shard()), trying(shard());
  open.connect(world, {.host = "bank", .port = 7000});
  trying.connect(world, {.host = "hanging", .port = 1});
  io::Deadline deadline([](io::OnShard&) {});
  shard().enter([&](io::OnShard& here) { deadline.set(here, here.now() + 1h); });

  world.run_until_quiet();

  EXPECT_THAT(world.leaks(), HasSubstr("channel of link 1: 10.0.0.1:50000 to 10.0.0."));
  EXPECT_THAT(world.leaks(), HasSubstr("listener on port 7777\n"));
  EXPECT_THAT(world.leaks(), HasSubstr("attempt to connect to hanging:1\n"));
  EXPECT_THAT(world.leaks(), HasSubstr("armed timer of shard 0\n"));
}

TEST_F(SimNetworkTest, IsToldOfATrafficThatCanBeReadInTheTrace) {
  SimServer bank(world, "bank", 7000);
  SimEnd till(shard());
  till.connect(world, {.host = "bank", .port = 7000});
  world.run_until_quiet();

  till.write("hello");
  world.run_until_quiet();

  EXPECT_THAT(world.trace(), HasSubstr("link 1 client  writes 5\n"));
  EXPECT_THAT(world.trace(), HasSubstr("link 1 server  gets bytes 5\n"));
}

struct Story {
  std::string echoed;
  std::string trace;
  std::uint64_t fingerprint = 0;
};

// Ten tills, one echo server, two shards, everything that the seed can think of except faults.
Story story_of(std::uint64_t seed, const std::string& text) {
  SimNetwork world(seed);
  world.chaos();
  SimServer bank(world, "bank", 7000);
  bank.on_bytes = [](SimPeer& peer) { peer.send(peer.take()); };
  io::Shard a(0, world), b(1, world);
  Story story;
  std::vector<std::unique_ptr<SimEnd>> tills;
  for (int i = 0; i < 10; ++i) {
    tills.push_back(std::make_unique<SimEnd>(i % 2 ? a : b));
    tills.back()->connect(world, {.host = "bank", .port = 7000});
  }
  world.run_until_quiet();
  for (auto& till : tills) {
    std::size_t sent = 0;
    world.run_until(
        [&] {
          till->write(std::string_view(text).substr(sent));
          sent += till->written.bytes;
          return sent == text.size();
        },
        1h);
  }
  world.run_until_quiet();
  for (auto& till : tills) story.echoed += till->received;
  story.trace = world.trace();
  story.fingerprint = world.fingerprint();
  return story;
}

TEST(SimNetworkSeeds, TellsTheSameStoryForTheSameSeed) {
  const std::string text(3000, 'x');
  for (const std::uint64_t seed : sim_seeds(5)) {
    const Story once = story_of(seed, text);
    const Story again = story_of(seed, text);

    EXPECT_EQ(once.trace, again.trace);
    EXPECT_EQ(once.fingerprint, again.fingerprint);
  }
  EXPECT_NE(story_of(1, text).fingerprint, story_of(2, text).fingerprint);
}

TEST(SimNetworkSeeds, DeliversTheSameBytesHoweverTheyAreSplit) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += std::to_string(i) + ',';
  std::string ten_times;
  for (int i = 0; i < 10; ++i) ten_times += text;

  for (const std::uint64_t seed : sim_seeds(20)) {
    EXPECT_EQ(story_of(seed, text).echoed, ten_times) << "seed " << seed;
  }
}

}  // namespace
}  // namespace connmgr::testing

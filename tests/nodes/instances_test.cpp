// Places of a flow and the lines for them, over several shards (SPEC N7).
#include "nodes/instances.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/sim_fixture.h"

namespace connmgr::testing {
namespace {

using io::OnShard;
using nodes::Instances;

class InstancesTest : public SimTest {
 protected:
  struct Worker final : nodes::InLine {
    Worker(std::string its_name, std::vector<std::string>& into) : name(std::move(its_name)), got(into) {}
    void on_place(OnShard&) override { got.push_back(name); }
    std::string name;
    std::vector<std::string>& got;
  };

  std::unique_ptr<Instances> instances(unsigned places) {
    return std::make_unique<Instances>(places, std::vector<io::Shard*>{&shard(0), &shard(1), &shard(2)});
  }
  Worker& worker(const std::string& name) {
    workers_.push_back(std::make_unique<Worker>(name, got));
    return *workers_.back();
  }
  template <class Action>
  void on(ShardIndex index, Action action) {
    shard(index).enter([&](OnShard& here) { action(here); });
    world.run_until_quiet();
  }

  std::vector<std::string> got;  // who was given a place after waiting, in order

 private:
  std::vector<std::unique_ptr<Worker>> workers_;
};

TEST_F(InstancesTest, GivesAPlaceThatComesBackToWhoeverWaitsLongestOnThatShard) {
  auto places = instances(1);
  Worker& first = worker("first");
  Worker& second = worker("second");
  on(0, [&](OnShard& here) {
    EXPECT_TRUE(places->take(here, worker("holder")));
    EXPECT_FALSE(places->take(here, first));
    EXPECT_FALSE(places->take(here, second));
  });

  on(0, [&](OnShard& here) { places->give_back(here); });
  EXPECT_EQ(got, std::vector<std::string>{"first"});
  on(0, [&](OnShard& here) { places->give_back(here); });

  EXPECT_EQ(got, (std::vector<std::string>{"first", "second"}));
  EXPECT_EQ(places->free(), 0u);
}

TEST_F(InstancesTest, HandsAPlaceToAnotherShardWhereSomebodyWaits) {
  auto places = instances(1);
  on(0, [&](OnShard& here) { EXPECT_TRUE(places->take(here, worker("holder"))); });
  on(2, [&](OnShard& here) { EXPECT_FALSE(places->take(here, worker("far"))); });

  on(0, [&](OnShard& here) { places->give_back(here); });

  EXPECT_EQ(got, std::vector<std::string>{"far"});
}

TEST_F(InstancesTest, LetsNoShardWaitForEverBesideABusyOne) {
  auto places = instances(1);
  on(0, [&](OnShard& here) { EXPECT_TRUE(places->take(here, worker("holder"))); });
  on(1, [&](OnShard& here) { EXPECT_FALSE(places->take(here, worker("far"))); });
  int rounds = 0;

  for (; got.empty() || got.back() != "far"; ++rounds) {
    ASSERT_LT(rounds, 100);
    on(0, [&](OnShard& here) {
      EXPECT_FALSE(places->take(here, worker("near")));
      places->give_back(here);
    });
  }

  EXPECT_GT(rounds, 1) << "the own line is preferred: handing a place over wakes a thread";
}

TEST_F(InstancesTest, LosesNoPlaceWhenWhoeverWaitedHasLeft) {
  auto places = instances(1);
  Worker& gone = worker("gone");
  on(0, [&](OnShard& here) { EXPECT_TRUE(places->take(here, worker("holder"))); });
  on(1, [&](OnShard& here) { EXPECT_FALSE(places->take(here, gone)); });

  shard(0).enter([&](OnShard& here) { places->give_back(here); });  // on its way to shard 1
  shard(1).enter([&](OnShard& here) { EXPECT_TRUE(places->leave(here, gone)); });
  world.run_until_quiet();

  EXPECT_TRUE(got.empty());
  EXPECT_EQ(places->free(), 1u);
}

TEST_F(InstancesTest, TellsWhoeverLeavesThatItsPlaceIsOnTheWay) {
  auto places = instances(1);
  Worker& late = worker("late");
  bool left = true;
  on(0, [&](OnShard& here) {
    EXPECT_TRUE(places->take(here, worker("holder")));
    EXPECT_FALSE(places->take(here, late));
    places->give_back(here);
    left = places->leave(here, late);
  });

  EXPECT_FALSE(left);
  EXPECT_EQ(got, std::vector<std::string>{"late"}) << "who leaves too late gives it back itself";
}

}  // namespace
}  // namespace connmgr::testing

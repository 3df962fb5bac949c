#include "connmgr/io/shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/io/manual_loop.h"

namespace connmgr::io {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct ShardTest : ::testing::Test {
  LoopOnlyNetwork network;
  Shard shard{3, network};
  ManualLoop& loop = *network.loop;
  std::vector<std::string> said;

  ShardTask say(std::string what) {
    return [this, what = std::move(what)](OnShard&) { said.push_back(what); };
  }
};

struct Flushed final : Flushable {
  explicit Flushed(std::function<void(OnShard&)> then) : on_flush(std::move(then)) {}
  void flush(OnShard& here) override { on_flush(here); }
  std::function<void(OnShard&)> on_flush;
};

// --- frames ----------------------------------------------------------------------------------------

TEST_F(ShardTest, RunsDeferredTasksAfterTheCurrentOneInOrder) {
  shard.enter([&](OnShard& here) {
    shard.defer(here, [&](OnShard& inner) {
      shard.defer(inner, say("third"));
      said.push_back("first");
    });
    shard.defer(here, say("second"));
    said.push_back("entered");
  });

  EXPECT_THAT(said, ElementsAre("entered", "first", "second", "third"));
}

TEST_F(ShardTest, JoinsTheFrameThatIsOpen) {
  shard.enter([&](OnShard& outer) {
    shard.defer(outer, say("deferred"));
    shard.enter([&](OnShard& inner) { EXPECT_EQ(&inner, &outer); });
    said.push_back("outer goes on");
  });

  EXPECT_THAT(said, ElementsAre("outer goes on", "deferred"));
  EXPECT_EQ(shard.frames(), 1u);
  EXPECT_EQ(Shard::current(), nullptr);
}

TEST_F(ShardTest, FlushesOnceAFrameHoweverOftenTouchedAndAfterWhatWasDeferred) {
  Flushed output([&](OnShard&) { said.push_back("flush"); });

  shard.enter([&](OnShard& here) {
    shard.touch(here, output);
    shard.touch(here, output);
    shard.defer(here, [&](OnShard& later) {
      said.push_back("deferred");
      shard.touch(later, output);
    });
  });

  EXPECT_THAT(said, ElementsAre("deferred", "flush"));
}

TEST_F(ShardTest, FlushesAgainWhatAFlushTouched) {
  int flushes = 0;
  Flushed output([&](OnShard&) {});
  output.on_flush = [&](OnShard& here) {
    if (++flushes < 3) shard.defer(here, [&](OnShard& later) { shard.touch(later, output); });
  };

  shard.enter([&](OnShard& here) { shard.touch(here, output); });

  EXPECT_EQ(flushes, 3);
}

TEST_F(ShardTest, DoesNotFlushWhatWentAway) {
  auto gone = std::make_unique<Flushed>([&](OnShard&) { said.push_back("gone"); });
  Flushed stays([&](OnShard&) { said.push_back("stays"); });

  shard.enter([&](OnShard& here) {
    shard.touch(here, *gone);
    shard.touch(here, stays);
    shard.forget(*gone);
    gone.reset();
  });

  EXPECT_THAT(said, ElementsAre("stays"));
}

// --- inbox -----------------------------------------------------------------------------------------

TEST_F(ShardTest, RunsPostedTasksInOrderInOneFrameAndWakesOnce) {
  shard.post(say("a"));
  shard.post(say("b"));
  EXPECT_EQ(loop.wakes, 1);

  loop.serve();

  EXPECT_THAT(said, ElementsAre("a", "b"));
  EXPECT_EQ(shard.frames(), 1u);
}

TEST_F(ShardTest, WakesForPostingWithoutWakeOnlyWhenTold) {
  shard.post_without_wake(say("a"));
  EXPECT_EQ(loop.wakes, 0);

  shard.wake();
  shard.wake();

  EXPECT_EQ(loop.wakes, 1);
  loop.serve();
  EXPECT_THAT(said, ElementsAre("a"));
}

TEST_F(ShardTest, WakesAgainForATaskPostedWhileTheInboxIsEmptied) {
  shard.post([&](OnShard&) { shard.post(say("later")); });

  loop.serve();
  EXPECT_THAT(said, IsEmpty());
  EXPECT_EQ(loop.wakes, 1);
  loop.serve();

  EXPECT_THAT(said, ElementsAre("later"));
}

TEST_F(ShardTest, DropsWhatWasPostedAndNeverRan) {
  auto held = std::make_shared<int>(1);
  std::weak_ptr<int> alive = held;
  {
    LoopOnlyNetwork other_network;
    Shard other(1, other_network);
    other.post([held = std::move(held)](OnShard&) { FAIL(); });
  }

  EXPECT_TRUE(alive.expired());
}

// --- deadlines -------------------------------------------------------------------------------------

TEST_F(ShardTest, RunsADeadlineOnceWhenItsTimeHasCome) {
  Deadline deadline(say("due"));
  shard.enter([&](OnShard& here) { deadline.set(here, at(10ms)); });

  loop.advance_to(at(9ms));
  EXPECT_THAT(said, IsEmpty());
  loop.advance_to(at(10ms));
  loop.advance_to(at(1h));

  EXPECT_THAT(said, ElementsAre("due"));
}

TEST_F(ShardTest, MovesADeadlineToLaterWithoutTouchingTheTimer) {
  Deadline deadline(say("due"));
  for (int i = 1; i <= 100; ++i)
    shard.enter([&](OnShard& here) { deadline.set(here, at(milliseconds(10 * i))); });
  EXPECT_EQ(loop.arms, 1);

  loop.advance_to(at(999ms));
  EXPECT_THAT(said, IsEmpty());
  loop.advance_to(at(1000ms));

  EXPECT_THAT(said, ElementsAre("due"));
  EXPECT_EQ(loop.timers, 2);  // at the old time, and at the real one
}

TEST_F(ShardTest, MovesADeadlineToSooner) {
  Deadline deadline(say("due"));
  shard.enter([&](OnShard& here) { deadline.set(here, at(1h)); });
  shard.enter([&](OnShard& here) { deadline.set(here, at(1ms)); });

  loop.advance_to(at(1ms));

  EXPECT_THAT(said, ElementsAre("due"));
}

TEST_F(ShardTest, ForgetsAClearedDeadline) {
  Deadline deadline(say("due"));
  shard.enter([&](OnShard& here) { deadline.set(here, at(1ms)); });
  deadline.clear();

  loop.advance_to(at(1h));

  EXPECT_THAT(said, IsEmpty());
  EXPECT_EQ(loop.armed, kNever);
}

TEST_F(ShardTest, SetsAClearedDeadlineAnew) {
  Deadline deadline(say("due"));
  shard.enter([&](OnShard& here) { deadline.set(here, at(1ms)); });
  deadline.clear();
  shard.enter([&](OnShard& here) { deadline.set(here, at(5ms)); });

  loop.advance_to(at(4ms));
  EXPECT_THAT(said, IsEmpty());
  loop.advance_to(at(5ms));

  EXPECT_THAT(said, ElementsAre("due"));
}

TEST_F(ShardTest, LetsATaskDestroyItsOwnDeadline) {
  auto deadline = std::make_unique<Deadline>();
  deadline->set_task([&](OnShard&) {
    deadline.reset();
    said.push_back("due");
  });
  shard.enter([&](OnShard& here) { deadline->set(here, at(1ms)); });

  loop.advance_to(at(1ms));

  EXPECT_THAT(said, ElementsAre("due"));
  EXPECT_EQ(deadline, nullptr);
}

TEST_F(ShardTest, LetsATaskSetItsDeadlineAgain) {
  Deadline deadline;
  deadline.set_task([&](OnShard& here) {
    said.push_back("tick");
    if (said.size() < 3) deadline.set(here, here.now() + 10ms);
  });
  shard.enter([&](OnShard& here) { deadline.set(here, at(10ms)); });

  loop.advance_to(at(1s));

  EXPECT_THAT(said, ElementsAre("tick", "tick", "tick"));
}

TEST_F(ShardTest, LetsOthersHaveTheirTurnWhenATaskSetsItsDeadlineToNow) {
  Deadline greedy;
  int turns = 0;
  greedy.set_task([&](OnShard& here) {
    if (++turns < 5) greedy.set(here, here.now());
  });
  shard.enter([&](OnShard& here) { greedy.set(here, at(1ms)); });

  loop.advance_to(at(1ms));

  EXPECT_EQ(turns, 5);
  EXPECT_EQ(loop.timers, 5);
}

TEST_F(ShardTest, FiresManyDeadlinesInOrderOfTimeThroughMovesAndRemovals) {
  constexpr unsigned kSeed = 20261121;
  std::mt19937 random(kSeed);
  std::vector<std::optional<Deadline>> deadlines(200);
  std::vector<TimePoint> expected(deadlines.size(), kNever);
  std::vector<std::pair<TimePoint, std::size_t>> fired;
  for (std::size_t i = 0; i < deadlines.size(); ++i) {
    deadlines[i].emplace([&fired, i](OnShard& here) { fired.emplace_back(here.now(), i); });
  }

  shard.enter([&](OnShard& here) {
    for (int step = 0; step < 5000; ++step) {
      const std::size_t i = random() % deadlines.size();
      const TimePoint when = at(milliseconds(1 + random() % 1000));
      switch (random() % 8) {
        case 0:
          if (deadlines[i]) deadlines[i]->clear();
          expected[i] = kNever;
          break;
        case 1:
          deadlines[i].emplace([&fired, i](OnShard& now) { fired.emplace_back(now.now(), i); });
          expected[i] = kNever;
          break;
        default: deadlines[i]->set(here, when); expected[i] = when;
      }
    }
  });
  loop.advance_to(at(2s));

  std::vector<std::pair<TimePoint, std::size_t>> all;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] != kNever) all.emplace_back(expected[i], i);
  }
  EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end(), [](auto& a, auto& b) { return a.first < b.first; }));
  EXPECT_THAT(fired, ::testing::UnorderedElementsAreArray(all)) << "seed " << kSeed;
}

TEST(ShardOfTheDead, LeavesADeadlineThatOutlivesItHarmless) {
  Deadline deadline([](OnShard&) { FAIL(); });
  {
    LoopOnlyNetwork network;
    Shard shard(0, network);
    shard.enter([&](OnShard& here) { deadline.set(here, at(1ms)); });
  }

  deadline.clear();  // and its destructor finds no shard
  EXPECT_EQ(deadline.when(), kNever);
}

}  // namespace
}  // namespace connmgr::io

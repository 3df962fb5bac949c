#include "bench/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <new>

#include "bench/allocation_count.h"

namespace bench {
namespace {

using ::testing::DoubleNear;

TEST(Sample, IsTheMedianAndTheDistanceOfTheQuartiles) {
  const Sample sample = sample_of({30, 10, 20, 50, 40});

  EXPECT_EQ(sample.median, 30);
  EXPECT_THAT(sample.spread, DoubleNear(20.0 / 30, 1e-9));  // from 20 to 40
}

TEST(Sample, OfAnEvenNumberLiesBetweenTheTwoInTheMiddle) {
  EXPECT_EQ(sample_of({1, 2, 4, 100}).median, 3);
}

TEST(Interleave, TakesTurnsAndTurnsTheOrderAround) {
  std::string order;

  interleave(
      3, [&] { return order += 'A', 1.0; }, [&] { return order += 'B', 1.0; });

  EXPECT_EQ(order,
            "AB"
            "AB"
            "BA"
            "AB")
      << "one of each is thrown away";
}

TEST(Interleave, GivesTheMedianOfTheRatiosNotTheRatioOfTheMedians) {
  const double subjects[] = {0, 1, 20, 3};  // the machine was slow in the second round
  const double baselines[] = {0, 2, 40, 6};
  int a = 0;
  int b = 0;

  const Comparison measured = interleave(
      3, [&] { return subjects[a++]; }, [&] { return baselines[b++]; });

  EXPECT_EQ(measured.subject.median, 3);
  EXPECT_EQ(measured.baseline.median, 6);
  EXPECT_EQ(measured.ratio.median, 0.5);
  EXPECT_EQ(measured.ratio.spread, 0);
}

TEST(Interleave, ComparesEachOfSeveralFiguresOfOneRun) {
  const std::vector<Comparison> measured = interleave_all(
      2,
      [] {
        return std::vector<double>{1, 30};
      },
      [] {
        return std::vector<double>{2, 10};
      });

  ASSERT_EQ(measured.size(), 2u);
  EXPECT_EQ(measured[0].ratio.median, 0.5);
  EXPECT_EQ(measured[1].ratio.median, 3);
}

TEST(Row, KnowsWhetherItsGoalIsMet) {
  const auto row = [] { return compared("r", "ns", {{10, 0}, {20, 0}, {0.5, 0}}); };

  EXPECT_TRUE(*row().at_most(10).ok);
  EXPECT_FALSE(*row().at_most(9.9).ok);
  EXPECT_TRUE(*row().at_least(10).ok);
  EXPECT_FALSE(*row().at_least(10.1).ok);
  EXPECT_TRUE(*row().ratio_at_most(0.5).ok);
  EXPECT_FALSE(*row().ratio_at_most(0.4).ok);
  EXPECT_FALSE(*row().ratio_at_least(0.6).ok);
  EXPECT_FALSE(*figure("no baseline", "ns", 1).ratio_at_least(0).ok);
  EXPECT_EQ(row().ok, std::nullopt);
}

TEST(Json, HasWhatTheRowHas) {
  const std::string json =
      to_json({compared("a \"b\"\n", "ns", {{10, 0.25}, {20, 0}, {0.5, 0.125}}).ratio_at_most(0.6),
               figure("c", "GB/s", 1.0 / 0.0)});

  EXPECT_EQ(json,
            "[\n"
            "  {\"name\": \"a \\\"b\\\"\\u000a\", \"value\": 10, \"unit\": \"ns\", \"baseline\": 20, "
            "\"ratio\": 0.5, \"ratio_spread\": 0.125, "
            "\"goal\": \"ratio <= 0.6\", \"ok\": true, \"spread\": 0.25},\n"
            "  {\"name\": \"c\", \"value\": null, \"unit\": \"GB/s\", \"spread\": 0}\n"
            "]\n");
}

TEST(AllocationCount, SeesEachFormOfNew) {
  struct alignas(64) Line {
    char bytes[64];
  };
  const AllocationCount counted;

  const auto one = std::make_unique<int>(1);
  const auto several = std::make_unique<int[]>(5);
  const auto aligned = std::make_unique<Line>();
  int* const quiet = new (std::nothrow) int(2);
  const std::uint64_t count = counted.count();
  delete quiet;

  EXPECT_EQ(count, 4u);
}

}  // namespace
}  // namespace bench

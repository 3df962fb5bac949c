#include "connmgr/core/budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "connmgr/core/error.h"

namespace connmgr {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = BudgetAction::Kind;

constexpr TimePoint at(Duration since_start) {
  return TimePoint{} + since_start;
}

// Pools that want `wants` permits for requests which wait since then, one second apart.
PermitNeeds waiting_since(TimePoint since, std::uint32_t wants = 1) {
  PermitNeeds needs;
  needs.wants = wants;
  for (std::uint32_t i = 0; i < wants; ++i) needs.waiting_since[i] = since + i * 1s;
  return needs;
}
PermitNeeds for_the_minimum(std::uint32_t wants) {
  PermitNeeds needs;
  needs.wants = wants;
  for (std::uint32_t i = 0; i < wants; ++i) needs.waiting_since[i] = kNever;
  return needs;
}
PermitNeeds idle_since(TimePoint since) {
  PermitNeeds needs;
  needs.idle = 1;
  needs.idle_since = since;
  return needs;
}

struct BudgetTest : ::testing::Test {
  static BudgetSettings settings(std::uint32_t max_total, std::uint32_t floor_a = 0,
                                 std::uint32_t floor_b = 0) {
    return {
        .name = "licences", .max_total = max_total, .services = {{"a", floor_a}, {"b", floor_b}, {"c", 0}}};
  }
  explicit BudgetTest(const BudgetSettings& first = settings(2)) { begin(first); }
  ~BudgetTest() override { budget.check_invariants(); }

  void begin(const BudgetSettings& of) {
    budget = Budget(of);
    a = budget.join("a");
    b = budget.join("b");
    c = budget.join("c");
  }

  std::vector<BudgetAction> said() {
    std::vector<BudgetAction> actions(budget.actions().begin(), budget.actions().end());
    budget.clear_actions();
    budget.check_invariants();
    return actions;
  }
  // So many permits of the pool, arrived and in use.
  void hold(PoolNumber pool, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      budget.report(pool, for_the_minimum(1));
      budget.grant_arrived(pool);
      budget.report(pool, {});
    }
    ASSERT_EQ(budget.held(pool), count);
    budget.clear_actions();
  }

  Budget budget{settings(2)};
  PoolNumber a{};
  PoolNumber b{};
  PoolNumber c{};
};

TEST_F(BudgetTest, GrantsWhatIsFree) {
  budget.report(a, waiting_since(at(1s), 2));

  EXPECT_THAT(said(), ElementsAre(BudgetAction{Kind::grant, a}, BudgetAction{Kind::grant, a}));
}

TEST_F(BudgetTest, NeverGrantsMoreThanMaxTotalOverAllServices) {
  hold(a, 1);

  budget.report(b, for_the_minimum(3));

  EXPECT_THAT(said(), ElementsAre(BudgetAction{Kind::grant, b}));
  EXPECT_EQ(budget.held(), 2u);
}

TEST_F(BudgetTest, TakesWhatIsUsedElsewhereOffTheTotal) {
  BudgetSettings shared = settings(3);
  shared.used_elsewhere = 2;
  begin(shared);

  budget.report(a, waiting_since(at(1s), 2));

  EXPECT_EQ(budget.held(), 1u);
}

TEST_F(BudgetTest, HasNothingToGiveWhenMoreIsUsedElsewhereThanThereIs) {
  BudgetSettings shared = settings(3);
  shared.used_elsewhere = 5;
  begin(shared);

  budget.report(a, waiting_since(at(1s)));

  EXPECT_EQ(budget.held(), 0u);
}

TEST_F(BudgetTest, CountsAPermitOnItsWayAsHeld) {
  budget.report(a, waiting_since(at(1s), 2));
  budget.clear_actions();

  budget.report(a, waiting_since(at(1s), 2));  // the pool does not know yet

  EXPECT_THAT(said(), IsEmpty());
  EXPECT_EQ(budget.held(a), 2u);
}

TEST_F(BudgetTest, GivesAFreedPermitToTheLongestWaiterOverAllServices) {
  hold(a, 2);
  budget.report(b, waiting_since(at(20s)));
  budget.report(c, waiting_since(at(10s)));
  budget.clear_actions();

  budget.give_back(a);

  EXPECT_THAT(said(), ::testing::Contains(BudgetAction{Kind::grant, c}));
  EXPECT_EQ(budget.held(b), 0u);
}

TEST_F(BudgetTest, ComparesEachRequestAndNotEachPool) {
  hold(a, 2);
  budget.report(b, waiting_since(at(10s), 2));  // the second since 11 s
  budget.report(c, waiting_since(at(10s) + 500ms));
  budget.give_back(a);
  budget.clear_actions();

  budget.give_back(a);

  EXPECT_EQ(budget.held(b), 1u);
  EXPECT_EQ(budget.held(c), 1u);
}

TEST_F(BudgetTest, ServesRequestsBeforeMinimums) {
  hold(a, 2);
  budget.report(b, for_the_minimum(1));
  budget.report(c, waiting_since(at(90s)));
  budget.clear_actions();

  budget.give_back(a);

  EXPECT_EQ(budget.held(c), 1u);
}

TEST_F(BudgetTest, FillsMinimumsInTheOrderInWhichTheyWereAskedFor) {
  hold(a, 2);
  budget.report(c, for_the_minimum(2));
  budget.report(b, for_the_minimum(2));

  budget.give_back(a);
  budget.give_back(a);

  EXPECT_EQ(budget.held(c), 1u);  // in turn, also when one wants more than one
  EXPECT_EQ(budget.held(b), 1u);
}

TEST_F(BudgetTest, ForgetsWhoNoLongerWants) {
  hold(a, 2);
  budget.report(b, waiting_since(at(1s)));
  budget.report(b, {});

  budget.give_back(a);

  EXPECT_EQ(budget.held(b), 0u);
  EXPECT_EQ(budget.held(), 1u);
}

struct BudgetWithFloors : BudgetTest {
  BudgetWithFloors() : BudgetTest(settings(3, 1, 1)) {}
};

TEST_F(BudgetWithFloors, KeepsAFloorFreeForItsService) {
  budget.report(c, waiting_since(at(1s), 3));

  EXPECT_EQ(budget.held(c), 1u);
}

TEST_F(BudgetWithFloors, GrantsOutOfTheFloorToItsService) {
  hold(c, 1);

  budget.report(a, waiting_since(at(1s), 2));

  EXPECT_EQ(budget.held(a), 1u);  // the other one is b's
}

TEST_F(BudgetWithFloors, ServesFloorsBeforeTheLongestWaiter) {
  begin(settings(1));
  hold(c, 1);
  budget.report(c, waiting_since(at(1s)));
  budget.report(a, waiting_since(at(50s)));
  budget.apply(settings(1, 1));
  budget.clear_actions();

  budget.give_back(c);

  EXPECT_EQ(budget.held(a), 1u);
  EXPECT_EQ(budget.held(c), 0u);
}

TEST_F(BudgetWithFloors, CountsTheFloorOverAllPoolsOfAService) {
  const PoolNumber second = budget.join("a");
  hold(a, 1);

  budget.report(second, waiting_since(at(1s), 2));

  EXPECT_EQ(budget.held(second), 1u);  // beyond the floor: the one that is free for all
}

struct FullBudget : BudgetTest {
  void everybody_looks() {
    for (const PoolNumber pool : {a, b, c}) budget.report(pool, needs[static_cast<std::size_t>(pool)]);
  }
  std::array<PermitNeeds, 3> needs;
};

TEST_F(FullBudget, AsksItsPoolsWhatTheyHaveIdleWhenARequestWaits) {
  hold(a, 2);

  budget.report(c, waiting_since(at(9s)));

  EXPECT_TRUE(budget.pressed());
  EXPECT_THAT(said(), ElementsAre(BudgetAction{Kind::look, a}, BudgetAction{Kind::look, b}));
}

TEST_F(FullBudget, HasTheLongestIdleConnectionClosedForAWaiter) {
  hold(a, 1);
  hold(b, 1);
  needs = {idle_since(at(5s)), idle_since(at(3s)), waiting_since(at(9s))};

  everybody_looks();
  everybody_looks();

  EXPECT_THAT(said(), ::testing::Contains(BudgetAction{Kind::give_up, b}));
}

TEST_F(FullBudget, HasOneClosedForOneWaiter) {
  hold(a, 2);
  needs = {idle_since(at(3s)), {}, waiting_since(at(9s))};
  everybody_looks();
  everybody_looks();
  EXPECT_THAT(said(), ::testing::Contains(BudgetAction{Kind::give_up, a}));

  needs[0] = idle_since(at(4s));  // the next one
  needs[0].closing = 1;
  budget.give_up_answered(a);
  everybody_looks();
  everybody_looks();

  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(FullBudget, AsksAnotherPoolWhenTheFirstHasNothingIdleAnyMore) {
  hold(a, 1);
  hold(b, 1);
  needs = {idle_since(at(5s)), idle_since(at(3s)), waiting_since(at(9s))};
  everybody_looks();
  everybody_looks();
  budget.clear_actions();

  needs[1] = {};  // taken in the meantime
  budget.give_up_answered(b);
  everybody_looks();

  EXPECT_THAT(said(), ::testing::Contains(BudgetAction{Kind::give_up, a}));
}

TEST_F(FullBudget, ClosesNothingOfAServiceAtItsFloor) {
  begin(settings(2, 2));
  hold(a, 2);
  needs = {idle_since(at(3s)), {}, waiting_since(at(9s))};

  everybody_looks();
  everybody_looks();

  for (const BudgetAction& action : said()) EXPECT_NE(action.kind, Kind::give_up);
}

TEST_F(FullBudget, LetsPoolsOfOneServiceHelpEachOtherBelowTheFloor) {
  begin(settings(2, 2));
  const PoolNumber second = budget.join("a");
  hold(a, 2);
  needs[0] = idle_since(at(3s));

  everybody_looks();
  budget.report(second, waiting_since(at(9s)));
  everybody_looks();

  EXPECT_THAT(said(), ::testing::Contains(BudgetAction{Kind::give_up, a}));
}

TEST_F(FullBudget, ClosesNothingForAMinimum) {
  hold(a, 2);
  needs = {idle_since(at(3s)), {}, for_the_minimum(1)};

  everybody_looks();
  everybody_looks();

  EXPECT_FALSE(budget.pressed());
  EXPECT_THAT(said(), IsEmpty());
}

struct ChangedBudget : FullBudget {};

TEST_F(ChangedBudget, GrantsAtOnceWhenMaxTotalIsRaised) {
  hold(a, 2);
  budget.report(c, waiting_since(at(9s)));
  budget.clear_actions();

  budget.apply(settings(3));

  EXPECT_THAT(said(), ElementsAre(BudgetAction{Kind::grant, c}));
}

TEST_F(ChangedBudget, GrantsNothingUntilTheSumIsBelowALoweredMaxTotal) {
  hold(a, 2);
  budget.apply(settings(1));
  budget.report(c, waiting_since(at(9s)));

  budget.give_back(a);
  EXPECT_EQ(budget.held(c), 0u);
  budget.give_back(a);

  EXPECT_EQ(budget.held(c), 1u);
}

TEST_F(ChangedBudget, HasIdleConnectionsOverALoweredMaxTotalClosed) {
  hold(a, 2);
  needs[0] = idle_since(at(3s));

  budget.apply(settings(1));
  everybody_looks();

  EXPECT_THAT(said(), ::testing::Contains(BudgetAction{Kind::give_up, a}));
}

TEST_F(ChangedBudget, HasIdleConnectionsClosedForANewFloor) {
  hold(a, 2);
  needs[0] = idle_since(at(3s));

  budget.apply(settings(2, 0, 1));
  everybody_looks();

  EXPECT_THAT(said(), ::testing::Contains(BudgetAction{Kind::give_up, a}));
}

TEST_F(ChangedBudget, GivesTheShareOfAPoolThatHasLeftToOthers) {
  hold(a, 2);
  budget.report(c, waiting_since(at(9s)));
  budget.give_back(a);
  budget.give_back(a);

  budget.leave(a);

  EXPECT_EQ(budget.held(c), 1u);
  EXPECT_EQ(budget.granted() - budget.returned(), 1u);
}

TEST(BudgetSettings, AreRefusedWhenTheirFloorsAreAboveTheTotal) {
  const BudgetSettings settings{
      .name = "x", .max_total = 10, .used_elsewhere = 3, .services = {{"a", 4}, {"b", 4}}};

  EXPECT_EQ(mistake_in(settings), "the floors make 8, above max_total 10 less used_elsewhere 3");
}

TEST(BudgetSettings, AreRefusedWhenTheyNameAServiceTwice) {
  EXPECT_EQ(mistake_in({.name = "x", .max_total = 10, .services = {{"a", 1}, {"a", 1}}}),
            "the service 'a' is named twice");
}

TEST(BudgetSettings, MayGiveEverythingToFloors) {
  EXPECT_EQ(mistake_in({.name = "x", .max_total = 8, .services = {{"a", 4}, {"b", 4}}}), std::nullopt);
}

TEST_F(FullBudget, TellsWhoHasWhat) {  // L4
  begin({.name = "licences", .max_total = 3, .used_elsewhere = 1, .services = {{"a", 1}, {"b", 0}}});
  hold(a, 1);
  hold(b, 1);
  PermitNeeds idle = idle_since(at(3s));
  budget.report(b, idle);

  const BudgetSnapshot now = budget.snapshot(at(15s));

  EXPECT_EQ(describe(now),
            "budget 'licences': 3 of max_total 3 are used, 1 of them elsewhere: a (floor 1, open 1, idle 0), "
            "b (floor 0, open 1, idle 1, longest idle 12 s), c (floor 0, open 0, idle 0)");
  EXPECT_THAT(make_error_code(Errc::budget_exhausted).message(), HasSubstr("budget"));
}

}  // namespace
}  // namespace connmgr

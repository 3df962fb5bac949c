// Two pools with one budget as one value: what each is to be told by the budget is in flight, one after the
// other, and arrives in any order with everything else. The books are kept from what the pools have done.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "connmgr/core/budget.h"
#include "tests/support/exploration.h"
#include "tests/support/pool_world.h"

namespace connmgr::test {

struct BudgetScenario {
  std::string name;
  std::uint32_t max_total = 2;
  std::array<std::uint32_t, 2> floors{};
  std::array<std::uint32_t, 2> minimums{};  // filled before the first event, as far as there are permits
  std::uint32_t other_total = 0;            // max_total changes to it and back; 0: never
  bool administration = false;              // of the pools
};

struct BudgetEvent {
  enum class Kind : std::uint8_t { of_pool, deliver, set_total };
  Kind kind = Kind::of_pool;
  std::uint8_t pool = 0;
  Event event{};

  std::string text() const;
};

class BudgetWorld {
 public:
  explicit BudgetWorld(const BudgetScenario& scenario);

  std::vector<BudgetEvent> possible_events() const;
  void apply(const BudgetEvent& event);
  std::uint64_t fingerprint() const;

 private:
  struct Side {
    World world;
    PoolNumber number{};
    std::vector<BudgetAction::Kind> in_flight;
    bool wanted = false;  // as last reported
  };

  void deliver(Side& to);
  void after_call(Side& of);
  void send();
  void check_rules();
  void check_may_give_up(std::size_t giver) const;
  void check_it_ends_empty() const;
  bool wind_down_step();
  std::uint32_t missing_floor(std::size_t side) const;

  BudgetScenario scenario_;
  Budget budget_;
  std::array<Side, 2> sides_;
  std::uint32_t held_before_ = 0;
};

std::vector<BudgetScenario> budget_scenarios();
Exploration explore(const BudgetScenario& scenario, int depth);

}  // namespace connmgr::test

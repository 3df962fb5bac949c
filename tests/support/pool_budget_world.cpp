#include "tests/support/pool_budget_world.h"

#include <algorithm>

namespace connmgr::test {
namespace {

using namespace std::chrono_literals;

BudgetSettings settings_of(const BudgetScenario& scenario) {
  BudgetSettings settings;
  settings.name = "licences";
  settings.max_total = scenario.max_total;
  settings.services = {{"a", scenario.floors[0]}, {"b", scenario.floors[1]}};
  return settings;
}

Scenario pool_of(const BudgetScenario& scenario, std::size_t side) {
  Scenario pool;
  pool.settings.max_connections = 2;
  pool.settings.max_connecting = 2;
  pool.settings.min_connections = scenario.minimums[side];
  pool.settings.connection_timeout = 5s;
  pool.settings.retry.jitter = 0;
  pool.settings.retry.delay = 1s;
  pool.settings.retry.backoff = 1;
  pool.settings.with_permits = true;
  pool.own_budget = true;
  pool.administration = scenario.administration;
  return pool;
}

std::uint32_t wanted_by(const Pool& pool) {
  const auto all = pool.connections();
  return static_cast<std::uint32_t>(std::count_if(
      all.begin(), all.end(), [](const auto& c) { return c.state == ConnectionState::wants_permit; }));
}

}  // namespace

std::string BudgetEvent::text() const {
  const std::string side = pool == 0 ? "a: " : "b: ";
  switch (kind) {
    case Kind::of_pool: return side + event.text();
    case Kind::deliver: return side + "what the budget says arrives";
    case Kind::set_total: return "max_total changes";
  }
  return "?";
}

BudgetWorld::BudgetWorld(const BudgetScenario& scenario)
    : scenario_(scenario),
      budget_(settings_of(scenario)),
      sides_{Side{World(pool_of(scenario, 0))}, Side{World(pool_of(scenario, 1))}} {
  sides_[0].number = budget_.join("a");
  sides_[1].number = budget_.join("b");
  for (Side& side : sides_) after_call(side);
  for (Side& side : sides_) {
    while (!side.in_flight.empty()) deliver(side);
    for (std::uint8_t i = 0; i < side.world.connections(); ++i) {
      side.world.apply({Event::Kind::opened, i});
      after_call(side);
    }
  }
}

std::vector<BudgetEvent> BudgetWorld::possible_events() const {
  std::vector<BudgetEvent> all;
  for (std::uint8_t i = 0; i < 2; ++i) {
    if (!sides_[i].in_flight.empty()) all.push_back({BudgetEvent::Kind::deliver, i});
    for (const Event& event : sides_[i].world.possible_events()) {
      all.push_back({BudgetEvent::Kind::of_pool, i, event});
    }
  }
  if (scenario_.other_total != 0) all.push_back({BudgetEvent::Kind::set_total});
  return all;
}

void BudgetWorld::apply(const BudgetEvent& event) {
  Side& side = sides_[event.pool];
  held_before_ = budget_.held();
  switch (event.kind) {
    case BudgetEvent::Kind::of_pool:
      side.world.apply(event.event);
      sides_[1 - event.pool].world.set_now(side.world.now());  // one clock
      after_call(side);
      break;
    case BudgetEvent::Kind::deliver: deliver(side); break;
    case BudgetEvent::Kind::set_total: {
      std::swap(scenario_.max_total, scenario_.other_total);
      budget_.apply(settings_of(scenario_));
      send();
      break;
    }
  }
  check_rules();
  check_it_ends_empty();
}

void BudgetWorld::deliver(Side& to) {
  const BudgetAction::Kind what = to.in_flight.front();
  to.in_flight.erase(to.in_flight.begin());
  switch (what) {
    case BudgetAction::Kind::grant:
      to.world.permits_asked_are(wanted_by(to.world.pool()) + 1);
      budget_.grant_arrived(to.number);
      to.world.apply({Event::Kind::permit_granted});
      break;
    case BudgetAction::Kind::look: break;
    case BudgetAction::Kind::give_up:
      budget_.give_up_answered(to.number);
      to.world.pool().give_up_idle(to.world.now());
      to.world.carry_out_actions();
      break;
  }
  after_call(to);
  if (what != BudgetAction::Kind::grant) budget_.report(to.number, to.world.pool().permit_needs());
  send();
}

// What a manager does under its lock after each call of its pool.
void BudgetWorld::after_call(Side& of) {
  Pool& pool = of.world.pool();
  const auto granted = std::count(of.in_flight.begin(), of.in_flight.end(), BudgetAction::Kind::grant);
  bool changed = false;
  while (budget_.held(of.number) > of.world.permits_held() + static_cast<std::uint32_t>(granted)) {
    budget_.give_back(of.number);
    changed = true;
    send();
    return after_call(of);
  }
  of.world.permits_asked_are(wanted_by(pool));
  const PermitNeeds needs = pool.permit_needs();
  if (changed || of.wanted || needs.wants != 0 || budget_.pressed()) budget_.report(of.number, needs);
  of.wanted = needs.wants != 0;
  send();
}

void BudgetWorld::send() {
  for (const BudgetAction& action : budget_.actions()) {
    if (action.kind == BudgetAction::Kind::give_up) check_may_give_up(static_cast<std::size_t>(action.pool));
    sides_[static_cast<std::size_t>(action.pool)].in_flight.push_back(action.kind);
  }
  budget_.clear_actions();
}

// Only for a request that waits, or because too many are held; and never out of a floor.
void BudgetWorld::check_may_give_up(std::size_t giver) const {
  bool somebody_waits = false;
  for (const Side& side : sides_) {
    const PermitNeeds needs = side.world.pool().permit_needs();
    somebody_waits = somebody_waits || (needs.wants != 0 && needs.waiting_since[0] != kNever);
  }
  const bool too_many = budget_.held() + missing_floor(0) + missing_floor(1) > scenario_.max_total;
  check(somebody_waits || too_many, "violation: an idle connection is closed for nobody");
  const PermitNeeds own = sides_[giver].world.pool().permit_needs();
  const bool waits_itself = own.wants != 0 && own.waiting_since[0] != kNever;
  check(waits_itself || budget_.held(sides_[giver].number) > scenario_.floors[giver],
        "violation: a service gives up what its floor keeps");
}

std::uint32_t BudgetWorld::missing_floor(std::size_t side) const {
  return missing(scenario_.floors[side], budget_.held(sides_[side].number));
}

void BudgetWorld::check_rules() {
  budget_.check_invariants();
  const std::uint32_t limit = scenario_.max_total;
  const std::uint32_t held = budget_.held();
  check(held <= std::max(limit, held_before_), "violation: more permits than max_total");
  std::uint32_t there = 0;
  bool in_flight = false;
  std::uint32_t closing = 0;
  for (const Side& side : sides_) {
    const auto granted = std::count(side.in_flight.begin(), side.in_flight.end(), BudgetAction::Kind::grant);
    check(budget_.held(side.number) == side.world.permits_held() + granted, "violation: a permit is lost");
    there += static_cast<std::uint32_t>(side.world.connections());
    in_flight = in_flight || !side.in_flight.empty();
    closing += side.world.pool().gauges().closing;
  }
  check(there <= held, "violation: a connection without a permit");
  const std::uint32_t kept_free = missing_floor(0) + missing_floor(1);
  if (scenario_.other_total == 0) check(held + kept_free <= limit, "violation: a floor is not kept free");

  for (std::size_t i = 0; i < 2; ++i) {
    const Pool& pool = sides_[i].world.pool();
    const PermitNeeds needs = pool.permit_needs();
    if (needs.wants == 0 || in_flight) continue;
    check(held + kept_free >= limit, "violation: a pool waits while a permit is free");
    check(missing_floor(i) == 0 || held >= limit, "violation: a pool waits below its floor");
    if (needs.waiting_since[0] == kNever || closing != 0) continue;
    const std::size_t other = 1 - i;
    const bool above_floor = budget_.held(sides_[other].number) > scenario_.floors[other];
    const bool idle = sides_[other].world.pool().permit_needs().idle_since != kNever;
    check(!idle || !above_floor, "violation: a request waits, and an idle connection stays open for nobody");
  }
}

// From here, with both pools stopped: nothing is left, and every permit is back.
void BudgetWorld::check_it_ends_empty() const {
  BudgetWorld end = *this;
  for (Side& side : end.sides_) {
    side.world.pool().stop(Errc::shutting_down, CloseCause::shutdown, side.world.now());
    side.world.carry_out_actions();
    end.after_call(side);
  }
  while (end.wind_down_step()) {
  }
  check(end.budget_.held() == 0, "violation: a permit is not returned at the end");
  check(end.budget_.granted() == end.budget_.returned(), "violation: permits granted are not those returned");
  for (Side& side : end.sides_) check(side.world.pool().idle(), "violation: a pool does not end");
}

bool BudgetWorld::wind_down_step() {
  for (Side& side : sides_) {
    if (!side.in_flight.empty()) {
      deliver(side);
      return true;
    }
    for (const Event& event : side.world.possible_events()) {
      using Kind = Event::Kind;
      if (event.kind != Kind::give_back && event.kind != Kind::closed) continue;
      side.world.apply(event);
      after_call(side);
      return true;
    }
  }
  return false;
}

std::uint64_t BudgetWorld::fingerprint() const {
  std::uint64_t digest = budget_.fingerprint(sides_[0].world.now());
  const auto add = [&digest](std::uint64_t word) {
    digest = (digest ^ (word + 0x9e3779b97f4a7c15 + (digest << 6))) * 0xbf58476d1ce4e5b9;
    digest ^= digest >> 31;
  };
  for (const Side& side : sides_) {
    add(side.world.fingerprint());
    for (const BudgetAction::Kind kind : side.in_flight) add(static_cast<std::uint64_t>(kind) + 1);
    add(99);
    const PermitNeeds needs = side.world.pool().permit_needs();
    add(needs.idle_since == kNever
            ? 0
            : static_cast<std::uint64_t>((side.world.now() - needs.idle_since).count()));
    for (std::uint32_t i = 0; i < needs.wants; ++i) {
      const TimePoint since = needs.waiting_since[i];
      add(since == kNever ? 1 : static_cast<std::uint64_t>((side.world.now() - since).count()));
    }
  }
  return digest;
}

std::vector<BudgetScenario> budget_scenarios() {
  std::vector<BudgetScenario> all;
  all.push_back({.name = "from nothing, one permit", .max_total = 1});
  all.push_back({.name = "one has everything idle", .max_total = 2, .minimums = {2, 0}});
  all.push_back({.name = "both have minimums, for one too many", .max_total = 3, .minimums = {2, 2}});
  all.push_back({.name = "a floor each", .max_total = 3, .floors = {1, 1}, .minimums = {2, 0}});
  all.push_back({.name = "the total changes", .max_total = 2, .minimums = {1, 1}, .other_total = 1});
  all.push_back({.name = "pauses, purges and stops",
                 .max_total = 2,
                 .floors = {1, 0},
                 .minimums = {1, 1},
                 .administration = true});
  return all;
}

Exploration explore(const BudgetScenario& scenario, int depth) {
  return explore_from(BudgetWorld(scenario), scenario.name, depth);
}

}  // namespace connmgr::test

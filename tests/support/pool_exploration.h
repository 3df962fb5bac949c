// Every order of events on a small pool (DESIGN 8): from a first state, each possible event is tried, then
// from each new state again, to a fixed depth. The pool's shell is played with its actions in flight: an
// attempt that was started is later opened, or fails, or is abandoned first; a close is later done; in any
// order with everything else. After each event the rules are checked by what the shell has seen, apart from
// the pool's own check_invariants().
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "connmgr/core/pool.h"
#include "tests/support/exploration.h"

namespace connmgr::test {

struct Scenario {
  std::string name;
  PoolSettings settings;
  std::uint32_t connections_at_start = 0;  // open before the first event
  std::uint32_t most_asks = 2;             // requests waiting at once
  std::uint32_t most_held = 3;             // streams in use at once
  bool input_nodes = false;                // subscriptions and bytes to read
  bool reservations = false;
  bool by_id = false;
  bool own_budget = false;      // permits are answered from outside
  bool administration = false;  // pause, purge, stop, maximum lowered and raised
};

inline void PrintTo(const Scenario& scenario, std::ostream* out) {
  *out << scenario.name;
}

// Ends the program with the events that led there when a rule is broken.
Exploration explore(const Scenario& scenario, int depth);

// What the tests explore: both roles, each mechanism in small company.
std::vector<Scenario> scenarios();

// 7 in release; 5 under sanitizers, which are ten times slower.
int exploration_depth();

}  // namespace connmgr::test

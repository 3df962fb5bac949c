// Tries every order of events: from a first world, each possible event, then from each new world again, to a
// fixed depth. A world is a value with possible_events(), apply(event) and fingerprint(); worlds with the
// same fingerprint are the same. When a check fails, the events that led there are printed.
#pragma once

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "connmgr/core/check.h"

namespace connmgr::test {

struct Exploration {
  std::uint64_t states = 0;       // distinct ones
  std::uint64_t transitions = 0;  // events tried
  int depth = 0;
};

// The way to a state: which of the possible events was taken each time. Replaying a way is cheaper than
// keeping a million worlds.
struct Way {
  static constexpr int kMost = 12;
  std::array<std::uint8_t, kMost> choices{};
  std::uint8_t length = 0;
};

template <class World>
struct Explorer {
  static inline const World* start = nullptr;
  static inline std::string name;
  static inline Way trying;

  static void print_way(int) {
    std::signal(SIGABRT, SIG_DFL);
    std::fprintf(stderr, "exploring '%s', after these events:\n", name.c_str());
    World world = *start;
    for (int i = 0; i < trying.length; ++i) {
      const auto event = world.possible_events()[trying.choices[i]];
      std::fprintf(stderr, "  %d. %s\n", i + 1, event.text().c_str());
      if (i + 1 < trying.length) world.apply(event);
    }
    std::abort();
  }
};

template <class World>
Exploration explore_from(const World& start, const std::string& name, int depth) {
  check(depth <= Way::kMost, "a way has room for twelve events");
  using Here = Explorer<World>;
  Here::start = &start;
  Here::name = name;
  Here::trying = {};
  const auto before = std::signal(SIGABRT, Here::print_way);

  Exploration result;
  result.depth = depth;
  std::unordered_set<std::uint64_t> seen{start.fingerprint()};
  std::vector<Way> frontier{Way{}};
  for (int level = 0; level < depth; ++level) {
    std::vector<Way> next_frontier;
    for (const Way& way : frontier) {
      World world = start;
      for (int i = 0; i < way.length; ++i) world.apply(world.possible_events()[way.choices[i]]);
      const auto events = world.possible_events();
      for (std::size_t choice = 0; choice < events.size(); ++choice) {
        Way& trying = Here::trying = way;
        trying.choices[trying.length++] = static_cast<std::uint8_t>(choice);
        World after = world;
        after.apply(events[choice]);
        ++result.transitions;
        if (seen.insert(after.fingerprint()).second) next_frontier.push_back(trying);
      }
    }
    frontier = std::move(next_frontier);
  }
  result.states = seen.size();
  std::signal(SIGABRT, before);
  return result;
}

}  // namespace connmgr::test

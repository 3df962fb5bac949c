#include "tests/support/pool_exploration.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <unordered_set>

#include "tests/support/pool_world.h"

namespace connmgr::test {
namespace {

using namespace std::chrono_literals;

constexpr int kMostDepth = 12;

// The way to a state: which of the possible events was taken each time. Replaying a way is cheaper than
// keeping a million worlds.
struct Way {
  std::array<std::uint8_t, kMostDepth> choices{};
  std::uint8_t length = 0;
};

// For the report when a check fails; see print_way.
const Scenario* exploring = nullptr;
Way trying;

void print_way(int) {
  std::signal(SIGABRT, SIG_DFL);
  std::fprintf(stderr, "exploring '%s', after these events:\n", exploring->name.c_str());
  const Way way = trying;
  World world(*exploring);
  for (int i = 0; i < way.length; ++i) {
    const Event event = world.possible_events()[way.choices[i]];
    std::fprintf(stderr, "  %d. %s\n", i + 1, event.text().c_str());
    if (i + 1 < way.length) world.apply(event);
  }
  std::abort();
}

}  // namespace

Exploration explore(const Scenario& scenario, int depth) {
  check(depth <= kMostDepth, "a way has room for twelve events");
  exploring = &scenario;
  trying = {};
  const auto before = std::signal(SIGABRT, print_way);

  Exploration result;
  result.depth = depth;
  std::unordered_set<std::uint64_t> seen;
  std::vector<Way> frontier{Way{}};
  const World start(scenario);
  seen.insert(start.fingerprint());
  for (int level = 0; level < depth; ++level) {
    std::vector<Way> next_frontier;
    for (const Way& way : frontier) {
      World world = start;
      for (int i = 0; i < way.length; ++i) world.apply(world.possible_events()[way.choices[i]]);
      const std::vector<Event> events = world.possible_events();
      for (std::size_t choice = 0; choice < events.size(); ++choice) {
        trying = way;
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

std::vector<Scenario> scenarios() {
  PoolSettings client;
  client.max_connections = 2;
  client.max_connecting = 2;
  client.connection_timeout = 5s;
  client.retry.jitter = 0;
  client.retry.delay = 1s;
  client.retry.backoff = 1;
  PoolSettings server = client;
  server.role = PoolRole::server;
  PoolSettings two_at_start = client;
  two_at_start.min_connections = 2;
  PoolSettings with_permits = client;
  with_permits.with_permits = true;
  PoolSettings spread = server;
  spread.selection = Selection::least_recent;

  std::vector<Scenario> all;
  all.push_back({.name = "client from nothing", .settings = client});
  all.push_back({.name = "client with a minimum", .settings = two_at_start, .connections_at_start = 2});
  all.push_back({.name = "client, reservations by id",
                 .settings = two_at_start,
                 .connections_at_start = 2,
                 .reservations = true,
                 .by_id = true});
  all.push_back({.name = "client, budget", .settings = with_permits, .administration = true});
  all.push_back({.name = "client, administration",
                 .settings = two_at_start,
                 .connections_at_start = 2,
                 .by_id = true,
                 .administration = true});
  all.push_back({.name = "client, Receive", .settings = client, .input_nodes = true});
  all.push_back({.name = "server, reading",
                 .settings = server,
                 .connections_at_start = 1,
                 .input_nodes = true,
                 .by_id = true});
  all.push_back({.name = "server, reading and reserving",
                 .settings = server,
                 .connections_at_start = 1,
                 .input_nodes = true,
                 .reservations = true});
  all.push_back({.name = "server, reserving under administration",
                 .settings = spread,
                 .connections_at_start = 1,
                 .reservations = true,
                 .by_id = true,
                 .administration = true});
  return all;
}

int exploration_depth() {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return 5;
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
  return 5;
#else
  return 7;
#endif
}

}  // namespace connmgr::test

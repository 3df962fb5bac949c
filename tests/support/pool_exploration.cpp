#include "tests/support/pool_exploration.h"

#include "tests/support/pool_world.h"

namespace connmgr::test {

using namespace std::chrono_literals;

Exploration explore(const Scenario& scenario, int depth) {
  return explore_from(World(scenario), scenario.name, depth);
}

std::vector<Scenario> scenarios() {
  PoolSettings client;
  client.max_connections = 2;
  client.max_connecting = 2;
  client.connection_timeout = 5s;
  client.reservation_expiry = kForever;
  client.retry.jitter = 0;
  client.retry.delay = 1s;
  client.retry.backoff = 1;
  PoolSettings server = client;
  server.role = PoolRole::server;
  PoolSettings two_at_start = client;
  two_at_start.min_connections = 2;
  PoolSettings with_permits = client;
  with_permits.with_permits = true;
  PoolSettings expiring = server;
  expiring.reservation_expiry = 6s;  // longer than a request waits: something may happen before
  PoolSettings keeping_one = two_at_start;
  keeping_one.min_connections = 0;
  keeping_one.max_kept = 1;
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
  all.push_back({.name = "server, reservations that expire",
                 .settings = expiring,
                 .connections_at_start = 1,
                 .input_nodes = true,
                 .reservations = true,
                 .by_id = true});
  all.push_back({.name = "client, one connection kept",
                 .settings = keeping_one,
                 .input_nodes = true,
                 .reservations = true});
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

// How many connections a client pool should start to open now (SPEC G7, L1, L5, C6): a pure function of a
// few counts, so that it can be tested as a table.
#pragma once

#include <algorithm>
#include <cstdint>

namespace connmgr {

struct Demand {
  // Requests in the queue that may open a connection, by what they need of it.
  std::uint32_t output = 0;
  std::uint32_t input = 0;
  std::uint32_t both = 0;

  std::uint32_t minimum = 0;
  std::uint32_t maximum = 0;         // 0: unlimited
  std::uint32_t max_connecting = 1;  // 0: unlimited
  bool peer_down = false;            // the last attempt failed

  std::uint32_t usable = 0;      // open, and good for any request once they are free
  std::uint32_t connecting = 0;  // under way: they will serve requests, and count towards the minimum
  std::uint32_t counted = 0;     // whatever counts against the maximum
};

constexpr std::uint32_t missing(std::uint32_t wanted, std::uint32_t there) {
  return wanted > there ? wanted - there : 0;
}

// One new connection serves one request for its output and one for its input.
constexpr std::uint32_t connections_for_requests(const Demand& d) {
  return d.both + std::max(d.output, d.input);
}

// So many should be under way; the maximum and the peer apart.
constexpr std::uint32_t connecting_wanted(const Demand& d) {
  return std::max(connections_for_requests(d), missing(d.minimum, d.usable));
}

constexpr std::uint32_t connections_to_open(const Demand& d) {
  std::uint32_t count = missing(connecting_wanted(d), d.connecting);

  if (d.maximum != 0) count = std::min(count, missing(d.maximum, d.counted));
  if (d.max_connecting != 0) count = std::min(count, missing(d.max_connecting, d.connecting));
  if (d.peer_down) count = std::min(count, missing(1, d.connecting));  // C6
  return count;
}

}  // namespace connmgr

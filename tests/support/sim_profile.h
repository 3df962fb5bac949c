// How the way between two ends behaves: latency, splits, buffers, faults. A value; each connection takes
// a copy when it is made.
//
//   world.profile().latency_max = 3ms;                            // every connection from now on
//   world.at("bank", 7000).way = SimWay::hang;                    // connections to bank:7000
//   world.at("bank", 7000).to_client.reset_after = 100;           // reset once 100 reply bytes arrived
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <system_error>

#include "connmgr/core/time.h"
#include "tests/support/sim_random.h"

namespace connmgr::testing {

inline constexpr std::size_t kAllBytes = std::numeric_limits<std::size_t>::max();

// What happens to an attempt to connect.
enum class SimWay : std::uint8_t {
  open,         // goes through; refused where nobody listens
  refuse,       // "connection refused", also where somebody listens
  unreachable,  // "no route to host"
  hang          // no answer at all
};

// What happens to one direction once so many bytes of it have arrived. 0: right at the start.
struct SimFaults {
  std::optional<std::size_t> reset_after;       // a reset to both ends
  std::optional<std::size_t> end_after;         // a FIN to the receiver; what is sent later is swallowed
  std::optional<std::size_t> silent_after;      // nothing arrives any more, either way
  std::optional<std::size_t> fail_write_after;  // counted at the sender: the write fails with write_error
  std::error_code write_error{ENOBUFS, std::system_category()};
};

struct SimProfile {
  Duration latency_min = std::chrono::microseconds(100);  // of each segment; order is kept
  Duration latency_max = std::chrono::microseconds(100);
  std::size_t split_min = kAllBytes;  // bytes a segment: whatever is there, or between these two
  std::size_t split_max = kAllBytes;
  std::size_t send_buffer = 256 * 1024;  // of each end, unless its SocketOptions say so
  std::size_t receive_buffer = 256 * 1024;
  SimWay way = SimWay::open;
  SimFaults to_server;
  SimFaults to_client;
  // Linux keeps what has already arrived readable after a reset; other systems throw it away.
  bool reset_discards_unread = false;
};

// How often (per cent of connections) the seed plans something bad. Latency, splits and buffer sizes are
// always drawn.
struct SimChaos {
  int resets = 0;
  int ends = 0;
  int silences = 0;
  int refusals = 0;
  int hangs = 0;
  std::size_t fault_within = 4096;  // the fault comes after at most so many bytes
};
SimProfile draw_profile(SimRandom& random, const SimChaos& chaos);

}  // namespace connmgr::testing

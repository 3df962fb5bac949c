// What connmgr-send was asked to do, checked.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "services/programs/support/acknowledgment.h"
#include "services/programs/support/framing.h"
#include "services/programs/support/record_source.h"
#include "services/programs/support/sockets.h"

namespace connmgr::programs {

struct SendOptions {
  HostAndPort to;
  std::uint32_t connections = 50;
  std::uint32_t first_sender = 1;        // the number of the first connection
  std::optional<std::uint64_t> records;  // over all connections
  std::optional<std::chrono::nanoseconds> duration;
  Framing framing;
  Reply reply = Reply::none;
  Acknowledgment acknowledgment;
  std::uint32_t depth = 1;  // records of a connection that wait for a reply at once
  double rate = 0;          // records a second over all connections; 0: as fast as it goes
  bool half_close = false;
  std::chrono::nanoseconds reply_timeout = std::chrono::seconds(10);
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(5);
  std::string json;  // see publish()
  bool quiet = false;
};

}  // namespace connmgr::programs

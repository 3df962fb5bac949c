// What a manager looks like at one moment: counts, connections, state. A copy; taking it costs a lock.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "connmgr/configurable_service.h"
#include "connmgr/core/pool.h"

namespace connmgr {

struct ManagerSnapshot {
  std::string name;  // of the manager: service, or service@address
  ServiceKind kind = ServiceKind::client;
  std::string address;     // host:port it connects to, or address:port it listens on
  std::uint16_t port = 0;  // the real one, also where the service says `auto`
  PoolState state = PoolState::running;
  PoolSettings settings;
  PoolCounters counters;
  PoolGauges gauges;
  std::uint64_t records_in = 0;
  std::uint64_t records_out = 0;
  std::uint64_t bytes_in = 0;  // of records, framing included
  std::uint64_t bytes_out = 0;
  std::string last_failure;  // of the attempts since the last connection; empty: none
  std::vector<ConnectionView> connections;
};

}  // namespace connmgr

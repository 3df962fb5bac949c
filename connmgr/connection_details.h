// Who a connection is: fixed when it opens, shared by every message that came or went over it
// (SPEC section 15; DESIGN 3.19).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "connmgr/configurable_service.h"
#include "connmgr/core/ids.h"
#include "connmgr/io/network.h"

namespace connmgr {

struct ConnectionDetails {
  ConnectionId id;          // the token: for flows, never for people (S6)
  std::string public_name;  // for people: manager, connection number, 8 hex digits; see public_name()
  ServiceKind type = ServiceKind::client;
  std::string service;     // name of the configurable service
  std::string hostname;    // client: as configured; server: of this side
  std::uint16_t port = 0;  // client: the peer's; server: the one listened on
  io::Endpoint local;
  io::Endpoint peer;
  std::chrono::system_clock::time_point opened;  // for display only (T7)
};

// `orders/17-5f1c03a9`: the manager, the connection's number in its pool, and 8 hex digits that tell it
// from its namesake of an earlier pool. Says nothing about the secret of the id (S6).
std::string public_name(const std::string& manager, std::uint64_t number, const ConnectionId& id);

}  // namespace connmgr

// What a node says about its connection (SPEC G4): `orders`, `host:port`, `7777`, `[::1]:7777`, or
// `orders@host:port`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "connmgr/configurable_service.h"
#include "connmgr/core/error.h"

namespace connmgr {

struct ConnectionText {
  std::string service;                // empty: whoever claims the address, or `Default`
  std::string host;                   // empty with a port alone
  std::optional<std::uint16_t> port;  // none: the service's own address
};

// Failure: invalid_configuration, with what was found and what is allowed.
Result<ConnectionText> parse_connection_details(ServiceKind kind, std::string_view text);

}  // namespace connmgr

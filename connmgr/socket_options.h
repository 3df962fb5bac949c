// From a service's settings to what io sets on a socket, and from io's failures to the pool's error codes.
#pragma once

#include "connmgr/configurable_service.h"
#include "connmgr/core/error.h"
#include "connmgr/io/network.h"

namespace connmgr {

io::SocketOptions socket_options(const ConfigurableService& service);

// What requests are told when this was the last attempt: connect_failed where nothing fits better.
Errc connect_error(const Failure& failure) noexcept;

}  // namespace connmgr

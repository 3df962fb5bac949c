// The real world: sockets, timers and threads of this machine, through standalone Asio.
#pragma once

#include <memory>

#include "connmgr/io/network.h"

namespace connmgr::io {

std::unique_ptr<Network> make_asio_network();

}  // namespace connmgr::io

// Who listens on a port of this host, for the message when it is taken (SPEC G3). Best effort: of other
// users' processes the kernel shows the socket, but not who has it.
#pragma once

#include <cstdint>
#include <string>

namespace connmgr::io {

// "connmgr-host (process 4711)", "this process"; empty when it cannot be found out.
std::string holder_of_port(std::uint16_t port);

}  // namespace connmgr::io

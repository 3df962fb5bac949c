// The real network: sockets, epoll (by Asio), c-ares. No Asio in this header.
#pragma once

#include <memory>
#include <string>

#include "connmgr/io/network.h"

namespace connmgr::io {

struct AsioNetworkSettings {
  std::string name_servers;  // instead of the system's, as "127.0.0.1:5353"
};

std::unique_ptr<Network> make_asio_network(const AsioNetworkSettings& settings = {});

}  // namespace connmgr::io

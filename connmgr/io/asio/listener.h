// A listening socket and each shard's share of it.
#pragma once

#include <memory>

#include "connmgr/io/network.h"

namespace connmgr::io {

Result<std::unique_ptr<Listener>> start_asio_listener(const ListenTarget& target);

}  // namespace connmgr::io

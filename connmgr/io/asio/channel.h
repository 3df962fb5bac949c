// An established TCP connection on its shard's io_context.
#pragma once

#include <memory>

#include "connmgr/io/asio/sockets.h"
#include "connmgr/io/network.h"

namespace connmgr::io {

// Takes over a connected, non-blocking socket. Fails (descriptor or memory limit of epoll) with errno.
Result<std::unique_ptr<Channel>> make_asio_channel(OnShard& here, Descriptor socket);

}  // namespace connmgr::io

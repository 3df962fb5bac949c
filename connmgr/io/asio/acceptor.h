// One shard's accept loop.
#pragma once

#include <memory>

#include "connmgr/io/asio/sockets.h"
#include "connmgr/io/network.h"

namespace connmgr::io {

// `socket`: a duplicate of the listening one, or nothing when there was no descriptor for it; then it is
// an acceptor in trouble, which says so.
std::unique_ptr<Acceptor> make_asio_acceptor(OnShard& here, Descriptor socket, std::uint16_t port,
                                             AcceptEvents& events);

}  // namespace connmgr::io

// One attempt to connect: the name's addresses in turn, the next one early when one is slow (C5), all
// within one time limit (C8).
#pragma once

#include <memory>

#include "connmgr/io/network.h"
#include "connmgr/io/resolver.h"

namespace connmgr::io {

std::unique_ptr<ConnectAttempt> start_asio_connect(OnShard& here, Resolver& resolver,
                                                   const ConnectTarget& target, Connected done);

}  // namespace connmgr::io

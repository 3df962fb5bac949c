// Names to addresses, off the I/O threads (SPEC C5): c-ares on a thread of its own, started by the first
// name. Each look-up reads the system's configuration anew, so a changed name, hosts file or resolv.conf
// counts from the next connection on. Destroying the resolver ends a stuck look-up at once.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "connmgr/io/asio/sockets.h"
#include "connmgr/io/shard.h"

namespace connmgr::io {

class Resolver {
 public:
  using Addresses = std::vector<SocketAddress>;  // in the order in which to try them (RFC 6724)
  using Resolved = UniqueFunction<void(OnShard&, Result<Addresses>)>;

  // A look-up under way, on the shard that asked. Destroying it forgets it: `resolved` will not run.
  class Lookup;
  struct Forget {
    void operator()(Lookup* lookup) const noexcept;
  };
  using LookupPtr = std::unique_ptr<Lookup, Forget>;

  // `name_servers`: instead of the system's, as "127.0.0.1:5353,[::1]:5353".
  explicit Resolver(std::string name_servers = {});
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // `resolved` runs once on this shard, never from inside the call. The resolver outlives the look-up.
  LookupPtr resolve(OnShard& here, const std::string& host, std::uint16_t port, Resolved resolved);

 private:
  struct Query;
  class Thread;

  const std::string name_servers_;
  std::mutex mutex_;  // around starting the thread
  std::unique_ptr<Thread> thread_;
};

}  // namespace connmgr::io

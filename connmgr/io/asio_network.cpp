#include "connmgr/io/asio_network.h"

#include <sys/random.h>

#include "connmgr/core/check.h"
#include "connmgr/io/asio/connect.h"
#include "connmgr/io/asio/listener.h"
#include "connmgr/io/asio/loop.h"
#include "connmgr/io/resolver.h"

namespace connmgr::io {
namespace {

class AsioNetwork final : public Network {
 public:
  explicit AsioNetwork(const AsioNetworkSettings& settings) : resolver_(settings.name_servers) {}

  std::unique_ptr<EventLoop> make_loop(EventLoopClient& client, ShardIndex) override {
    return std::make_unique<AsioLoop>(client);
  }
  std::unique_ptr<ConnectAttempt> connect(OnShard& here, const ConnectTarget& target,
                                          Connected done) override {
    return start_asio_connect(here, resolver_, target, std::move(done));
  }
  Result<std::unique_ptr<Listener>> listen(const ListenTarget& target) override {
    return start_asio_listener(target);
  }
  bool wants_threads() const override { return true; }
  IdKey make_id_key() override {
    IdKey key;
    check(::getrandom(&key, sizeof(key), 0) == static_cast<ssize_t>(sizeof(key)), "getrandom of an id key");
    return key;
  }

 private:
  Resolver resolver_;
};

}  // namespace

std::unique_ptr<Network> make_asio_network(const AsioNetworkSettings& settings) {
  return std::make_unique<AsioNetwork>(settings);
}

}  // namespace connmgr::io

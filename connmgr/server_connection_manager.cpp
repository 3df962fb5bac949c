#include "connmgr/server_connection_manager.h"

#include <utility>

#include "connmgr/manager_shard.h"
#include "connmgr/socket_options.h"

namespace connmgr {

ServerConnectionManager::ServerConnectionManager(std::string name,
                                                 std::shared_ptr<const ConfigurableService> service,
                                                 const ManagerSurroundings& around)
    : ConnectionManager(std::move(name), service, pool_settings(*service, false), around),
      when_full_(service->when_full) {
  follows_pool_ = when_full_ == WhenFull::pause;
}

ServerConnectionManager::~ServerConnectionManager() = default;

std::string ServerConnectionManager::address() const {
  return address_text_;
}
std::uint16_t ServerConnectionManager::port() const {
  return port_;
}

Result<void> ServerConnectionManager::start() {
  const auto settings = service();
  io::ListenTarget target;
  target.bind_address = settings->bind_address;
  target.port = settings->port_auto ? std::uint16_t{0} : settings->port;
  target.backlog = settings->backlog;
  target.options = socket_options(*settings);
  auto listening = network_.listen(target);
  if (!listening) return Failure{listening.error().code, name_ + ": " + listening.error().text};
  listener_ = *std::move(listening);
  port_ = listener_->port();
  address_text_ = io::to_string({settings->bind_address.empty() ? "*" : settings->bind_address, port_});

  PoolCall pool(*this);
  pool->start(pool.now());
  for (ShardIndex i = 0; i < sides_.size(); ++i) {
    pool.deliver(i, io::ShardTask([listener = listener_, side = sides_[i].get()](OnShard& here) {
                   side->acceptor = listener->accept_on(here, *side);
                 }));
  }
  return {};
}

void ServerConnectionManager::accepted(OnShard& here, ShardSide& side, std::unique_ptr<io::Channel> channel) {
  ShardSide::Newcomer newcomer;
  {
    PoolCall pool(*this);
    if (const auto admitted = pool->admit(here.shard().index(), here.now())) {
      newcomer.connection = admitted->connection;
      newcomer.id = admitted->id;
      newcomer.number = pool->connection(admitted->connection)->number;
    }
  }
  if (!newcomer.connection) {
    channel->abort(here);  // turned away: the peer learns it at once (L9 `refuse`)
    return;
  }
  newcomer.service = service();
  side.adopt(here, std::move(channel), newcomer);
}

// L9 `pause`: while the next one would be turned away, connections wait in the kernel's backlog.
void ServerConnectionManager::pool_changed(PoolCall& pool) {
  const bool accept = when_full_ == WhenFull::refuse || pool->admits();
  if (accept == accepting_) return;
  accepting_ = accept;
  for (ShardIndex i = 0; i < sides_.size(); ++i) {
    pool.deliver(i, io::ShardTask([side = sides_[i].get(), accept](OnShard& here) {
                   if (!side->acceptor) return;
                   accept ? side->acceptor->resume(here) : side->acceptor->pause(here);
                 }));
  }
}

void ServerConnectionManager::stop_sources(PoolCall& pool) {
  for (ShardIndex i = 0; i < sides_.size(); ++i) {
    pool.deliver(i, io::ShardTask([side = sides_[i].get()](OnShard&) { side->acceptor.reset(); }));
  }
}

void ServerConnectionManager::stop_listening() {
  if (listener_) listener_->close();
}

void ServerConnectionManager::open(OnShard&, ShardSide&, ConnectionRef) {
  check(false, "a server connection manager does not connect");
}

}  // namespace connmgr

#include "connmgr/client_connection_manager.h"

#include <utility>

#include "connmgr/manager_shard.h"
#include "connmgr/socket_options.h"

namespace connmgr {

ClientConnectionManager::ClientConnectionManager(std::string name,
                                                 std::shared_ptr<const ConfigurableService> service,
                                                 bool has_client_input_node,
                                                 const ManagerSurroundings& around)
    : ConnectionManager(std::move(name), service, pool_settings(*service, has_client_input_node), around) {
  address_text_ = io::to_string({service->hostname, service->port});
}

std::string ClientConnectionManager::address() const {
  return address_text_;
}
std::uint16_t ClientConnectionManager::port() const {
  return service()->port;
}

Result<void> ClientConnectionManager::start() {
  PoolCall pool(*this);
  pool->start(pool.now());
  return {};
}

void ClientConnectionManager::open(OnShard& here, ShardSide& side, ConnectionRef connection) {
  auto settings = service();
  io::ConnectTarget target;
  target.host = settings->hostname;
  target.port = settings->port;
  target.timeout = settings->connect_timeout;
  target.options = socket_options(*settings);
  auto attempt =
      network_.connect(here, target,
                       [this, &side, connection, settings = std::move(settings)](
                           OnShard& there, Result<std::unique_ptr<io::Channel>> channel) mutable {
                         attempt_ended(there, side, connection, std::move(settings), std::move(channel));
                       });
  side.attempts.insert_or_assign(connection.slot, std::move(attempt));
}

void ClientConnectionManager::attempt_ended(OnShard& here, ShardSide& side, ConnectionRef connection,
                                            std::shared_ptr<const ConfigurableService> settings,
                                            Result<std::unique_ptr<io::Channel>> channel) {
  // The attempt is calling us: it goes when it has returned.
  std::shared_ptr<io::ConnectAttempt> done(std::move(side.attempts.extract(connection.slot).mapped()));
  side.shard.defer(here, [done = std::move(done)](OnShard&) {});

  if (!channel) {
    say_failure(channel.error().text);
    PoolCall pool(*this);
    pool->open_failed(connection, connect_error(channel.error()), here.now());
    return;
  }
  forget_failure();
  ShardSide::Newcomer newcomer{connection, {}, 0, std::move(settings)};
  {
    PoolCall pool(*this);
    const auto view = pool->connection(connection);
    // Abandoned in the meantime: the order to end it is on its way, and will find nothing but the slot.
    if (!view || view->state != ConnectionState::connecting) return;
    newcomer.id = pool->id_of(connection);
    newcomer.number = view->number;
  }
  side.adopt(here, *std::move(channel), newcomer);
  PoolCall pool(*this);
  pool->opened(connection, here.now());
}

void ClientConnectionManager::accepted(OnShard&, ShardSide&, std::unique_ptr<io::Channel>) {
  check(false, "a client connection manager does not listen");
}

}  // namespace connmgr

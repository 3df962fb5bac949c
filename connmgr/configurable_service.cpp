#include "connmgr/configurable_service.h"

namespace connmgr {

std::optional<Duration> effective_user_timeout(const SocketSettings& socket) noexcept {
  if (socket.user_timeout) return socket.user_timeout;
  if (socket.keepalive.on) return socket.keepalive.detection_time();
  return std::nullopt;
}

bool has_address(const ConfigurableService& service) noexcept {
  return service.port != 0 || service.port_auto || !service.port_of.empty();
}

PoolSettings pool_settings(const ConfigurableService& service, bool has_client_input_node) {
  const bool client = service.kind == ServiceKind::client;
  PoolSettings settings;
  settings.role = client ? PoolRole::client : PoolRole::server;
  if (client) settings.min_connections = service.min_connections.value_or(has_client_input_node ? 1 : 0);
  settings.max_connections = service.max_connections;
  if (service.max_kept) settings.max_kept = *service.max_kept;
  settings.max_connecting = service.max_connecting;
  settings.max_waiters = service.max_waiters;
  settings.connection_timeout = service.connection_timeout;
  settings.reservation_expiry = service.reservation_expiry;
  settings.selection = service.selection;
  settings.retry = service.retry;
  return settings;
}

}  // namespace connmgr

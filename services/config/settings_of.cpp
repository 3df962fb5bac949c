// From the messages of the schema to the library's plain struct. What is unset keeps the struct's own
// default; a test compares these with the schema's, property by property.
#include <google/protobuf/message.h>

#include "connmgr/v1/configurable_service.pb.h"
#include "services/config/service_file.h"

namespace connmgr::services {
namespace {

void apply(const v1::PoolProperties& from, ConfigurableService& to) {
  if (from.has_max_connections()) to.max_connections = from.max_connections();
  if (from.has_connection_timeout()) to.connection_timeout = Duration(from.connection_timeout());
  if (from.has_max_waiters()) to.max_waiters = from.max_waiters();
  if (from.has_max_kept()) to.max_kept = from.max_kept();
  if (from.has_reservation_expiry()) to.reservation_expiry = Duration(from.reservation_expiry());
  if (from.has_drain_timeout()) to.drain_timeout = Duration(from.drain_timeout());
  if (from.has_keep_manager()) to.keep_manager = Duration(from.keep_manager());
  switch (from.selection()) {
    case v1::SELECTION_MOST_RECENT: to.selection = Selection::most_recent; break;
    case v1::SELECTION_LEAST_RECENT: to.selection = Selection::least_recent; break;
    case v1::SELECTION_ROUND_ROBIN: to.selection = Selection::round_robin; break;
    default: break;
  }
}

void apply(const v1::Keepalive& from, KeepaliveSettings& to) {
  if (from.has_on()) to.on = from.on();
  if (from.has_idle()) to.idle = Duration(from.idle());
  if (from.has_interval()) to.interval = Duration(from.interval());
  if (from.has_count()) to.count = from.count();
}

void apply(const v1::SocketProperties& from, ConfigurableService& to) {
  if (from.has_max_record_bytes()) to.max_record_bytes = from.max_record_bytes();
  if (from.has_half_close()) to.half_close = from.half_close();
  if (from.has_no_delay()) to.socket.no_delay = from.no_delay();
  apply(from.keepalive(), to.socket.keepalive);
  if (from.has_user_timeout()) to.socket.user_timeout = Duration(from.user_timeout());
  if (from.has_send_buffer()) to.socket.send_buffer = from.send_buffer();
  if (from.has_receive_buffer()) to.socket.receive_buffer = from.receive_buffer();
  if (from.has_traffic_class()) to.socket.traffic_class = from.traffic_class();
  if (from.has_close_timeout()) to.socket.close_timeout = Duration(from.close_timeout());
}

ConfigurableService settings_of(const v1::ClientService& from) {
  ConfigurableService to{.name = from.naming().name(), .kind = ServiceKind::client};
  if (from.has_hostname()) to.hostname = from.hostname();
  to.port = static_cast<std::uint16_t>(from.port().number());
  to.port_of = from.port().of();
  if (from.has_min_connections()) to.min_connections = from.min_connections();
  if (from.has_max_connecting()) to.max_connecting = from.max_connecting();
  if (from.has_connect_timeout()) to.connect_timeout = Duration(from.connect_timeout());
  if (from.has_retry_delay()) to.retry.delay = Duration(from.retry_delay());
  if (from.has_retry_backoff()) to.retry.backoff = from.retry_backoff();
  if (from.has_retry_max_delay()) to.retry.max_delay = Duration(from.retry_max_delay());
  if (from.has_retry_jitter()) to.retry.jitter = from.retry_jitter();
  apply(from.pool(), to);
  apply(from.socket(), to);
  return to;
}

ConfigurableService settings_of(const v1::ServerService& from) {
  ConfigurableService to{.name = from.naming().name(), .kind = ServiceKind::server};
  if (from.has_bind_address() && from.bind_address() != "all") to.bind_address = from.bind_address();
  to.port = static_cast<std::uint16_t>(from.port().number());
  to.port_auto = from.port().automatic();
  if (from.has_backlog()) to.backlog = from.backlog();
  if (from.when_full() == v1::WHEN_FULL_REFUSE) to.when_full = WhenFull::refuse;
  if (from.when_full() == v1::WHEN_FULL_PAUSE) to.when_full = WhenFull::pause;
  apply(from.pool(), to);
  apply(from.socket(), to);
  return to;
}

}  // namespace

ConfigurableService settings_of(const ServiceRecord& record) {
  if (record.kind == ServiceKind::client)
    return settings_of(static_cast<const v1::ClientService&>(*record.message));
  return settings_of(static_cast<const v1::ServerService&>(*record.message));
}

}  // namespace connmgr::services

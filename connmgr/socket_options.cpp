#include "connmgr/socket_options.h"

namespace connmgr {

io::SocketOptions socket_options(const ConfigurableService& service) {
  const SocketSettings& from = service.socket;
  io::SocketOptions to;
  to.send_buffer = from.send_buffer;
  to.receive_buffer = from.receive_buffer;
  to.no_delay = from.no_delay;
  to.keepalive = {from.keepalive.on, from.keepalive.idle, from.keepalive.interval, from.keepalive.count};
  to.user_timeout = effective_user_timeout(from).value_or(Duration::zero());
  to.traffic_class = from.traffic_class;
  return to;
}

Errc connect_error(const Failure& failure) noexcept {
  for (const Errc known :
       {Errc::connect_timeout, Errc::resolve_failed, Errc::descriptor_limit, Errc::address_unavailable}) {
    if (failure.is(known)) return known;
  }
  return Errc::connect_failed;
}

}  // namespace connmgr

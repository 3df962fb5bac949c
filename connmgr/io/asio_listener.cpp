#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "connmgr/io/asio/acceptor.h"
#include "connmgr/io/asio/listener.h"
#include "connmgr/io/asio/sockets.h"
#include "connmgr/io/port_holder.h"

namespace connmgr::io {
namespace {

std::string what(const ListenTarget& target) {
  return "listen on port " + std::to_string(target.port) +
         (target.bind_address.empty() ? std::string() : " of " + target.bind_address);
}

Failure failure_of(const ListenTarget& target, const std::error_code& error) {
  switch (error.value()) {
    case EADDRINUSE: {
      const std::string holder = holder_of_port(target.port);
      return {Errc::port_in_use,
              what(target) + ": the port is in use by " +
                  (holder.empty() ? "another program (which, cannot be seen from here)" : holder)};
    }
    case EADDRNOTAVAIL:
      return {Errc::address_unavailable,
              what(target) + ": " + target.bind_address + " is no address of this host"};
    case EACCES:
    case EPERM: return {Errc::not_allowed, what(target) + ": " + text_of(error)};
    case EMFILE:
    case ENFILE: return descriptor_failure(what(target), error);
    default: return {Errc::invalid_configuration, what(target) + ": " + text_of(error)};
  }
}

// SO_REUSEADDR: the port of a holder that died is free at once, connections in TIME_WAIT or not. Never
// SO_REUSEPORT, which would let a second process in (G3). Two sockets may be bound so, and the second
// listen() is refused.
Result<Descriptor> listen_at(const ListenTarget& target, const SocketAddress& address) {
  Descriptor socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return failure_of(target, last_error());
  const int on = 1;
  const int off = 0;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.family() == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  set_options(socket.get(), address.family(), target.options);
  if (::bind(socket.get(), address.get(), address.length) != 0 ||
      ::listen(socket.get(), target.backlog) != 0) {
    return failure_of(target, last_error());
  }
  return socket;
}

class AsioListener final : public Listener {
 public:
  explicit AsioListener(Descriptor socket)
      : socket_(std::move(socket)), port_(local_address_of(socket_.get()).port()) {}

  std::uint16_t port() const override { return port_; }
  void close() override { ::shutdown(socket_.get(), SHUT_RDWR); }

  std::unique_ptr<Acceptor> accept_on(OnShard& here, AcceptEvents& events) override {
    return make_asio_acceptor(here, Descriptor(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0)), port_, events);
  }

 private:
  Descriptor socket_;
  std::uint16_t port_;
};

}  // namespace

Result<std::unique_ptr<Listener>> start_asio_listener(const ListenTarget& target) {
  std::optional<SocketAddress> address = numeric_address(target.bind_address, target.port);
  if (!target.bind_address.empty() && !address) {
    return Failure{Errc::address_unavailable,
                   what(target) + ": bind_address '" + target.bind_address + "' is not a numeric address"};
  }
  Result<Descriptor> socket = listen_at(target, address ? *address : *numeric_address("::", target.port));
  const bool without_ipv6 = !address && !socket && !socket.error().is(Errc::port_in_use) &&
                            !socket.error().is(Errc::not_allowed) &&
                            !socket.error().is(Errc::descriptor_limit);
  if (without_ipv6) socket = listen_at(target, *numeric_address("0.0.0.0", target.port));
  if (!socket) return socket.error();
  return std::unique_ptr<Listener>(std::make_unique<AsioListener>(*std::move(socket)));
}

}  // namespace connmgr::io

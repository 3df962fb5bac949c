#include "services/programs/support/sockets.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

namespace connmgr::programs {
namespace {

constexpr std::size_t kReadSize = std::size_t{64} * 1024;

bool is_port(const std::string& text) {
  if (text.empty() || text.size() > 5) return false;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return std::stoi(text) <= 65535;
}

void send_small_records_at_once(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

std::string errno_text(int error) {
  return std::generic_category().message(error);
}

std::string HostAndPort::text() const {
  return host.find(':') == std::string::npos ? host + ":" + port : "[" + host + "]:" + port;
}

Result<HostAndPort> parse_host_and_port(const std::string& text) {
  HostAndPort where{"localhost", text};
  if (const auto colon = text.rfind(':'); colon != std::string::npos) {
    where = {text.substr(0, colon), text.substr(colon + 1)};
    if (where.host.empty()) where.host = "localhost";
    if (where.host.size() > 2 && where.host.front() == '[' && where.host.back() == ']') {
      where.host = where.host.substr(1, where.host.size() - 2);
    }
  }
  if (!is_port(where.port) || where.port == "0") {
    return Failure{
        Errc::invalid_configuration,
        "'" + text +
            "' is not HOST:PORT (a name or address, and a port from 1 to 65535), as in 127.0.0.1:7790"};
  }
  return where;
}

std::uint16_t SocketAddress::port() const {
  if (storage.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

std::string SocketAddress::text() const {
  char host[NI_MAXHOST];
  if (::getnameinfo(get(), size, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0) return "?";
  return HostAndPort{host, std::to_string(port())}.text();
}

Result<std::vector<SocketAddress>> resolve(const HostAndPort& where) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(where.host.c_str(), where.port.c_str(), &hints, &found); error != 0) {
    return Failure{Errc::resolve_failed,
                   "cannot find the address of " + where.text() + ": " + ::gai_strerror(error)};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, ::freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* one = list.get(); one != nullptr; one = one->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
    addresses.push_back(address);
  }
  return addresses;
}

FileDescriptor start_connecting(const SocketAddress& to, int& error) {
  FileDescriptor fd(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  error = errno;
  if (!fd) return fd;
  send_small_records_at_once(fd.get());
  if (::connect(fd.get(), to.get(), to.size) == 0 || errno == EINPROGRESS) return fd;
  error = errno;
  return {};
}

int connect_outcome(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  if (error != 0) return error;
  SocketAddress peer;
  if (::getpeername(fd, peer.get(), &peer.size) != 0) return errno;
  const SocketAddress self = local_address_of(fd);
  return self.text() == peer.text() ? ECONNREFUSED : 0;
}

Result<FileDescriptor> listen_on(const std::string& bind_address, std::uint16_t port) {
  const HostAndPort where{bind_address, std::to_string(port)};
  const Result<std::vector<SocketAddress>> addresses = resolve(where);
  if (!addresses) return addresses.error();
  const SocketAddress& address = addresses->front();
  const auto failed = [&](const char* what) {
    const int error = errno;
    return Failure{error == EADDRINUSE ? Errc::port_in_use : Errc::address_unavailable,
                   std::string("cannot ") + what + " " + where.text() + ": " + errno_text(error)};
  };
  FileDescriptor fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return failed("open a socket for");
  const int on = 1;  // the port of a receiver that ended a moment ago is free at once
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), address.get(), address.size) != 0) return failed("listen on");
  if (::listen(fd.get(), SOMAXCONN) != 0) return failed("listen on");
  return fd;
}

SocketAddress local_address_of(int fd) {
  SocketAddress address;
  ::getsockname(fd, address.get(), &address.size);
  return address;
}

ReadOutcome read_into(int fd, ByteBuffer& buffer) {
  using Kind = ReadOutcome::Kind;
  char* const to = buffer.room_for(kReadSize);
  while (true) {
    const ssize_t count = ::recv(fd, to, buffer.room(), 0);
    if (count > 0) {
      buffer.added(static_cast<std::size_t>(count));
      return {Kind::bytes, 0};
    }
    if (count == 0) return {Kind::end, 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {Kind::nothing_now, 0};
    return {Kind::failed, errno};
  }
}

int write_from(int fd, ByteBuffer& buffer) {
  while (!buffer.empty()) {
    const ssize_t count = ::send(fd, buffer.bytes().data(), buffer.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      buffer.consume(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return 0;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace connmgr::programs

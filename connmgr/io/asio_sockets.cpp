#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "connmgr/io/asio/sockets.h"

namespace connmgr::io {
namespace {

void set(int socket, int level, int option, int value) {
  ::setsockopt(socket, level, option, &value, sizeof(value));
}

rlim_t descriptor_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

int whole_seconds(Duration duration) {
  return static_cast<int>(std::chrono::ceil<std::chrono::seconds>(duration).count());
}

}  // namespace

void Descriptor::reset() noexcept {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

std::uint16_t SocketAddress::port() const noexcept {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  return 0;
}

void SocketAddress::set_port(std::uint16_t port) noexcept {
  if (family() == AF_INET) reinterpret_cast<sockaddr_in*>(&storage)->sin_port = htons(port);
  if (family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port = htons(port);
}

bool operator==(const SocketAddress& a, const SocketAddress& b) noexcept {
  return a.length == b.length && std::memcmp(&a.storage, &b.storage, a.length) == 0;
}

std::optional<SocketAddress> numeric_address(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (host.empty() || ::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return std::nullopt;
  SocketAddress address;
  address.length = found->ai_addrlen;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  address.set_port(port);
  return address;
}

Endpoint endpoint_of(const SocketAddress& address) {
  char text[NI_MAXHOST] = "";
  if (::getnameinfo(address.get(), address.length, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) != 0)
    return {};
  constexpr std::string_view kMapped = "::ffff:";
  const std::string_view shown(text);
  const bool mapped = shown.starts_with(kMapped) && shown.find('.') != std::string_view::npos;
  return {std::string(mapped ? shown.substr(kMapped.size()) : shown), address.port()};
}

SocketAddress local_address_of(int socket) {
  SocketAddress address;
  address.length = sizeof(address.storage);
  if (::getsockname(socket, address.get(), &address.length) != 0) address.length = 0;
  return address;
}

SocketAddress peer_address_of(int socket) {
  SocketAddress address;
  address.length = sizeof(address.storage);
  if (::getpeername(socket, address.get(), &address.length) != 0) address.length = 0;
  return address;
}

void set_options(int socket, int family, const SocketOptions& options) {
  if (options.send_buffer > 0) set(socket, SOL_SOCKET, SO_SNDBUF, static_cast<int>(options.send_buffer));
  if (options.receive_buffer > 0)
    set(socket, SOL_SOCKET, SO_RCVBUF, static_cast<int>(options.receive_buffer));
  if (options.no_delay) set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  if (options.keepalive.on) {
    set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(socket, IPPROTO_TCP, TCP_KEEPIDLE, whole_seconds(options.keepalive.idle));
    set(socket, IPPROTO_TCP, TCP_KEEPINTVL, whole_seconds(options.keepalive.interval));
    set(socket, IPPROTO_TCP, TCP_KEEPCNT, options.keepalive.count);
  }
  if (options.user_timeout > Duration::zero()) {
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(options.user_timeout).count();
    set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(milliseconds));
  }
  if (options.traffic_class >= 0) {
    if (family == AF_INET6) set(socket, IPPROTO_IPV6, IPV6_TCLASS, options.traffic_class);
    set(socket, IPPROTO_IP, IP_TOS, options.traffic_class);  // dual stack: IPv4 peers of an IPv6 socket
  }
}

std::error_code last_error() {
  return {errno, std::system_category()};
}

std::string text_of(const std::error_code& error) {
  return error.message();
}

ChannelEnd end_of(const std::error_code& error) {
  switch (error.value()) {
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE: return ChannelEnd::reset;
    case ETIMEDOUT: return ChannelEnd::timed_out;
    default: return ChannelEnd::failed;
  }
}

bool within_reserve(int descriptor) {
  const rlim_t limit = descriptor_limit();
  return limit != RLIM_INFINITY && static_cast<rlim_t>(descriptor) + kReservedDescriptors >= limit;
}

bool is_descriptor_limit(const std::error_code& error) {
  return error.value() == EMFILE || error.value() == ENFILE;
}

Failure descriptor_failure(const std::string& what, const std::error_code& error) {
  if (error.value() == ENFILE)
    return {Errc::descriptor_limit, what + ": " + text_of(error) + " (the whole system)"};
  return {Errc::descriptor_limit, what + ": no file descriptor left: the limit of this process is " +
                                      std::to_string(descriptor_limit()) + ", of which " +
                                      std::to_string(kReservedDescriptors) +
                                      " are kept for other than connections (RLIMIT_NOFILE, ulimit -n)"};
}

}  // namespace connmgr::io

// What the files of AsioNetwork share: addresses, options and errors of the system's sockets. No Asio here.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "connmgr/io/network.h"

namespace connmgr::io {

// A file descriptor with an owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { reset(); }

  int get() const noexcept { return number_; }
  int release() noexcept { return std::exchange(number_, -1); }
  void reset() noexcept;
  explicit operator bool() const noexcept { return number_ >= 0; }

 private:
  int number_ = -1;
};

// An address with its port, as the system has it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const noexcept { return storage.ss_family; }
  std::uint16_t port() const noexcept;
  void set_port(std::uint16_t port) noexcept;
  friend bool operator==(const SocketAddress& a, const SocketAddress& b) noexcept;
};

// Nothing when `host` is not a numeric address. Asks nobody.
std::optional<SocketAddress> numeric_address(const std::string& host, std::uint16_t port);
Endpoint endpoint_of(const SocketAddress& address);  // an IPv4 address mapped into IPv6 shows as IPv4
SocketAddress local_address_of(int socket);          // empty length when the system does not tell
SocketAddress peer_address_of(int socket);

// Options that a connection has from its first packet on. On a listening socket: for the accepted ones,
// which inherit them, so that accepting needs no further calls.
void set_options(int socket, int family, const SocketOptions& options);

std::error_code last_error();                       // errno
std::string text_of(const std::error_code& error);  // "Connection refused"
ChannelEnd end_of(const std::error_code& error);    // what an error of recv or send says of the connection

// Descriptors within this many of the limit are not for connections: what is left keeps administration,
// logs and files alive (DESIGN 3.14).
inline constexpr int kReservedDescriptors = 32;
bool within_reserve(int descriptor);
Failure descriptor_failure(const std::string& what, const std::error_code& error);
bool is_descriptor_limit(const std::error_code& error);

}  // namespace connmgr::io

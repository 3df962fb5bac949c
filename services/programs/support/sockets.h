// Plain non-blocking TCP sockets. Nothing here is connmgr's own networking: these programs check it.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "connmgr/core/error.h"
#include "services/programs/support/byte_buffer.h"
#include "services/programs/support/file_descriptor.h"

namespace connmgr::programs {

struct HostAndPort {
  std::string host;
  std::string port;

  std::string text() const;  // "127.0.0.1:7777", "[::1]:7777"
};
// "HOST:PORT", "[v6]:PORT", ":PORT" or "PORT" (both: localhost).
Result<HostAndPort> parse_host_and_port(const std::string& text);

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  std::uint16_t port() const;
  std::string text() const;
};

// All addresses of a name, in the system's order; blocks.
Result<std::vector<SocketAddress>> resolve(const HostAndPort& where);

// Begins to connect; the outcome is there when the socket is writable (see connect_outcome). Without a
// descriptor `error` says why.
FileDescriptor start_connecting(const SocketAddress& to, int& error);
// 0, or the errno that ended the attempt. A connection to itself counts as refused: it happens when nobody
// listens on a port of the local range and the system picks that very port for our side.
int connect_outcome(int fd);

// Port 0 lets the system choose; local_address_of says which it was.
Result<FileDescriptor> listen_on(const std::string& bind_address, std::uint16_t port);
SocketAddress local_address_of(int fd);

std::string errno_text(int error);

// One read. `bytes` > 0: appended to the buffer.
struct ReadOutcome {
  enum class Kind : std::uint8_t { bytes, nothing_now, end, failed };
  Kind kind = Kind::nothing_now;
  int error = 0;  // failed
};
ReadOutcome read_into(int fd, ByteBuffer& buffer);

// Writes what the buffer holds, as much as the system takes. 0, or the errno that ended it.
int write_from(int fd, ByteBuffer& buffer);

// Many connections need many descriptors: raises the soft limit to the hard one.
void raise_descriptor_limit();

}  // namespace connmgr::programs

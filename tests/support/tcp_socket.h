// A plain blocking socket of a test, on loopback: the peer of a program under test. Reads have a limit, so
// that a silent program fails the test.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace connmgr::test {

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {
    EXPECT_GE(fd_, 0) << std::strerror(errno);
    const timeval limit{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  ~Socket() { close(); }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;

  // Bound to a port of the system's choice; nobody listens there until listen(). Until then a program that
  // sets SO_REUSEADDR may listen on that very port, and nobody else gets it: so a test can tell a program its
  // port beforehand.
  static Socket bound() {
    Socket socket = made();
    const int on = 1;
    ::setsockopt(socket.fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in any = loopback(0);
    EXPECT_EQ(::bind(socket.fd_, reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
    return socket;
  }
  static Socket connected_to(const std::string& port) {
    auto socket = try_connected_to(port);
    EXPECT_TRUE(socket) << "connect to port " << port << ": " << std::strerror(errno);
    return socket ? *std::move(socket) : made();
  }
  // Nothing when nobody listens there.
  static std::optional<Socket> try_connected_to(const std::string& port) {
    Socket socket = made();
    const sockaddr_in to = loopback(static_cast<std::uint16_t>(std::atoi(port.c_str())));
    if (::connect(socket.fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return std::nullopt;
    return socket;
  }

  void listen() { EXPECT_EQ(::listen(fd_, 16), 0); }
  Socket accept() { return Socket(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)); }
  std::string port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    return std::to_string(ntohs(address.sin_port));
  }

  void send(std::string_view bytes) {
    EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  // Up to and with the line end; what is there at the end of the stream.
  std::string read_line() {
    std::string line;
    char c = 0;
    while (line.empty() || line.back() != '\n') {
      if (::recv(fd_, &c, 1, 0) <= 0) return line;
      line += c;
    }
    return line;
  }
  // So many bytes; fewer at the end of the stream.
  std::string read(std::size_t count) {
    std::string bytes(count, '\0');
    const ssize_t got = ::recv(fd_, bytes.data(), count, MSG_WAITALL);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }
  void finish_sending() { EXPECT_EQ(::shutdown(fd_, SHUT_WR), 0); }
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  static Socket made() { return Socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  int fd_;
};

}  // namespace connmgr::test

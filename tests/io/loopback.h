// Real sockets of this machine for tests: one shard that runs on the test's own thread until something has
// happened, and a plain blocking peer with a time limit.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connmgr/io/asio_network.h"
#include "connmgr/io/connection.h"
#include "connmgr/io/shard.h"

namespace connmgr::io {

using namespace std::chrono_literals;

// How many descriptors this process has open.
inline std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

// The other end: a blocking socket that gives up after ten seconds.
class Peer {
 public:
  explicit Peer(int socket = -1) : socket_(socket) { set_limits(); }
  Peer(Peer&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  Peer& operator=(Peer&& other) noexcept {
    std::swap(socket_, other.socket_);
    return *this;
  }
  ~Peer() { close(); }

  static Peer connect_to(std::uint16_t port, int receive_buffer = 0) {
    Peer peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (receive_buffer > 0)
      ::setsockopt(peer.socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    const sockaddr_in address = loopback(port);
    EXPECT_EQ(::connect(peer.socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return peer;
  }

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ASSERT_GT(sent, 0) << "peer could not send: " << errno;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // What comes next, at most `most`; empty at the end of the stream. Errors: last_error.
  std::string receive(std::size_t most = 65536) {
    std::string bytes(most, '\0');
    const ssize_t got = ::recv(socket_, bytes.data(), bytes.size(), 0);
    last_error = got < 0 ? errno : 0;
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }
  std::string receive_exactly(std::size_t count) {
    std::string all;
    while (all.size() < count) {
      const std::string some = receive(std::min<std::size_t>(count - all.size(), 65536));
      if (some.empty()) break;
      all += some;
    }
    return all;
  }
  std::string receive_to_the_end() {
    std::string all;
    for (std::string some = receive(); !some.empty(); some = receive()) all += some;
    return all;
  }
  void shut_output() const { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  void reset() {
    const linger drop_all{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &drop_all, sizeof(drop_all));
    close();
  }
  int socket() const { return socket_; }

  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  int last_error = 0;

 private:
  void set_limits() const {
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  }

  int socket_;
};

// A plain listening socket, to connect to.
class PeerListener {
 public:
  explicit PeerListener(int backlog = 16) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = Peer::loopback(0);
    socklen_t length = sizeof(address);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(socket_, backlog), 0);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  }
  ~PeerListener() { ::close(socket_); }

  std::uint16_t port() const { return port_; }
  Peer accept() const { return Peer(::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

// Runs a real shard on this thread. Whatever happens calls happened(); then the condition is looked at.
class RealShard {
 public:
  RealShard(const RealShard&) = delete;
  explicit RealShard(const AsioNetworkSettings& settings = {}) : network(make_asio_network(settings)) {
    shard.emplace(0, *network);
  }

  void happened() { shard->loop().stop(); }

  [[nodiscard]] bool run_until(const std::function<bool()>& holds, Duration limit = 20s) {
    bool too_late = false;
    Deadline deadline([&](OnShard&) {
      too_late = true;
      happened();
    });
    shard->enter([&](OnShard& here) { deadline.set(here, here.now() + limit); });
    while (!holds() && !too_late) shard->loop().run();
    return holds();
  }
  // Serves what is ready now: everything posted before this returns has run.
  void settle() {
    bool ran = false;
    shard->post([&](OnShard&) {
      ran = true;
      happened();
    });
    EXPECT_TRUE(run_until([&] { return ran; }));
  }
  // How often the shard wakes in that time; idle, a handful of times.
  std::uint64_t frames_in(Duration time) {
    const std::uint64_t before = shard->frames();
    EXPECT_FALSE(run_until([] { return false; }, time));
    return shard->frames() - before;
  }
  template <class F>
  void enter(F&& f) {
    shard->enter(std::forward<F>(f));
  }

  std::unique_ptr<Network> network;
  std::optional<Shard> shard;
};

struct Report {
  SendOutcome outcome;
  std::size_t bytes;
  std::size_t handed;
  std::string why;
};

// A connection with an owner that writes down what it is told, and consumes what comes unless told not to.
struct Watched final : ConnectionOwner, SendWaiter {
  explicit Watched(RealShard& on) : world(on) {}

  void adopt(OnShard& here, std::unique_ptr<Channel> channel, const Connection::Limits& limits = {}) {
    connection.emplace(here, std::move(channel), ConnectionRef{1, 1}, *this, limits);
    world.happened();
  }
  void send(std::string_view body) {
    world.enter([&](OnShard& here) { connection->send(here, {}, body, {}, this); });
  }
  void close() {
    world.enter([&](OnShard& here) { connection->close(here); });
  }

  void on_data(OnShard& here, Connection& of) override {
    if (consumes) {
      received += of.unread();
      of.consume(here, of.unread().size());
    }
    if (echoes) {
      of.send(here, {}, received, {}, nullptr);
      received.clear();
    }
    world.happened();
  }
  void on_input_ended(OnShard&, Connection&) override {
    ended = true;
    world.happened();
  }
  void on_broken(OnShard&, Connection&, CloseCause cause) override {
    broken = cause;
    world.happened();
  }
  void on_closed(OnShard&, Connection&) override {
    closed = true;
    world.happened();
  }
  void on_sent(OnShard&, const SendReport& report) override {
    reports.push_back({report.outcome, report.bytes, report.handed, report.failure.text});
    world.happened();
  }

  RealShard& world;
  std::optional<Connection> connection;
  bool consumes = true;
  bool echoes = false;
  std::string received;
  bool ended = false;
  std::optional<CloseCause> broken;
  bool closed = false;
  std::vector<Report> reports;
};

// A listener of ours on a port of the system's choice, whose connections are kept.
struct Accepting final : AcceptEvents {
  explicit Accepting(RealShard& on, ListenTarget target = {.bind_address = "127.0.0.1"}) : world(on) {
    auto made = world.network->listen(target);
    EXPECT_TRUE(made) << (made ? "" : made.error().text);
    if (!made) return;
    listener = *std::move(made);
    world.enter([&](OnShard& here) { acceptor = listener->accept_on(here, *this); });
  }

  void on_accepted(OnShard& here, std::unique_ptr<Channel> channel) override {
    accepted.push_back(std::make_unique<Watched>(world));
    accepted.back()->adopt(here, std::move(channel), limits);
  }
  void on_accept_trouble(OnShard&, const Failure& failure) override {
    troubles.push_back(failure);
    world.happened();
  }
  // One more connection, both ends.
  std::pair<Peer, Watched*> connect(int peer_receive_buffer = 0) {
    const std::size_t before = accepted.size();
    Peer peer = Peer::connect_to(listener->port(), peer_receive_buffer);
    EXPECT_TRUE(world.run_until([&] { return accepted.size() > before; }));
    return {std::move(peer), accepted.back().get()};
  }

  RealShard& world;
  Connection::Limits limits;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Acceptor> acceptor;
  std::vector<std::unique_ptr<Watched>> accepted;
  std::vector<Failure> troubles;
};

}  // namespace connmgr::io

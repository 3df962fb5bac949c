#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "tests/io/loopback.h"

namespace connmgr::io {
namespace {

using ::testing::HasSubstr;

int option(int socket, int level, int name) {
  int value = -1;
  socklen_t length = sizeof(value);
  ::getsockopt(socket, level, name, &value, &length);
  return value;
}

// Our end of the peer's connection: the descriptor of this process whose peer is the peer's local address.
int descriptor_with_peer(const Peer& peer) {
  sockaddr_in wanted{};
  socklen_t length = sizeof(wanted);
  ::getsockname(peer.socket(), reinterpret_cast<sockaddr*>(&wanted), &length);
  for (int socket = 0; socket < 256; ++socket) {
    sockaddr_in other{};
    length = sizeof(other);
    if (::getpeername(socket, reinterpret_cast<sockaddr*>(&other), &length) != 0) continue;
    if (other.sin_family == AF_INET && other.sin_port == wanted.sin_port) return socket;
  }
  return -1;
}
struct ListenTest : ::testing::Test {
  RealShard world;
  Accepting server{world};
};

TEST_F(ListenTest, FreesThePortOfAClosedListenerAtOnceAndIsQuietAfterIt) {
  const std::uint16_t port = server.listener->port();

  server.listener->close();
  auto next = world.network->listen({.bind_address = "127.0.0.1", .port = port});

  EXPECT_TRUE(next) << (next ? "" : next.error().text);
  EXPECT_LE(world.frames_in(50ms), 5u);  // the acceptor of before does not spin
}

TEST_F(ListenTest, NamesThisProcessAsTheHolderOfAPort) {
  const std::uint16_t port = server.listener->port();

  auto second = world.network->listen({.bind_address = "127.0.0.1", .port = port});

  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().is(Errc::port_in_use));
  EXPECT_EQ(second.error().text,
            "listen on port " + std::to_string(port) + " of 127.0.0.1: the port is in use by this process");
}

TEST_F(ListenTest, NamesTheOtherProcessThatHasThePort) {
  int to_child[2], to_parent[2];
  ASSERT_EQ(::pipe(to_child), 0);
  ASSERT_EQ(::pipe(to_parent), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    PeerListener holder;
    const std::uint16_t port = holder.port();
    if (::write(to_parent[1], &port, sizeof(port)) != sizeof(port)) ::_exit(1);
    ::close(to_child[1]);
    char byte = 0;
    ::_exit(::read(to_child[0], &byte, 1) == 0 ? 0 : 1);  // until the parent closes its end
  }
  std::uint16_t port = 0;
  ASSERT_EQ(::read(to_parent[0], &port, sizeof(port)), static_cast<ssize_t>(sizeof(port)));

  auto refused = world.network->listen({.port = port});
  for (int end : {to_child[0], to_child[1], to_parent[0], to_parent[1]}) ::close(end);
  int status = 0;
  ::waitpid(child, &status, 0);
  auto granted = world.network->listen({.port = port});

  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Errc::port_in_use));
  EXPECT_THAT(refused.error().text, HasSubstr("(process " + std::to_string(child) + ")"));
  EXPECT_TRUE(granted) << "the port of a dead holder is free at once";
}

TEST_F(ListenTest, ListensAgainAtOnceOnAPortWithConnectionsInTimeWait) {
  const std::uint16_t port = server.listener->port();
  auto [peer, connection] = server.connect();
  connection->close();  // we close first: TIME_WAIT is ours
  ASSERT_TRUE(world.run_until([&, &of = connection] { return of->closed; }));
  peer.close();
  server.acceptor.reset();
  server.listener.reset();

  auto again = world.network->listen({.bind_address = "127.0.0.1", .port = port});

  EXPECT_TRUE(again) << (again ? "" : again.error().text);
}

TEST_F(ListenTest, SaysWhenTheBindAddressIsNotOurs) {
  for (const char* address : {"192.0.2.1", "no-address"}) {
    auto refused = world.network->listen({.bind_address = address});

    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(Errc::address_unavailable));
    EXPECT_THAT(refused.error().text, HasSubstr(address));
  }
}

TEST_F(ListenTest, ListensOnBothFamiliesWhenNoAddressIsGiven) {
  Accepting all(world, {});

  for (const auto& [host, shown] : {std::pair("127.0.0.1", "127.0.0.1"), {"::1", "::1"}}) {
    const std::size_t before = all.accepted.size();
    bool failed = false;
    std::unique_ptr<ConnectAttempt> attempt;
    std::unique_ptr<Channel> channel;
    world.enter([&](OnShard& here) {
      attempt = world.network->connect(here, {.host = host, .port = all.listener->port()},
                                       [&](OnShard&, Result<std::unique_ptr<Channel>> result) {
                                         failed = !result;
                                         if (result) channel = *std::move(result);
                                         world.happened();
                                       });
    });
    ASSERT_TRUE(world.run_until([&] { return failed || (channel && all.accepted.size() > before); }));
    if (failed) GTEST_SKIP() << "this host has no " << host;
    EXPECT_EQ(all.accepted.back()->connection->peer().address, shown);
  }
}

TEST_F(ListenTest, GivesAcceptedConnectionsTheOptionsOfTheirService) {
  SocketOptions options;
  options.keepalive = {.on = true, .idle = 7s, .interval = 3s, .count = 2};
  options.user_timeout = 13s;
  options.traffic_class = 0x10;
  struct Raw final : AcceptEvents {
    void on_accepted(OnShard&, std::unique_ptr<Channel> channel) override {
      kept = std::move(channel);
      world->happened();
    }
    void on_accept_trouble(OnShard&, const Failure&) override {}
    RealShard* world = nullptr;
    std::unique_ptr<Channel> kept;
  } raw;
  raw.world = &world;
  auto listener = *world.network->listen({.bind_address = "127.0.0.1", .options = options});
  std::unique_ptr<Acceptor> acceptor;
  world.enter([&](OnShard& here) { acceptor = listener->accept_on(here, raw); });
  Peer peer = Peer::connect_to(listener->port());
  ASSERT_TRUE(world.run_until([&] { return raw.kept != nullptr; }));

  const int socket = descriptor_with_peer(peer);
  ASSERT_GE(socket, 0);
  EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(socket, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_KEEPIDLE), 7);
  EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_KEEPINTVL), 3);
  EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_KEEPCNT), 2);
  EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT), 13000);
  EXPECT_EQ(option(socket, IPPROTO_IP, IP_TOS), 0x10);
}

TEST_F(ListenTest, LeavesConnectionsInTheBacklogWhilePaused) {
  world.enter([&](OnShard& here) { server.acceptor->pause(here); });
  Peer peer = Peer::connect_to(server.listener->port());
  EXPECT_LE(world.frames_in(50ms), 5u);
  EXPECT_TRUE(server.accepted.empty());

  world.enter([&](OnShard& here) { server.acceptor->resume(here); });

  EXPECT_TRUE(world.run_until([&] { return server.accepted.size() == 1; }));
}

// --- the descriptor limit --------------------------------------------------------------------------

// In a process of its own, which has few descriptors. Gives back what went wrong.
std::string at_the_descriptor_limit() {
  RealShard world;
  Accepting server(world);
  std::vector<int> clients;
  for (int i = 0; i < 60; ++i) clients.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const rlimit tight{.rlim_cur = open_descriptors() + 40, .rlim_max = 1024};
  if (::setrlimit(RLIMIT_NOFILE, &tight) != 0) return "setrlimit";
  const sockaddr_in address = Peer::loopback(server.listener->port());
  for (int client : clients) {
    if (::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
      return "connect";
  }

  const std::uint64_t frames = world.frames_in(200ms);

  if (frames > 50) return "it spins: " + std::to_string(frames) + " frames in 200 ms";
  if (server.troubles.size() != 1) return std::to_string(server.troubles.size()) + " troubles told, not one";
  if (!server.troubles[0].is(Errc::descriptor_limit)) return server.troubles[0].text;
  if (server.troubles[0].text.find("RLIMIT_NOFILE") == std::string::npos) return server.troubles[0].text;
  if (server.accepted.empty() || server.accepted.size() > 40)
    return "accepted " + std::to_string(server.accepted.size());
  const int spare = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (spare < 0) return "no descriptor is left for others";
  ::close(spare);
  std::size_t shed = 0;
  for (int client : clients) {
    char byte = 0;
    const ssize_t got = ::recv(client, &byte, 1, MSG_DONTWAIT);
    shed += got == 0 || (got < 0 && errno != EAGAIN) ? 1 : 0;
  }
  if (shed + server.accepted.size() != clients.size()) return std::to_string(shed) + " turned away";

  // Room again: it goes on by itself.
  server.accepted.clear();
  for (int client : clients) ::close(client);
  Peer late = Peer::connect_to(server.listener->port());
  if (!world.run_until([&] { return !server.accepted.empty(); })) return "it does not accept again";
  return "fine";
}

// All descriptors taken: accept4 itself fails.
std::string without_any_descriptor() {
  RealShard world;
  Accepting server(world);
  std::vector<int> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  world.settle();
  const rlimit tight{.rlim_cur = static_cast<rlim_t>(clients.back()) + 1, .rlim_max = 1024};
  if (::setrlimit(RLIMIT_NOFILE, &tight) != 0) return "setrlimit";
  const sockaddr_in address = Peer::loopback(server.listener->port());
  for (int client : clients) {
    if (::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
      return "connect";
  }

  const std::uint64_t frames = world.frames_in(200ms);

  if (frames > 50) return "it spins: " + std::to_string(frames) + " frames in 200 ms";
  if (server.troubles.size() != 1) return std::to_string(server.troubles.size()) + " troubles told, not one";
  if (!server.accepted.empty()) return "accepted without a descriptor";
  for (int client : clients) {
    char byte = 0;
    if (::recv(client, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN) return "one was not turned away";
  }
  return "fine";
}

std::string in_a_process_of_its_own(std::string (*what)()) {
  int pipe[2];
  EXPECT_EQ(::pipe(pipe), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string said = what();
    ::_exit(::write(pipe[1], said.data(), said.size()) == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  ::close(pipe[1]);
  std::string said(1000, '\0');
  const ssize_t got = ::read(pipe[0], said.data(), said.size());
  said.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return said;
}

TEST(DescriptorLimit, ShedsWhatItCannotHoldWithoutSpinningAndGoesOnAfterwards) {
  EXPECT_EQ(in_a_process_of_its_own(at_the_descriptor_limit), "fine");
}

TEST(DescriptorLimit, TurnsAwayEvenWhenNoDescriptorIsLeftToAcceptWith) {
#ifdef __SANITIZE_ADDRESS__
  // UBSan looks whether an object is readable by writing it into a pipe, and takes it for broken without one.
  GTEST_SKIP() << "the sanitizer needs descriptors of its own";
#endif
  EXPECT_EQ(in_a_process_of_its_own(without_any_descriptor), "fine");
}

// --- several shards --------------------------------------------------------------------------------

// Real threads: for the thread sanitizer as much as for the counts.
TEST(Shards, ShareAPortAndEndWithoutLoss) {
  constexpr int kShards = 3;
  constexpr int kConnections = 60;
  auto network = make_asio_network();
  auto listener = *network->listen({.bind_address = "127.0.0.1"});
  struct Side final : AcceptEvents, ConnectionOwner {
    void on_accepted(OnShard& here, std::unique_ptr<Channel> channel) override {
      connections.push_back(std::make_unique<Connection>(here, std::move(channel), ConnectionRef{1, 1}, *this,
                                                         Connection::Limits{}));
    }
    void on_accept_trouble(OnShard&, const Failure& failure) override { ADD_FAILURE() << failure.text; }
    void on_data(OnShard& here, Connection& of) override {
      of.send(here, {}, of.unread(), {}, nullptr);
      of.consume(here, of.unread().size());
    }
    void on_input_ended(OnShard& here, Connection& of) override { of.close(here); }
    void on_broken(OnShard&, Connection&, CloseCause cause) override { ADD_FAILURE() << to_string(cause); }
    void on_closed(OnShard&, Connection&) override { ++*closed; }
    std::unique_ptr<Acceptor> acceptor;
    std::vector<std::unique_ptr<Connection>> connections;
    std::atomic<int>* closed = nullptr;
  };
  std::atomic<int> closed = 0;
  std::vector<Side> sides(kShards);
  std::vector<std::unique_ptr<Shard>> shards;
  std::vector<std::thread> threads;
  for (int i = 0; i < kShards; ++i) {
    shards.push_back(std::make_unique<Shard>(static_cast<ShardIndex>(i), *network));
    sides[static_cast<std::size_t>(i)].closed = &closed;
    shards.back()->post([&listener, &side = sides[static_cast<std::size_t>(i)]](OnShard& here) {
      side.acceptor = listener->accept_on(here, side);
    });
    threads.emplace_back([&shard = *shards.back()] { shard.loop().run(); });
  }

  for (int round = 0; round < kConnections; ++round) {
    Peer peer = Peer::connect_to(listener->port());
    const std::string record = "record " + std::to_string(round);
    peer.send(record);
    EXPECT_EQ(peer.receive_exactly(record.size()), record);
    peer.shut_output();
    EXPECT_EQ(peer.receive_to_the_end(), "");
    EXPECT_EQ(peer.last_error, 0);
  }
  for (std::size_t i = 0; i < shards.size(); ++i) {
    shards[i]->post([&side = sides[i]](OnShard& here) {
      side.acceptor.reset();
      side.connections.clear();
      here.shard().loop().stop();
    });
    threads[i].join();
  }

  EXPECT_EQ(closed, kConnections);
  listener.reset();
}

}  // namespace
}  // namespace connmgr::io

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

#include "tests/io/loopback.h"

namespace connmgr::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct ConnectTest : ::testing::Test {
  explicit ConnectTest(const AsioNetworkSettings& settings = {}) : world(settings) {}

  void start(ConnectTarget target) {
    connected.reset();
    world.enter([&](OnShard& here) {
      attempt =
          world.network->connect(here, target, [this](OnShard&, Result<std::unique_ptr<Channel>> result) {
            connected.emplace(std::move(result));
            world.happened();
          });
      EXPECT_FALSE(connected) << "told from inside the call";
    });
  }
  [[nodiscard]] bool finish() {
    return world.run_until([&] { return connected.has_value(); });
  }
  const Failure& failure() const { return connected->error(); }

  RealShard world;
  std::unique_ptr<ConnectAttempt> attempt;
  std::optional<Result<std::unique_ptr<Channel>>> connected;
};

TEST_F(ConnectTest, ConnectsToANumericAddress) {
  PeerListener listener;

  start({.host = "127.0.0.1", .port = listener.port()});

  ASSERT_TRUE(finish());
  ASSERT_TRUE(*connected);
  EXPECT_EQ(to_string((**connected)->peer()), "127.0.0.1:" + std::to_string(listener.port()));
}

TEST_F(ConnectTest, FindsLocalhostWithoutANameServerAndTriesAllItsAddresses) {
  PeerListener listener;  // IPv4 only, and localhost may be ::1 first

  start({.host = "localhost", .port = listener.port()});

  ASSERT_TRUE(finish());
  EXPECT_TRUE(*connected) << (*connected ? "" : failure().text);
}

TEST_F(ConnectTest, NamesAddressAndReasonWhenRefused) {
  std::uint16_t port = 0;
  { port = PeerListener().port(); }

  start({.host = "127.0.0.1", .port = port});

  ASSERT_TRUE(finish());
  ASSERT_FALSE(*connected);
  EXPECT_TRUE(failure().is(Errc::connect_failed));
  EXPECT_EQ(failure().text, "connect to 127.0.0.1:" + std::to_string(port) + ": Connection refused");
}

TEST_F(ConnectTest, NamesEachAddressOfANameThatFailed) {
  std::uint16_t port = 0;
  { port = PeerListener().port(); }

  start({.host = "localhost", .port = port});

  ASSERT_TRUE(finish());
  ASSERT_FALSE(*connected);
  EXPECT_THAT(failure().text, AllOf(HasSubstr("connect to localhost:" + std::to_string(port)),
                                    HasSubstr("127.0.0.1:" + std::to_string(port) + ": Connection refused")));
}

// A full backlog answers no SYN: to connect there is to wait.
TEST_F(ConnectTest, GivesUpAfterConnectTimeout) {
  PeerListener listener(0);
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const sockaddr_in address = Peer::loopback(listener.port());
    ::connect(fillers.back(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }

  start({.host = "127.0.0.1", .port = listener.port(), .timeout = 50ms});

  ASSERT_TRUE(finish());
  for (int filler : fillers) ::close(filler);
  ASSERT_FALSE(*connected);
  EXPECT_TRUE(failure().is(Errc::connect_timeout));
  EXPECT_THAT(failure().text, HasSubstr("no answer within 50ms (connect_timeout)"));
}

TEST_F(ConnectTest, BindsToTheLocalAddress) {
  PeerListener listener;

  start({.host = "127.0.0.1", .port = listener.port(), .local_address = "127.0.0.2"});

  ASSERT_TRUE(finish());
  ASSERT_TRUE(*connected);
  EXPECT_EQ((**connected)->local().address, "127.0.0.2");
}

TEST_F(ConnectTest, SaysWhenTheLocalAddressIsNotOurs) {
  PeerListener listener;

  start({.host = "127.0.0.1", .port = listener.port(), .local_address = "192.0.2.1"});

  ASSERT_TRUE(finish());
  ASSERT_FALSE(*connected);
  EXPECT_TRUE(failure().is(Errc::address_unavailable));
  EXPECT_THAT(failure().text, HasSubstr("local_address 192.0.2.1"));
}

TEST_F(ConnectTest, TellsNothingAfterTheAttemptIsDestroyed) {
  PeerListener listener;
  for (const char* host : {"127.0.0.1", "localhost"}) {
    start({.host = host, .port = listener.port()});
    attempt.reset();

    EXPECT_GT(world.frames_in(50ms), 0u);

    EXPECT_FALSE(connected) << host;
  }
}

TEST_F(ConnectTest, LetsTheCallbackDestroyItsAttempt) {
  PeerListener listener;
  world.enter([&](OnShard& here) {
    attempt = world.network->connect(here, {.host = "127.0.0.1", .port = listener.port()},
                                     [this](OnShard&, Result<std::unique_ptr<Channel>> result) {
                                       attempt.reset();
                                       connected.emplace(std::move(result));
                                       world.happened();
                                     });
  });

  ASSERT_TRUE(finish());
  EXPECT_TRUE(*connected);
}

TEST_F(ConnectTest, KeepsTheNumberOfDescriptorsFlatOverTenThousandRefusals) {
  std::uint16_t port = 0;
  { port = PeerListener().port(); }
  start({.host = "127.0.0.1", .port = port});
  ASSERT_TRUE(finish());
  const std::size_t before = open_descriptors();

  for (int i = 0; i < 10000; ++i) {
    start({.host = "127.0.0.1", .port = port});
    ASSERT_TRUE(finish());
    ASSERT_FALSE(*connected);
  }

  EXPECT_EQ(open_descriptors(), before);
}

// The kernel may choose as local port the very one that is connected to. It walks over the even ports, so
// a loop against an even one comes by.
TEST_F(ConnectTest, DetectsAConnectionToItself) {
  std::uint16_t port = 0;
  { port = PeerListener().port() & 0xfffe; }

  for (int tries = 0; tries < 60000; ++tries) {
    start({.host = "127.0.0.1", .port = port});
    ASSERT_TRUE(finish());
    if (*connected) GTEST_SKIP() << "somebody listens on port " << port;
    if (failure().text.find("Connection refused") != std::string::npos) continue;
    EXPECT_TRUE(failure().is(Errc::connect_failed));
    EXPECT_THAT(failure().text, HasSubstr("nobody listens there (the connection reached itself)"));
    return;
  }
  GTEST_SKIP() << "this kernel did not connect a port to itself in 60000 tries";
}

// --- names -----------------------------------------------------------------------------------------

// A name server on loopback: silent, or saying that no name exists.
class NameServer {
 public:
  enum class Kind { silent, knows_nothing };
  explicit NameServer(Kind kind) : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = Peer::loopback(0);
    socklen_t length = sizeof(address);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), length), 0);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    if (kind == Kind::knows_nothing) thread_ = std::thread([this] { answer(); });
  }
  ~NameServer() {
    const sockaddr_in address = Peer::loopback(port_);
    ::sendto(socket_, "", 0, 0, reinterpret_cast<const sockaddr*>(&address),
             sizeof(address));  // end of answer()
    if (thread_.joinable()) thread_.join();
    ::close(socket_);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  bool was_asked() const {
    pollfd readable{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&readable, 1, 0) > 0;
  }

 private:
  void answer() const {
    for (;;) {
      unsigned char packet[512];
      sockaddr_in from{};
      socklen_t length = sizeof(from);
      const ssize_t got =
          ::recvfrom(socket_, packet, sizeof(packet), 0, reinterpret_cast<sockaddr*>(&from), &length);
      if (got < 12) return;
      packet[2] |= 0x80;                   // an answer
      packet[3] = (packet[3] & 0xf0) | 3;  // NXDOMAIN
      ::sendto(socket_, packet, static_cast<std::size_t>(got), 0, reinterpret_cast<sockaddr*>(&from), length);
    }
  }

  int socket_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

struct UnknownNames : NameServer {
  UnknownNames() : NameServer(Kind::knows_nothing) {}
};
struct SilentServer : NameServer {
  SilentServer() : NameServer(Kind::silent) {}
};

struct UnknownNameTest : UnknownNames, ConnectTest {
  UnknownNameTest() : ConnectTest({.name_servers = UnknownNames::address()}) {}
};
struct SilentNameServerTest : SilentServer, ConnectTest {
  SilentNameServerTest() : ConnectTest({.name_servers = SilentServer::address()}) {}
};

TEST_F(UnknownNameTest, NamesTheNameThatHasNoAddress) {
  start({.host = "no-such-host.test", .port = 7777});

  ASSERT_TRUE(finish());
  ASSERT_FALSE(*connected);
  EXPECT_TRUE(failure().is(Errc::resolve_failed));
  EXPECT_THAT(failure().text, AllOf(HasSubstr("connect to no-such-host.test:7777"),
                                    HasSubstr("resolve 'no-such-host.test'"), HasSubstr("not found")));
}

TEST_F(SilentNameServerTest, CountsTheNameWithinConnectTimeout) {
  start({.host = "slow.test", .port = 7777, .timeout = 50ms});

  ASSERT_TRUE(finish());
  ASSERT_FALSE(*connected);
  EXPECT_TRUE(failure().is(Errc::connect_timeout));
  EXPECT_THAT(failure().text, HasSubstr("the name has no answer within 50ms (connect_timeout)"));
}

TEST_F(SilentNameServerTest, IsDestroyedAtOnceWhileALookUpIsStuck) {
  start({.host = "slow.test", .port = 7777});
  ASSERT_TRUE(world.run_until([&] {
    if (!was_asked()) world.shard->post([&](OnShard&) { world.happened(); });
    return was_asked();
  }));
  const TimePoint before = world.shard->now();

  attempt.reset();
  world.shard.reset();
  world.network.reset();

  RealShard other;
  EXPECT_LT(other.shard->now() - before, 1s);
}

}  // namespace
}  // namespace connmgr::io

#include "tests/io/loopback.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace connmgr::io {
namespace {

using ::testing::HasSubstr;

struct LoopbackTest : ::testing::Test {
  RealShard world;
  Accepting server{world};
};

// --- reading and writing ---------------------------------------------------------------------------

TEST_F(LoopbackTest, EchoesWhatThePeerSends) {
  auto [peer, connection] = server.connect();
  connection->echoes = true;
  peer.send("hello");
  ASSERT_TRUE(world.run_until([&, bytes = std::string()]() mutable {
    char some[16];
    const ssize_t got = ::recv(peer.socket(), some, sizeof(some), MSG_DONTWAIT);
    if (got > 0) bytes.append(some, static_cast<std::size_t>(got));
    return bytes == "hello";
  }));
}

TEST_F(LoopbackTest, TellsOfAFinAfterTheBytesBeforeIt) {
  auto [peer, connection] = server.connect();

  peer.send("last words");
  peer.close();

  ASSERT_TRUE(world.run_until([&] { return connection->ended; }));
  EXPECT_EQ(connection->received, "last words");
  EXPECT_EQ(connection->connection->input_end(), ChannelEnd::clean);
  EXPECT_FALSE(connection->broken);
}

TEST_F(LoopbackTest, TellsAResetFromAFin) {
  auto [peer, connection] = server.connect();
  peer.send("some");
  ASSERT_TRUE(world.run_until([&] { return connection->received == "some"; }));

  peer.reset();

  ASSERT_TRUE(world.run_until([&] { return connection->broken.has_value(); }));
  EXPECT_EQ(connection->broken, CloseCause::reset);
  EXPECT_FALSE(connection->ended);
  EXPECT_THAT(connection->connection->failure().text, HasSubstr("Connection reset by peer"));
  EXPECT_THAT(connection->connection->failure().text, HasSubstr("connection to 127.0.0.1:"));
}

TEST_F(LoopbackTest, NeverTakesAResetForACleanEndAfterASendHasMetIt) {
  auto [peer, connection] = server.connect();
  peer.reset();

  connection->send("into the void");  // takes the error that recv would have told
  ASSERT_TRUE(world.run_until([&] { return connection->broken.has_value(); }));

  EXPECT_EQ(connection->broken, CloseCause::reset);
  EXPECT_FALSE(connection->ended);
  ASSERT_EQ(connection->reports.size(), 1u);
  EXPECT_EQ(connection->reports[0].outcome, SendOutcome::not_sent);
}

TEST_F(LoopbackTest, RepliesAfterThePeerHasHalfClosed) {
  auto [peer, connection] = server.connect();
  peer.send("request");
  peer.shut_output();
  ASSERT_TRUE(world.run_until([&] { return connection->ended; }));

  connection->send("reply");
  connection->close();

  ASSERT_TRUE(world.run_until([&] { return connection->closed; }));
  EXPECT_EQ(peer.receive_to_the_end(), "reply");
  EXPECT_EQ(peer.last_error, 0);
}

// --- listening -------------------------------------------------------------------------------------

TEST_F(LoopbackTest, FreesThePortOfAClosedListenerAtOnceAndIsQuietAfterIt) {
  const std::uint16_t port = server.listener->port();

  server.listener->close();
  auto next = world.network->listen({.bind_address = "127.0.0.1", .port = port});

  EXPECT_TRUE(next) << (next ? "" : next.error().text);
  EXPECT_LE(world.frames_in(50ms), 5u);  // the acceptor of before does not spin
}

}  // namespace
}  // namespace connmgr::io

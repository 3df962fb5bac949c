#include "tests/io/loopback.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

// Counted for the whole program, so that a test can say that a path allocates nothing.
static std::atomic<std::uint64_t> allocations{0};

[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

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

// --- back-pressure and closing ---------------------------------------------------------------------

TEST_F(LoopbackTest, StopsReadingFromAPeerWhoseBytesNobodyTakes) {
  server.limits.read_buffer = 10'000;
  auto [peer, connection] = server.connect();
  connection->consumes = false;
  const std::string all(8'000'000, 'x');  // more than the buffers of both kernels
  std::thread sender([&, &from = peer] { from.send(all); });

  ASSERT_TRUE(world.run_until([&, &of = connection] { return of->connection->unread().size() == 10'000; }));
  const std::uint64_t frames = world.frames_in(50ms);
  EXPECT_LE(frames, 5u);
  EXPECT_EQ(connection->connection->unread().size(), 10'000u);

  connection->consumes = true;
  world.enter([&, &of = connection](OnShard& here) { of->on_data(here, *of->connection); });
  EXPECT_TRUE(world.run_until([&, &of = connection] { return of->received.size() == all.size(); }));
  sender.join();
  EXPECT_EQ(connection->received, all);
}

TEST_F(LoopbackTest, SendsAllToAPeerThatReadsSlowly) {
  auto [peer, connection] = server.connect(4096);
  std::string all;
  for (int i = 0; all.size() < 12'000'000; ++i) all += std::to_string(i) + ' ';
  connection->send(all);
  EXPECT_FALSE(connection->connection->room());
  std::string got;
  std::thread reader([&, &from = peer] { got = from.receive_exactly(all.size()); });

  ASSERT_TRUE(world.run_until([&, &of = connection] { return !of->reports.empty(); }));
  reader.join();

  EXPECT_TRUE(got == all);
  EXPECT_EQ(connection->reports[0].outcome, SendOutcome::handed);
  EXPECT_TRUE(connection->connection->room());
}

// Closing a socket over unread input resets the connection, and the reset destroys what is on its way.
TEST_F(LoopbackTest, LosesNothingOfTwoMegabytesWhenItClosesOverUnreadInput) {
  auto [peer, connection] = server.connect(4096);
  connection->consumes = false;
  const std::string talk(200'000, 'u');
  std::string all;
  for (int i = 0; all.size() < 2'000'000; ++i) all += std::to_string(i) + ' ';
  std::string got;
  int error = 0;
  std::thread other([&, &from = peer] {
    from.send(talk);  // never read by anybody
    got = from.receive_to_the_end();
    error = from.last_error;
    from.close();
  });
  ASSERT_TRUE(
      world.run_until([&, &of = connection] { return of->connection->unread().size() == 64 * 1024; }));

  connection->send(all);
  connection->close();
  ASSERT_TRUE(world.run_until([&, &of = connection] { return of->closed; }));
  other.join();

  EXPECT_EQ(error, 0);
  EXPECT_EQ(got.size(), all.size());
  EXPECT_TRUE(got == all);
}

TEST_F(LoopbackTest, ResetsAtOnceWithoutBlockingWhenAborted) {
  auto [peer, connection] = server.connect(4096);
  connection->send(std::string(12'000'000, 'x'));
  const TimePoint before = world.shard->now();

  world.enter([&, &of = connection](OnShard& here) { of->connection->abort(here, Errc::shutting_down); });

  EXPECT_LT(world.shard->now() - before, 1s);
  EXPECT_TRUE(connection->closed);
  ASSERT_EQ(connection->reports.size(), 1u);
  EXPECT_EQ(connection->reports[0].outcome, SendOutcome::unknown);
  EXPECT_LT(connection->reports[0].handed, 12'000'000u);
  peer.receive_to_the_end();
  EXPECT_EQ(peer.last_error, ECONNRESET);
}

TEST_F(LoopbackTest, DestroysAConnectionWithAReadAndAWriteUnderWay) {
  auto [peer, connection] = server.connect(4096);
  connection->send(std::string(12'000'000, 'x'));
  const std::size_t before = open_descriptors();

  connection->connection.reset();
  world.settle();

  EXPECT_EQ(open_descriptors(), before - 1);
}

TEST_F(LoopbackTest, LeavesNoDescriptorBehind) {
  world.settle();
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 100; ++i) {
    auto [peer, connection] = server.connect();
    connection->echoes = true;
    peer.send("ping");
    if (i % 2 == 0) connection->close();
    peer.close();
    ASSERT_TRUE(world.run_until([&, &of = connection] { return of->ended || of->closed || of->broken; }));
    connection->connection.reset();
  }

  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(LoopbackTest, AllocatesNothingPerRecordInSteadyState) {
  auto [peer, connection] = server.connect();
  connection->echoes = true;
  const std::string record(128, 'r');
  const auto exchange = [&, &from = peer, &of = connection] {
    from.send(record);
    std::size_t back = 0;
    char bytes[256];
    while (back < record.size()) {
      const ssize_t got = ::recv(from.socket(), bytes, sizeof(bytes), MSG_DONTWAIT);
      if (got > 0) {
        back += static_cast<std::size_t>(got);
      } else {
        world.shard->loop().run();
      }
    }
    ASSERT_FALSE(of->broken);
  };
  for (int i = 0; i < 100; ++i) exchange();

  const std::uint64_t before = allocations.load();
  for (int i = 0; i < 1000; ++i) exchange();

  EXPECT_EQ(allocations.load() - before, 0u);
}

}  // namespace
}  // namespace connmgr::io

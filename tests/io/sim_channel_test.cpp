// A connection of the simulated world behaves as TCP of Linux does: each rule here was seen on real sockets.
#include <gmock/gmock.h>

#include "tests/support/sim_fixture.h"

namespace connmgr::testing {
namespace {

using namespace std::chrono_literals;

bool is_system(const std::error_code& error, int number) {
  return error == std::error_code(number, std::system_category());
}

// A till of ours, connected to a scripted bank.
class SimChannelTest : public SimTest {
 protected:
  SimChannelTest() : bank(world, "bank", 7000), till(shard()) {}

  // Options of the profile are set before.
  SimPeer& connect(const io::SocketOptions& options = {}) {
    till.connect(world, {.host = "bank", .port = 7000, .options = options});
    world.run_until_quiet();
    EXPECT_NE(till.channel, nullptr);
    return bank.peer(0);
  }
  SimProfile& profile() { return world.at("bank", 7000); }

  SimServer bank;
  SimEnd till;
};

// --- order and ends ------------------------------------------------------------------------------------

TEST_F(SimChannelTest, DeliversTheEndAfterTheBytesAndGoesOnTheOtherWay) {
  SimPeer& peer = connect();

  till.write("last words");
  till.shutdown();
  world.run_until_quiet();
  const io::ChannelEnd end_at_bank = peer.end();
  peer.send("understood");
  peer.shutdown();
  world.run_until_quiet();

  EXPECT_EQ(peer.received(), "last words");
  EXPECT_EQ(end_at_bank, io::ChannelEnd::clean);
  EXPECT_EQ(till.received, "understood");
  EXPECT_EQ(till.last_read.end, io::ChannelEnd::clean);
}

TEST_F(SimChannelTest, GivesTheBytesOfASegmentSplitAsTheProfileSays) {
  profile().split_min = profile().split_max = 1;
  SimPeer& peer = connect();
  const int before = till.reads_done;

  peer.send("abc");
  EXPECT_TRUE(world.run_until([&] { return till.received == "abc"; }, 1s));

  EXPECT_GT(till.reads_done, before);
  EXPECT_EQ(peer.link()->delivered(SimSide::client), 3u);
}

TEST_F(SimChannelTest, TakesItsLatencyEachWay) {
  profile().latency_min = profile().latency_max = 10ms;
  SimPeer& peer = connect();
  const TimePoint start = world.now();

  till.write("hello");
  EXPECT_TRUE(world.run_until([&] { return peer.received() == "hello"; }, 1s));

  EXPECT_EQ(world.now() - start, 10ms);
}

TEST_F(SimChannelTest, KeepsTheOrderOfSegmentsWhoseLatenciesDiffer) {
  profile().latency_min = 0ms;
  profile().latency_max = 50ms;
  SimPeer& peer = connect();
  std::string sent;

  for (char c = 'a'; c <= 'z'; ++c) {
    till.write(std::string_view(&c, 1));
    sent += c;
  }
  world.run_until_quiet();

  EXPECT_EQ(peer.received(), sent);
}

// --- buffers -------------------------------------------------------------------------------------------

TEST_F(SimChannelTest, TakesOnlyWhatTheBuffersHoldAndTellsWhenThereIsRoom) {
  profile().send_buffer = 100;
  profile().receive_buffer = 50;
  SimPeer& peer = connect();
  peer.stop_reading();
  const std::string text(1000, 'x');

  till.write(text);
  const std::size_t first = till.written.bytes;
  till.wait_writable();
  world.run_until_quiet();  // 50 of them lie in the bank's kernel
  till.write(text);
  const std::size_t second = till.written.bytes;
  till.wait_writable();
  world.run_until_quiet();

  EXPECT_EQ(first, 100u);
  EXPECT_EQ(second, 50u);
  EXPECT_EQ(till.writable_told, 1);  // the second wait goes on
  EXPECT_EQ(till.channel->unsent(), 100u);

  peer.read_on();
  world.run_until_quiet();

  EXPECT_EQ(till.writable_told, 2);
  EXPECT_EQ(till.channel->unsent(), 0u);
  EXPECT_EQ(peer.received().size(), 150u);
}

TEST_F(SimChannelTest, PrefersTheBufferSizesOfTheSocketOptions) {
  connect({.send_buffer = 10});

  till.write(std::string(1000, 'x'));

  EXPECT_EQ(till.written.bytes, 10u);
}

TEST_F(SimChannelTest, LeavesBytesInTheKernelWhileNobodyReads) {
  till.reads = false;
  profile().receive_buffer = 4;
  SimPeer& peer = connect();

  peer.send("0123456789");
  world.run_until_quiet();
  const std::size_t unsent = peer.unsent();
  till.read_on();
  world.run_until_quiet();

  EXPECT_EQ(unsent, 6u);
  EXPECT_EQ(till.received, "0123456789");
}

// --- resets --------------------------------------------------------------------------------------------

TEST_F(SimChannelTest, KeepsWhatHadArrivedReadableAfterAResetThenTellsTheErrorOnce) {
  till.reads = false;
  SimPeer& peer = connect();
  peer.send("abc");
  world.run_until_quiet();

  peer.reset();
  world.run_until_quiet();
  till.read_on();
  world.run_until_quiet();

  EXPECT_EQ(till.received, "abc");
  EXPECT_EQ(till.last_read.end, io::ChannelEnd::reset);
  EXPECT_TRUE(is_system(till.last_read.error, ECONNRESET));

  till.read_on();
  world.run_until_quiet();
  EXPECT_EQ(till.last_read.end, io::ChannelEnd::clean);
  till.write("x");
  EXPECT_EQ(till.written.end, io::ChannelEnd::reset);
  EXPECT_TRUE(is_system(till.written.error, EPIPE));
}

TEST_F(SimChannelTest, LooksLikeACleanEndToTheReaderWhenAWriteHasGotTheError) {
  till.reads = false;
  SimPeer& peer = connect();

  peer.reset();
  world.run_until_quiet();
  till.write("x");
  till.read_on();
  world.run_until_quiet();

  EXPECT_TRUE(is_system(till.written.error, ECONNRESET));
  EXPECT_EQ(till.last_read.end, io::ChannelEnd::clean);
}

TEST_F(SimChannelTest, DiscardsUnreadBytesAtAResetWhereTheProfileSaysSo) {
  till.reads = false;
  profile().reset_discards_unread = true;
  SimPeer& peer = connect();
  peer.send("abc");
  world.run_until_quiet();

  peer.reset();
  world.run_until_quiet();
  till.read_on();
  world.run_until_quiet();

  EXPECT_EQ(till.received, "");
  EXPECT_EQ(till.last_read.end, io::ChannelEnd::reset);
}

TEST_F(SimChannelTest, TakesTheFirstWriteAfterThePeerClosedAndFailsTheNext) {
  SimPeer& peer = connect();
  peer.close();
  world.run_until_quiet();
  EXPECT_EQ(till.last_read.end, io::ChannelEnd::clean);

  till.write("first");
  const io::WriteOutcome first = till.written;
  world.run_until_quiet();
  till.write("second");

  EXPECT_EQ(first.bytes, 5u);
  EXPECT_EQ(first.end, io::ChannelEnd::none);
  EXPECT_EQ(till.written.bytes, 0u);
  EXPECT_EQ(till.written.end, io::ChannelEnd::reset);
  EXPECT_TRUE(is_system(till.written.error, EPIPE));
}

TEST_F(SimChannelTest, DestroysWhatWasNotSentWhenItClosesWithUnreadInput) {
  till.reads = false;
  profile().receive_buffer = 4;
  SimPeer& peer = connect();
  peer.stop_reading();
  peer.send("xyz");
  till.write("0123456789");
  world.run_until_quiet();  // 4 of the 10 have arrived

  till.close();
  world.run_until_quiet();
  peer.read_on();
  world.run_until_quiet();

  EXPECT_EQ(peer.received(), "0123");
  EXPECT_EQ(peer.end(), io::ChannelEnd::reset);
}

TEST_F(SimChannelTest, DeliversEverythingWhenItClosesWithNothingUnread) {
  profile().receive_buffer = 4;
  SimPeer& peer = connect();
  peer.stop_reading();
  till.write("0123456789");
  world.run_until_quiet();

  till.close();
  peer.read_on();
  world.run_until_quiet();

  EXPECT_EQ(peer.received(), "0123456789");
  EXPECT_EQ(peer.end(), io::ChannelEnd::clean);
}

TEST_F(SimChannelTest, ResetsThePeerOnAbort) {
  SimPeer& peer = connect();

  till.abort();
  world.run_until_quiet();

  EXPECT_EQ(peer.end(), io::ChannelEnd::reset);
}

// --- no event where none may come ----------------------------------------------------------------------

TEST_F(SimChannelTest, TellsNothingAfterClose) {
  SimPeer& peer = connect();
  peer.send("abc");
  world.run_until([&] { return peer.link()->delivered(SimSide::client) == 3; }, 1s);  // its event is due
  const int reads = till.reads_done;

  till.close();
  world.run_until_quiet();

  EXPECT_EQ(till.reads_done, reads);
}

TEST_F(SimChannelTest, TellsNothingAfterItWasDestroyed) {
  SimPeer& peer = connect();
  peer.send("abc");
  world.run_until([&] { return peer.link()->delivered(SimSide::client) == 3; }, 1s);

  till.channel.reset();
  world.run_until_quiet();

  EXPECT_EQ(till.received, "");
  EXPECT_EQ(peer.end(), io::ChannelEnd::reset);  // it had unread input
}

// --- planned faults ------------------------------------------------------------------------------------

TEST_F(SimChannelTest, ResetsBothEndsAfterSoManyBytes) {
  profile().to_server.reset_after = 3;
  SimPeer& peer = connect();

  till.write("0123456789");
  world.run_until_quiet();

  EXPECT_EQ(peer.received(), "012");
  EXPECT_EQ(peer.end(), io::ChannelEnd::reset);
  EXPECT_EQ(till.last_read.end, io::ChannelEnd::reset);
}

TEST_F(SimChannelTest, ResetsAtOnceWhenPlannedAfterNoByte) {
  profile().to_client.reset_after = 0;

  connect();

  EXPECT_EQ(till.last_read.end, io::ChannelEnd::reset);
}

TEST_F(SimChannelTest, EndsADirectionAfterSoManyBytes) {
  profile().to_client.end_after = 3;
  SimPeer& peer = connect();

  peer.send("0123456789");
  till.write("still heard");
  world.run_until_quiet();

  EXPECT_EQ(till.received, "012");
  EXPECT_EQ(till.last_read.end, io::ChannelEnd::clean);
  EXPECT_EQ(peer.received(), "still heard");
  EXPECT_EQ(peer.unsent(), 0u);
}

TEST_F(SimChannelTest, FailsAWriteAfterSoManyBytes) {
  profile().to_server.fail_write_after = 4;
  SimPeer& peer = connect();

  till.write("0123456789");
  const std::size_t first = till.written.bytes;
  till.write("456789");
  world.run_until_quiet();

  EXPECT_EQ(first, 4u);
  EXPECT_EQ(till.written.end, io::ChannelEnd::failed);
  EXPECT_TRUE(is_system(till.written.error, ENOBUFS));
  EXPECT_EQ(peer.received(), "0123");
}

TEST_F(SimChannelTest, FallsSilentAfterSoManyBytesUntilKeepaliveFindsOut) {
  profile().to_client.silent_after = 3;
  SimPeer& peer = connect({.keepalive = {.on = true, .idle = 60s, .interval = 10s, .count = 3}});
  const TimePoint start = world.now();

  peer.send("0123456789");
  world.run_until_quiet();
  EXPECT_EQ(till.received, "012");
  EXPECT_TRUE(world.run_until([&] { return till.last_read.end != io::ChannelEnd::none; }, 1h));

  EXPECT_EQ(till.last_read.end, io::ChannelEnd::timed_out);
  EXPECT_TRUE(is_system(till.last_read.error, ETIMEDOUT));
  EXPECT_EQ(world.now() - start, 90s + 100us);
}

TEST_F(SimChannelTest, HearsNothingOfAPeerThatVanishesUntilTheUserTimeout) {
  SimPeer& peer = connect({.user_timeout = 5s});
  peer.vanish();
  const TimePoint start = world.now();

  till.write("anybody there?");
  world.run_until_quiet();
  EXPECT_EQ(till.last_read.end, io::ChannelEnd::none);
  EXPECT_EQ(till.channel->unsent(), 14u);
  EXPECT_TRUE(world.run_until([&] { return till.last_read.end != io::ChannelEnd::none; }, 1h));

  EXPECT_EQ(till.last_read.end, io::ChannelEnd::timed_out);
  EXPECT_EQ(world.now() - start, 5s);
}

TEST_F(SimChannelTest, BringsWhatWasHeldUpWhenTheLinkIsHealed) {
  SimPeer& peer = connect();
  peer.link()->silence();
  till.write("late but whole");
  world.run_until_quiet();
  EXPECT_EQ(peer.received(), "");

  peer.link()->heal();
  world.run_until_quiet();

  EXPECT_EQ(peer.received(), "late but whole");
  EXPECT_EQ(till.channel->unsent(), 0u);
}

// --- scripted servers ----------------------------------------------------------------------------------

TEST_F(SimChannelTest, IsRefusedByAServerThatStoppedUntilItStartsAgain) {
  bank.stop();
  till.connect(world, {.host = "bank", .port = 7000});
  world.run_until_quiet();
  ASSERT_TRUE(till.failure);
  EXPECT_TRUE(till.failure->is(Errc::connect_failed));

  bank.start();
  till.connect(world, {.host = "bank", .port = 7000});
  world.run_until_quiet();

  EXPECT_EQ(bank.open_peers(), 1u);
}

}  // namespace
}  // namespace connmgr::testing

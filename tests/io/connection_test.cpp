#include "connmgr/io/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/io/manual_loop.h"
#include "tests/io/scripted_channel.h"

namespace connmgr::io {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Writes down, in order, what everybody is told.
struct ConnectionTest : ::testing::Test, ConnectionOwner {
  struct Sender final : SendWaiter {
    Sender(ConnectionTest& in, std::string called) : test(in), name(std::move(called)) {}
    void on_sent(OnShard& here, const SendReport& report) override {
      test.told.push_back(name + ' ' + std::string(to_string(report.outcome)) + ' ' +
                          std::to_string(report.handed) + '/' + std::to_string(report.bytes));
      why = report.failure.text;
      if (then) then(here);
    }
    ConnectionTest& test;
    std::string name;
    std::string why;
    std::function<void(OnShard&)> then;
  };
  struct Reader final : InputReader {
    explicit Reader(ConnectionTest& in) : test(in) {}
    void on_input(OnShard& here) override {
      test.told.push_back("reader sees " + std::string(test.connection->unread()));
      if (consumes) test.connection->consume(here, test.connection->unread().size());
    }
    ConnectionTest& test;
    bool consumes = true;
  };

  void on_data(OnShard& here, Connection& of) override {
    told.push_back("data " + std::string(of.unread()));
    if (consumes) of.consume(here, of.unread().size());
  }
  void on_input_ended(OnShard&, Connection&) override { told.push_back("input ended"); }
  void on_broken(OnShard&, Connection&, CloseCause cause) override {
    told.push_back("broken " + std::string(to_string(cause)));
  }
  void on_closed(OnShard&, Connection&) override { told.push_back("closed"); }

  void open(const Connection::Limits& limits = {}) {
    shard.enter([&](OnShard& here) {
      connection.emplace(here, std::make_unique<ScriptedChannel>(script), ConnectionRef{7, 1}, *this, limits);
    });
  }
  void send(std::string_view body, SendWaiter* waiter = nullptr) {
    shard.enter([&](OnShard& here) { connection->send(here, {}, body, {}, waiter); });
  }
  void comes(std::string_view bytes, ChannelEnd end = ChannelEnd::none) {
    ASSERT_TRUE(script.reading) << "no read is under way";
    const std::span<char> into = *std::exchange(script.reading, std::nullopt);
    ASSERT_LE(bytes.size(), into.size());
    std::copy(bytes.begin(), bytes.end(), into.begin());
    shard.enter([&](OnShard& here) { script.events->on_read(here, {.bytes = bytes.size(), .end = end}); });
  }
  void writable(std::size_t takes) {
    ASSERT_TRUE(std::exchange(script.waits_writable, false)) << "nobody waits for it";
    script.takes = takes;
    shard.enter([&](OnShard& here) { script.events->on_writable(here); });
  }
  void close() {
    shard.enter([&](OnShard& here) { connection->close(here); });
  }
  void abort(const Failure& why = Errc::shutting_down) {
    shard.enter([&](OnShard& here) { connection->abort(here, why); });
  }
  void cancel(SendWaiter& waiter) {
    shard.enter([&](OnShard& here) { connection->cancel_send(here, waiter, Errc::timeout); });
  }

  LoopOnlyNetwork network;
  Shard shard{0, network};
  ManualLoop& loop = *network.loop;
  ChannelScript script;
  std::optional<Connection> connection;
  std::vector<std::string> told;
  bool consumes = true;
  Sender a{*this, "a"}, b{*this, "b"}, c{*this, "c"};
};

// --- sending ---------------------------------------------------------------------------------------

TEST_F(ConnectionTest, SendsWhatAFrameQueuedInOneWriteAndReportsInOrder) {
  open();

  shard.enter([&](OnShard& here) {
    connection->send(here, "<", "one", ">", &a);
    connection->send(here, {}, "two", "\n", &b);
    EXPECT_EQ(script.writes, 0);
    EXPECT_THAT(told, IsEmpty());
  });

  EXPECT_EQ(script.written, "<one>two\n");
  EXPECT_EQ(script.writes, 1);
  EXPECT_THAT(told, ElementsAre("a handed 5/5", "b handed 4/4"));
}

TEST_F(ConnectionTest, ReportsEachSendOnceAndInOrderHoweverTheKernelTakesTheBytes) {
  const std::string all = "onetwothree";
  for (std::size_t first = 0; first <= all.size(); ++first) {
    for (std::size_t second = 0; second <= all.size() - first; ++second) {
      script = {};
      told.clear();
      open();
      script.takes = first;
      shard.enter([&](OnShard& here) {
        connection->send(here, {}, "one", {}, &a);
        connection->send(here, {}, "two", {}, &b);
        connection->send(here, {}, "three", {}, &c);
      });
      EXPECT_EQ(connection->queued(), all.size() - first);
      if (script.waits_writable) writable(second);
      if (script.waits_writable) writable(all.size());

      EXPECT_EQ(script.written, all) << first << " then " << second;
      EXPECT_THAT(told, ElementsAre("a handed 3/3", "b handed 3/3", "c handed 5/5"))
          << first << " then " << second;
      EXPECT_EQ(connection->queued(), 0u);
      EXPECT_LE(script.writes, 3);
    }
  }
}

TEST_F(ConnectionTest, DoesNotTryAgainBeforeTheKernelHasRoom) {
  open();
  script.takes = 2;
  send("one", &a);
  send("two", &b);

  EXPECT_EQ(script.writes, 1);
  writable(100);

  EXPECT_EQ(script.written, "onetwo");
  EXPECT_EQ(script.writes, 2);
}

TEST_F(ConnectionTest, SendsWhatAReportQueuesInTheSameFrame) {
  open();
  a.then = [&](OnShard& here) { connection->send(here, {}, "two", {}, &b); };

  send("one", &a);

  EXPECT_EQ(script.written, "onetwo");
  EXPECT_THAT(told, ElementsAre("a handed 3/3", "b handed 3/3"));
}

TEST_F(ConnectionTest, TakesAnEmptyRecordInItsTurn) {
  open();
  script.takes = 1;
  shard.enter([&](OnShard& here) {
    connection->send(here, {}, "one", {}, &a);
    connection->send(here, {}, {}, {}, &b);
  });
  EXPECT_THAT(told, IsEmpty());

  writable(10);

  EXPECT_THAT(told, ElementsAre("a handed 3/3", "b handed 0/0"));
}

TEST_F(ConnectionTest, HasNoRoomAboveItsLimitAndTellsWhenThereIsAgain) {
  open({.send_queue = 4});
  script.takes = 0;
  send("12345");
  EXPECT_FALSE(connection->room());
  connection->on_room([&](OnShard&) { told.push_back("room"); });

  writable(1);
  EXPECT_THAT(told, IsEmpty());  // four bytes are still queued
  writable(1);

  EXPECT_THAT(told, ElementsAre("room"));
  EXPECT_TRUE(connection->room());
}

TEST_F(ConnectionTest, TellsWhoWaitsForRoomThatThereIsNoneAnyMore) {
  open({.send_queue = 4});
  script.takes = 0;
  send("12345");
  connection->on_room([&](OnShard&) { told.push_back("told"); });

  comes({}, ChannelEnd::reset);

  EXPECT_THAT(told, ElementsAre("broken reset", "told"));
}

// --- how sends end when the connection does ----------------------------------------------------------

TEST_F(ConnectionTest, SaysForEachSendHowMuchOfItHadGoneWhenThePeerWent) {
  open();
  script.takes = 5;
  script.write_fails = {.end = ChannelEnd::reset};
  shard.enter([&](OnShard& here) {
    connection->send(here, {}, "one", {}, &a);
    connection->send(here, {}, "two", {}, &b);
    connection->send(here, {}, "three", {}, &c);
  });

  EXPECT_THAT(told, ElementsAre("a handed 3/3", "b unknown 2/3", "c not_sent 0/5"));
  EXPECT_THAT(b.why, HasSubstr("connection to 10.0.0.2:7777: reset by the peer"));
}

TEST_F(ConnectionTest, ReadsOnAfterAFailedSendToWhatThePeerSaidBefore) {
  open();
  script.takes = 0;
  script.write_fails = {.end = ChannelEnd::reset};
  send("one", &a);
  EXPECT_THAT(told, ElementsAre("a not_sent 0/3"));

  comes("sorry");
  comes({}, ChannelEnd::reset);

  EXPECT_THAT(told, ElementsAre("a not_sent 0/3", "data sorry", "broken reset"));
  EXPECT_TRUE(connection->broken());
}

TEST_F(ConnectionTest, BreaksAtOnceWhenASendFailsAndNothingCanBeReadAnyMore) {
  open();
  comes({}, ChannelEnd::clean);
  script.takes = 0;
  script.write_fails = {.end = ChannelEnd::reset};

  send("one", &a);

  EXPECT_THAT(told, ElementsAre("input ended", "broken reset", "a not_sent 0/3"));
}

TEST_F(ConnectionTest, EndsQueuedSendsWhenAReadFindsTheReset) {
  open();
  script.takes = 1;
  shard.enter([&](OnShard& here) {
    connection->send(here, {}, "one", {}, &a);
    connection->send(here, {}, "two", {}, &b);
  });

  comes({}, ChannelEnd::timed_out);

  EXPECT_THAT(told, ElementsAre("broken timed_out", "a unknown 1/3", "b not_sent 0/3"));
}

TEST_F(ConnectionTest, RefusesSendsOnABrokenConnectionAtTheEndOfTheFrame) {
  open();
  comes({}, ChannelEnd::reset);
  told.clear();

  shard.enter([&](OnShard& here) {
    connection->send(here, {}, "one", {}, &a);
    EXPECT_THAT(told, IsEmpty());
  });

  EXPECT_THAT(told, ElementsAre("a not_sent 0/3"));
  EXPECT_THAT(a.why, HasSubstr("reset"));
}

TEST_F(ConnectionTest, TakesACancelledRecordOutOfTheQueue) {
  open();
  script.takes = 1;
  shard.enter([&](OnShard& here) {
    connection->send(here, {}, "one", {}, &a);
    connection->send(here, {}, "two", {}, &b);
    connection->send(here, {}, "three", {}, &c);
  });

  cancel(b);
  EXPECT_THAT(told, ElementsAre("b not_sent 0/3"));
  writable(100);

  EXPECT_EQ(script.written, "onethree");
  EXPECT_THAT(told, ElementsAre("b not_sent 0/3", "a handed 3/3", "c handed 5/5"));
}

TEST_F(ConnectionTest, BreaksWhenARecordIsCancelledOfWhichPartHasGone) {
  open();
  script.takes = 1;
  shard.enter([&](OnShard& here) {
    connection->send(here, {}, "one", {}, &a);
    connection->send(here, {}, "two", {}, &b);
  });

  cancel(a);

  EXPECT_THAT(told, ElementsAre("broken send_cut", "a unknown 1/3", "b not_sent 0/3"));
  EXPECT_TRUE(connection->failure().is(Errc::timeout));
}

TEST_F(ConnectionTest, CancelsNothingThatTheKernelHasTaken) {
  open();
  shard.enter([&](OnShard& here) { connection->send(here, {}, "one", {}, &a); });

  cancel(a);

  EXPECT_THAT(told, ElementsAre("a handed 3/3"));
  EXPECT_FALSE(connection->broken());
}

TEST_F(ConnectionTest, TellsNothingToAWaiterThatIsForgotten) {
  open();
  script.takes = 1;
  send("one", &a);
  send("two", &b);

  connection->forget(a);
  writable(100);

  EXPECT_EQ(script.written, "onetwo");
  EXPECT_THAT(told, ElementsAre("b handed 3/3"));
}

// --- reading ---------------------------------------------------------------------------------------

TEST_F(ConnectionTest, TellsTheReaderInsteadOfTheOwnerWhoseDataItIs) {
  open();
  Reader reader(*this);
  connection->set_reader(&reader);
  comes("one");
  connection->set_reader(nullptr);
  comes("two");

  EXPECT_THAT(told, ElementsAre("reader sees one", "data two"));
}

TEST_F(ConnectionTest, TellsTheOwnerOfAnEndBeforeTheReader) {
  for (const auto& [end, owner] :
       {std::pair(ChannelEnd::clean, "input ended"), {ChannelEnd::reset, "broken reset"}}) {
    script = {};
    told.clear();
    open();
    Reader reader(*this);
    connection->set_reader(&reader);

    comes({}, end);

    EXPECT_THAT(told, ElementsAre(owner, "reader sees "));
    EXPECT_EQ(connection->input_end(), end);
    EXPECT_FALSE(script.reading);
    connection->set_reader(nullptr);
  }
}

TEST_F(ConnectionTest, KeepsUnreadBytesOfABrokenConnection) {
  consumes = false;
  open();
  comes("last words");

  comes({}, ChannelEnd::reset);

  EXPECT_EQ(connection->unread(), "last words");
}

TEST_F(ConnectionTest, StopsReadingWhenTheBufferIsFullAndGoesOnAfterConsuming) {
  consumes = false;
  open({.read_buffer = 1000});
  std::string all;
  while (script.reading) {
    const std::string piece(script.reading->size(), static_cast<char>('a' + all.size() % 26));
    all += piece;
    comes(piece);
  }
  EXPECT_EQ(all.size(), 1000u);
  EXPECT_EQ(connection->unread(), all);

  shard.enter([&](OnShard& here) { connection->consume(here, 300); });

  ASSERT_TRUE(script.reading);
  EXPECT_EQ(script.reading->size(), 300u);
  EXPECT_EQ(connection->unread(), all.substr(300));
}

TEST_F(ConnectionTest, ReadsBeyondTheBufferForARecordThatNeedsIt) {
  consumes = false;
  open({.read_buffer = 1000});
  while (script.reading) comes(std::string(script.reading->size(), 'x'));

  shard.enter([&](OnShard& here) { connection->expect(here, 5000); });
  while (script.reading) comes(std::string(script.reading->size(), 'y'));

  EXPECT_EQ(connection->unread(), std::string(1000, 'x') + std::string(4000, 'y'));
}

TEST_F(ConnectionTest, ReadsMoreAtATimeWhileReadsComeBackFullAndLessWhenItIsQuiet) {
  open();
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 10; ++i) {
    sizes.push_back(script.reading->size());
    comes(std::string(script.reading->size(), 'x'));
  }
  EXPECT_THAT(sizes, ElementsAre(512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 65536, 65536));

  for (int i = 0; i < 1000; ++i) comes("x");

  EXPECT_EQ(script.reading->size(), 512u);
}

TEST_F(ConnectionTest, GivesTheSameBytesHoweverTheyCome) {
  consumes = false;
  std::string all;
  for (int i = 0; i < 700; ++i) all += std::to_string(i) + ' ';
  for (const std::size_t piece : {1, 2, 3, 7, 100, 511, 512, 513}) {
    script = {};
    open();
    std::string got;
    for (std::size_t at = 0; at < all.size();) {
      const std::size_t now = std::min({piece, all.size() - at, script.reading->size()});
      comes(std::string_view(all).substr(at, now));
      at += now;
      if (at % 5 == 0) {  // the user takes a part
        const std::size_t part = connection->unread().size() / 2;
        got += connection->unread().substr(0, part);
        shard.enter([&](OnShard& here) { connection->consume(here, part); });
      }
    }
    got += connection->unread();
    EXPECT_EQ(got, all) << "in pieces of " << piece;
  }
}

// --- closing ---------------------------------------------------------------------------------------

TEST_F(ConnectionTest, ClosesAtOnceWhenNothingIsLeftToDo) {
  open();

  shard.enter([&](OnShard& here) {
    connection->close(here);
    EXPECT_THAT(told, IsEmpty());
  });

  EXPECT_THAT(script.calls, ElementsAre("closed"));
  EXPECT_THAT(told, ElementsAre("closed"));
}

TEST_F(ConnectionTest, ClosesAfterTheQueueHasGoneThePeerHasSeenItAndSaidItsEnd) {
  open();
  script.takes = 1;
  script.unsent = 3;
  send("one", &a);

  close();
  EXPECT_THAT(script.calls, IsEmpty());
  writable(2);
  EXPECT_THAT(script.calls, ElementsAre("FIN after one"));
  comes("still talking");
  EXPECT_THAT(script.calls, ElementsAre("FIN after one"));
  comes({}, ChannelEnd::clean);

  EXPECT_THAT(script.calls, ElementsAre("FIN after one", "closed"));
  EXPECT_THAT(told, ElementsAre("a handed 3/3", "closed"));
}

TEST_F(ConnectionTest, ReadsWhatIsUnreadBeforeItCloses) {
  open();
  script.unread = 100;

  close();

  EXPECT_THAT(script.calls, ElementsAre("FIN after "));
  comes(std::string(100, 'x'));
  comes({}, ChannelEnd::clean);
  EXPECT_THAT(script.calls, ElementsAre("FIN after ", "closed"));
  EXPECT_THAT(told, ElementsAre("closed"));
}

TEST_F(ConnectionTest, ReadsOnWhileClosingAlthoughTheBufferWasFull) {
  consumes = false;
  open({.read_buffer = 1000});
  while (script.reading) comes(std::string(script.reading->size(), 'x'));
  script.unread = 5000;

  close();

  ASSERT_TRUE(script.reading);
  comes(std::string(script.reading->size(), 'y'));
  EXPECT_TRUE(script.reading);
  EXPECT_EQ(connection->unread(), "");
}

TEST_F(ConnectionTest, ClosesAfterCloseTimeoutWhenThePeerSaysNoEnd) {
  open({.close_timeout = 5s});
  script.unsent = 1;
  close();
  loop.advance_to(at(4999ms));
  EXPECT_THAT(told, IsEmpty());

  loop.advance_to(at(5s));

  EXPECT_THAT(told, ElementsAre("closed"));
  EXPECT_EQ(script.ended_how, "closed");
}

TEST_F(ConnectionTest, CountsCloseTimeoutFromTheLastByteThatThePeerTook) {
  open({.close_timeout = 5s});
  script.takes = 0;
  send("123", &a);
  close();
  loop.advance_to(at(4s));
  writable(1);
  loop.advance_to(at(8s));
  EXPECT_THAT(told, IsEmpty());

  loop.advance_to(at(9s));

  EXPECT_THAT(told, ElementsAre("a unknown 1/3", "closed"));
  EXPECT_THAT(a.why, HasSubstr("close_timeout"));
}

TEST_F(ConnectionTest, ClosesAtOnceAfterThePeersEndWhateverIsUnacknowledged) {
  open();
  comes({}, ChannelEnd::clean);
  script.unsent = 1000;

  close();

  EXPECT_EQ(script.ended_how, "closed");
  EXPECT_THAT(told, ElementsAre("input ended", "closed"));
}

TEST_F(ConnectionTest, EndsEachStageOfClosingWhenThePeerResets) {
  for (const bool while_flushing : {true, false}) {
    script = {};
    told.clear();
    open();
    script.unsent = 1;
    if (while_flushing) script.takes = 1;
    send("one", &a);
    close();
    EXPECT_EQ(script.output_shut, !while_flushing);

    comes({}, ChannelEnd::reset);

    EXPECT_THAT(told, ElementsAre(while_flushing ? "a unknown 1/3" : "a handed 3/3", "closed"));
    EXPECT_EQ(script.ended_how, "closed");
  }
}

TEST_F(ConnectionTest, EndsClosingWhenASendFails) {
  open();
  script.takes = 0;
  send("one", &a);
  close();
  script.write_fails = {.end = ChannelEnd::reset};
  script.takes = 0;

  writable(0);

  EXPECT_THAT(told, ElementsAre("a not_sent 0/3", "closed"));
}

TEST_F(ConnectionTest, TakesNoRecordWhileItCloses) {
  open();
  script.unsent = 1;
  close();

  send("late", &a);

  EXPECT_FALSE(connection->room());
  EXPECT_THAT(told, ElementsAre("a not_sent 0/4"));
  EXPECT_THAT(a.why, HasSubstr("it is being closed"));
  EXPECT_EQ(script.written, "");
}

TEST_F(ConnectionTest, ClosesABrokenConnectionAtOnce) {
  open();
  comes({}, ChannelEnd::reset);

  close();

  EXPECT_THAT(told, ElementsAre("broken reset", "closed"));
}

TEST_F(ConnectionTest, HalfClosesAfterTheQueueAndReadsOn) {
  open();
  script.takes = 1;
  send("one", &a);
  shard.enter([&](OnShard& here) { connection->half_close(here); });
  EXPECT_THAT(script.calls, IsEmpty());
  writable(2);
  EXPECT_THAT(script.calls, ElementsAre("FIN after one"));

  send("two", &b);
  comes("reply");

  EXPECT_THAT(told, ElementsAre("a handed 3/3", "b not_sent 0/3", "data reply"));
  EXPECT_THAT(b.why, HasSubstr("its output is closed"));
}

TEST_F(ConnectionTest, AbortsAtEachStageWithEverybodyTold) {
  for (const int stage : {0, 1, 2}) {  // open, flushing, lingering
    script = {};
    told.clear();
    open();
    script.takes = stage == 2 ? 100 : 1;
    script.unsent = 1;
    send("one", &a);
    if (stage > 0) close();

    abort({Errc::shutting_down, "the group stops"});

    EXPECT_THAT(told, ElementsAre(stage == 2 ? "a handed 3/3" : "a unknown 1/3", "closed")) << stage;
    EXPECT_EQ(script.ended_how, "aborted");
    if (stage < 2) {
      EXPECT_EQ(a.why, "the group stops");
    }
  }
}

TEST_F(ConnectionTest, TellsAReaderThatItsConnectionWasAborted) {
  open();
  Reader reader(*this);
  connection->set_reader(&reader);

  abort();

  EXPECT_THAT(told, ElementsAre("reader sees ", "closed"));
  EXPECT_EQ(connection->input_end(), ChannelEnd::failed);
}

TEST_F(ConnectionTest, IsSilentAfterItIsClosed) {
  open({.close_timeout = 5s});
  script.unsent = 1;
  close();
  comes({}, ChannelEnd::clean);
  told.clear();

  close();
  abort();
  send("late", &a);
  loop.advance_to(at(1h));

  EXPECT_THAT(told, ElementsAre("a not_sent 0/4"));
  EXPECT_EQ(script.calls.back(), "closed");
}

TEST_F(ConnectionTest, MayBeDestroyedInTheFrameThatTouchedIt) {
  open();

  shard.enter([&](OnShard& here) {
    connection->send(here, {}, "one", {}, &a);
    connection.reset();
  });

  EXPECT_THAT(told, IsEmpty());
  EXPECT_EQ(script.writes, 0);
}

}  // namespace
}  // namespace connmgr::io

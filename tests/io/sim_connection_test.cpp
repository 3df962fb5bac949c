// io::Connection in the simulated world: an echo over many seeds, with every latency, split and buffer size,
// and with resets, ends and silence at places that the seed picks.
#include <gmock/gmock.h>

#include <algorithm>

#include "connmgr/io/connection.h"
#include "tests/support/sim_fixture.h"

namespace connmgr::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::StartsWith;

// Owner, reader of nothing, and sender of one connection: it remembers what it was told.
class Side : public io::ConnectionOwner, public io::SendWaiter {
 public:
  virtual ~Side() = default;

  void open(io::OnShard& here, std::unique_ptr<io::Channel> channel) {
    ++opened;
    connection =
        std::make_unique<io::Connection>(here, std::move(channel), ConnectionRef{0, 1}, *this,
                                         io::Connection::Limits{.read_buffer = 4096, .send_queue = 4096});
  }
  void send(io::OnShard& here, std::string_view bytes) {
    ++sends;
    connection->send(here, {}, bytes, {}, this);
  }

  void on_broken(io::OnShard& here, io::Connection&, CloseCause) override {
    ++broken;
    connection->close(here);
  }
  void on_closed(io::OnShard& here, io::Connection&) override {
    ++closed;
    here.shard().defer(here, [this](io::OnShard&) { connection.reset(); });
  }
  void on_sent(io::OnShard&, const io::SendReport& report) override {
    ++reports;
    if (report.outcome == io::SendOutcome::handed) ++handed;
    EXPECT_EQ(report.outcome == io::SendOutcome::not_sent, report.handed == 0);
  }

  std::unique_ptr<io::Connection> connection;
  int opened = 0, sends = 0, reports = 0, handed = 0, broken = 0, closed = 0;
};

// Sends back what comes, and closes when the peer has.
class Echo final : public Side {
 public:
  void on_data(io::OnShard& here, io::Connection& from) override {
    send(here, from.unread());
    from.consume(here, from.unread().size());
  }
  void on_input_ended(io::OnShard& here, io::Connection& from) override { from.close(here); }
};

class EchoServer final : public io::AcceptEvents {
 public:
  void on_accepted(io::OnShard& here, std::unique_ptr<io::Channel> channel) override {
    all.emplace_back(std::make_unique<Echo>())->open(here, std::move(channel));
  }
  void on_accept_trouble(io::OnShard&, const Failure&) override {}

  std::vector<std::unique_ptr<Echo>> all;
};

// Sends its records, waits until all of them have come back, then closes.
class Caller final : public Side {
 public:
  explicit Caller(std::vector<std::string> records) : records_(std::move(records)) {
    for (const std::string& record : records_) all_sent += record;
  }

  void call(io::Network& network, io::Shard& shard, std::uint16_t port) {
    shard.enter([&](io::OnShard& here) {
      attempt_ =
          network.connect(here, {.host = "localhost", .port = port}, [this](io::OnShard& there, auto result) {
            if (!result) return;
            open(there, *std::move(result));
            for (const std::string& record : records_) send(there, record);
          });
    });
  }
  void on_data(io::OnShard& here, io::Connection& from) override {
    came_back += from.unread();
    from.consume(here, from.unread().size());
    if (came_back.size() == all_sent.size()) from.close(here);
  }
  void on_input_ended(io::OnShard& here, io::Connection& from) override { from.close(here); }

  std::string all_sent;
  std::string came_back;

 private:
  std::vector<std::string> records_;
  std::unique_ptr<io::ConnectAttempt> attempt_;
};

std::vector<std::string> records_from(SimRandom& random) {
  std::vector<std::string> records(random.between(1, 20));
  char next = 'a';
  for (std::string& record : records) {
    record.assign(random.between(1, 600), next);
    next = next == 'z' ? 'a' : static_cast<char>(next + 1);
  }
  return records;
}

// Six callers on two shards, an echo server on both. What was told, counted over both ends.
struct Told {
  std::vector<std::unique_ptr<Caller>> callers;
  EchoServer server;
  int whole = 0;  // callers that got everything back

  template <class F>
  void each(F&& f) {
    for (auto& one : callers) f(*one);
    for (auto& one : server.all) f(*one);
  }
};

void play(SimNetwork& world, Told& told) {
  io::Shard first(0, world), second(1, world);
  SimRandom random(world.schedule().seed());
  {
    auto listener = *world.listen({.port = 7777});
    std::vector<std::unique_ptr<io::Acceptor>> acceptors;
    for (io::Shard* shard : {&first, &second}) {
      shard->enter([&](io::OnShard& here) { acceptors.push_back(listener->accept_on(here, told.server)); });
    }
    for (int i = 0; i < 6; ++i) {
      told.callers.push_back(std::make_unique<Caller>(records_from(random)));
      told.callers.back()->call(world, i % 2 ? first : second, listener->port());
    }
    world.run_for(2h);  // keepalive has found each peer that fell silent
  }
  for (auto& caller : told.callers) told.whole += caller->came_back == caller->all_sent ? 1 : 0;
}

TEST(SimConnection, BringsEveryByteBackWhateverTheWayIsLike) {
  for (const std::uint64_t seed : sim_seeds(150)) {
    SCOPED_TRACE(seed);
    SimNetwork world(seed);
    world.chaos();
    Told told;

    play(world, told);

    EXPECT_EQ(told.whole, 6);
    told.each([](const Side& side) {
      EXPECT_EQ(side.handed, side.sends);
      EXPECT_EQ(side.reports, side.sends);
      EXPECT_EQ(side.broken, 0);
      EXPECT_EQ(side.opened, 1);
      EXPECT_EQ(side.closed, 1);
    });
    EXPECT_EQ(world.leaks(), "");
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(SimConnection, TellsEachSendAndEachEndOnceWhateverBreaks) {
  int broken = 0;
  int whole = 0;
  for (const std::uint64_t seed : sim_seeds(300)) {
    SCOPED_TRACE(seed);
    SimNetwork world(seed);
    world.chaos({.resets = 30, .ends = 20, .silences = 20, .refusals = 5, .hangs = 5});
    Told told;

    play(world, told);

    for (const auto& caller : told.callers) EXPECT_THAT(caller->all_sent, StartsWith(caller->came_back));
    told.each([&](const Side& side) {
      EXPECT_EQ(side.reports, side.sends);
      EXPECT_LE(side.broken, 1);
      EXPECT_EQ(side.closed, side.opened);
      EXPECT_EQ(side.connection, nullptr);
      broken += side.broken;
    });
    whole += told.whole;
    EXPECT_EQ(world.leaks(), "");
    if (::testing::Test::HasFailure()) return;
  }
  if (sim_seeds(2).size() < 2) return;
  EXPECT_GT(broken, 300);  // the faults did come
  EXPECT_GT(whole, 600);   // and not to all
}

}  // namespace
}  // namespace connmgr::testing

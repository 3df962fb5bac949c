// Input nodes: SPEC N1, N2, N7, D2 to D4, and the failure routes of DESIGN 3.9.
#include "nodes/input_node.h"

#include "tests/nodes/flow_fixture.h"

namespace connmgr::testing {
namespace {

using nodes::ComputeNode;
using nodes::Flow;
using nodes::Message;
using nodes::TcpipClientInputNode;
using nodes::TcpipServerInputNode;
using nodes::TcpipServerOutputNode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Input : public FlowTest {
 protected:
  TcpipServerInputNode& lines(Flow& flow) {
    return flow.add<TcpipServerInputNode>("lines",
                                          {.connection_details = "pos", .records = records::line_end()});
  }
  TcpipServerOutputNode& reply(Flow& flow) {
    return flow.add<TcpipServerOutputNode>("reply",
                                           {.connection_details = "pos", .records = records::line_end()});
  }
  ComputeNode& work(Flow& flow, std::function<void(Message&)> what) {
    return flow.add<ComputeNode>("work", what);
  }
};

TEST_F(Input, StartsAnIterationForEachRecord) {
  Flow& flow = make_flow();
  std::vector<std::string> came;
  lines(flow) >> note(flow, "note", came) >> reply(flow);
  flow.deploy();

  auto peer = till();
  peer->send("one\ntwo\r\nthree\n");
  world.run_until_quiet();

  EXPECT_THAT(came, ElementsAre("one", "two", "three"));
  EXPECT_EQ(peer->received(), "one\ntwo\nthree\n");
}

TEST_F(Input, FindsTheSameRecordsHoweverTheirBytesAreCut) {
  for (const std::size_t bytes : {1, 2, 3, 7}) {
    world.profile().split_min = world.profile().split_max = bytes;
    Flow& flow = make_flow("cut " + std::to_string(bytes));
    std::vector<std::string> came;
    lines(flow) >> note(flow, "note", came);
    flow.deploy();

    auto peer = till();
    peer->send("one\ntwo\r\nthree\n");
    world.run_until_quiet();

    EXPECT_THAT(came, ElementsAre("one", "two", "three")) << bytes;
    flow.begin_undeploy();
    ASSERT_TRUE(world.run_until([&flow] { return flow.undeployed(); }, 1min));
  }
}

TEST_F(Input, GivesTheEmptyLastPieceOfAnInfixStreamAlsoWhenTheEndComesLater) {  // D1, D3
  for (const bool later : {false, true}) {
    Flow& flow = make_flow(later ? "later" : "at once");
    std::vector<std::string> came;
    flow.add<TcpipServerInputNode>(
        "pieces", {.connection_details = "pos",
                   .records = records::delimited(",", RecordFormat::DelimiterUse::infix)}) >>
        note(flow, "note", came);
    flow.deploy();

    auto peer = till();
    peer->send("a,b,");
    if (later) world.run_until_quiet();
    peer->shutdown();
    world.run_until_quiet();

    EXPECT_THAT(came, ElementsAre("a", "b", "")) << later;
    flow.begin_undeploy();
    ASSERT_TRUE(world.run_until([&flow] { return flow.undeployed(); }, 1min));
  }
}

TEST_F(Input, TellsWhereARecordCameFrom) {
  Flow& flow = make_flow();
  std::vector<std::string> places;
  lines(flow) >> work(flow, [&](Message& m) {
    const auto& environment = m.local_environment();
    places.push_back(environment.find("tcpip.input.type").value() + " " +
                     environment.find("tcpip.input.port").value() + " record " +
                     environment.find("tcpip.input.sequence_number.input_record").value());
    EXPECT_EQ(environment.find("tcpip.input.connection.id"), to_string(environment.tcpip_input().id()));
  });
  flow.deploy();

  auto peer = till();
  peer->send("a\nb\n");
  world.run_until_quiet();
  peer->send("c\n");
  world.run_until_quiet();

  EXPECT_THAT(places, ElementsAre("server 7790 record 1", "server 7790 record 2", "server 7790 record 3"));
}

TEST_F(Input, HoldsAStreamButNoInstanceUntilAWholeRecordIsThere) {
  Flow& flow = make_flow("flow", 1);
  lines(flow) >> reply(flow);
  flow.deploy();

  auto slow = till("slow");
  slow->send("half a rec");
  world.run_until_quiet();
  auto quick = till("quick");
  quick->send("whole\n");
  world.run_until_quiet();

  EXPECT_EQ(quick->received(), "whole\n");
  slow->send("ord\n");
  world.run_until_quiet();
  EXPECT_EQ(slow->received(), "half a record\n");
}

TEST_F(Input, ReadsThousandsOfPipelinedRecordsInOrder) {
  Flow& flow = make_flow("flow", 4);
  lines(flow) >> reply(flow);
  flow.deploy();
  std::string sent;
  for (int i = 0; i < 5000; ++i) sent += "record " + std::to_string(i) + "\n";

  auto peer = till();
  peer->send(sent);
  world.run_until_quiet();

  EXPECT_EQ(peer->received(), sent);
}

TEST_F(Input, ReadsARecordThatIsLargerThanAnyBuffer) {
  Flow& flow = make_flow();
  lines(flow) >> reply(flow);
  flow.deploy();
  const std::string sent = std::string(3'000'000, 'x') + "\n";

  auto peer = till();
  peer->send(sent);
  world.run_until_quiet();

  EXPECT_TRUE(peer->received() == sent) << peer->received().size();
}

TEST_F(Input, RepliesToAPeerThatHasClosedItsSideAfterTheRecord) {
  Flow& flow = make_flow();
  flow.add<TcpipServerInputNode>("all", {.connection_details = "pos"}).out >> reply(flow);
  flow.deploy();

  auto peer = till();
  peer->send("everything until the end");
  peer->shutdown();
  world.run_until_quiet();

  EXPECT_EQ(peer->received(), "everything until the end\n");
  EXPECT_EQ(peer->end(), io::ChannelEnd::clean);
}

TEST_F(Input, KeepsAPeerThatClosesItsSideWhileTheFlowIsStillAtWork) {
  SimServer bank(world, "bank", kLedgerPort);
  world.at("bank", kLedgerPort).latency_min = world.at("bank", kLedgerPort).latency_max = 50ms;
  bank.on_bytes = [](SimPeer& at) { at.send(at.take()); };
  Flow& flow = make_flow();
  auto& ask = flow.add<nodes::TcpipClientOutputNode>(
      "ask", {.connection_details = "ledger", .records = records::line_end()});
  auto& answer = flow.add<nodes::TcpipClientReceiveNode>(
      "answer", {.connection_details = "ledger", .records = records::line_end()});
  lines(flow) >> ask >> answer >> reply(flow);
  flow.deploy();

  auto peer = till();
  peer->send("one\n");
  world.after(20ms, [&] { peer->shutdown(); });
  world.run_until_quiet();

  EXPECT_EQ(peer->received(), "one\n");
  EXPECT_EQ(peer->end(), io::ChannelEnd::clean);
}

TEST_F(Input, GivesWhatCameToFailureWhenTheRecordTakesTooLong) {
  Flow& flow = make_flow();
  auto& input = flow.add<TcpipServerInputNode>(
      "lines", {.connection_details = "pos", .records = records::line_end(), .record_timeout = 5s});
  input.failure >> note_failure(flow, "report");
  flow.deploy();

  auto peer = till();
  peer->send("half a rec");
  world.run_for(4900ms);
  EXPECT_THAT(failures, IsEmpty());
  world.run_for(200ms);
  world.run_until_quiet();

  EXPECT_THAT(failed_bodies, ElementsAre("half a rec"));
  ASSERT_THAT(failures, SizeIs(1));
  EXPECT_TRUE(failures[0].is(Errc::timeout));
  EXPECT_THAT(failures[0].text, HasSubstr("record_timeout"));
  EXPECT_NE(peer->end(), io::ChannelEnd::none) << "the stream cannot be read on: it is closed";
}

TEST_F(Input, CountsTheRecordTimeoutFromEachRecordsFirstByte) {
  Flow& flow = make_flow();
  std::vector<std::string> came;
  auto& input = flow.add<TcpipServerInputNode>(
      "lines", {.connection_details = "pos", .records = records::line_end(), .record_timeout = 5s});
  input.out >> note(flow, "note", came);
  flow.deploy();

  auto peer = till();
  for (const char* piece : {"a", "\nb", "\nc", "\n"}) {
    peer->send(piece);
    world.run_for(4s);
  }

  EXPECT_THAT(came, ElementsAre("a", "b", "c"));
  EXPECT_THAT(unrouted_failures, IsEmpty());
}

TEST_F(Input, GivesWhatCameToFailureWhenThePeerResetsInMidRecord) {
  Flow& flow = make_flow();
  std::vector<std::string> came;
  auto& input = lines(flow);
  input.out >> note(flow, "note", came);
  input.failure >> note_failure(flow, "report");
  flow.deploy();

  auto peer = till();
  auto other = till("other");
  peer->send("whole\nhalf a rec");
  world.run_until_quiet();
  peer->reset();
  world.run_until_quiet();
  other->send("still there\n");
  world.run_until_quiet();

  EXPECT_THAT(came, ElementsAre("whole", "still there"));
  EXPECT_THAT(failed_bodies, ElementsAre("half a rec"));
  EXPECT_TRUE(failures.at(0).is(Errc::record_incomplete));
  EXPECT_THAT(failures.at(0).text, HasSubstr("pos"));
}

TEST_F(Input, GivesAnUnfinishedLastRecordToFailure) {
  Flow& flow = make_flow();
  lines(flow).failure >> note_failure(flow, "report");
  flow.deploy();

  auto peer = till();
  peer->send("no line end");
  peer->shutdown();
  world.run_until_quiet();

  EXPECT_THAT(failed_bodies, ElementsAre("no line end"));
  EXPECT_TRUE(failures.at(0).is(Errc::record_incomplete));
}

TEST_F(Input, GivesGarbageToFailureAndLosesNothingElse) {
  Flow& flow = make_flow();
  std::vector<std::string> came;
  auto& input =
      flow.add<TcpipServerInputNode>("hl7", {.connection_details = "pos", .records = records::mllp()});
  input.out >> note(flow, "note", came);
  input.failure >> note_failure(flow, "report");
  flow.deploy();

  auto good = till("good");
  auto bad = till("bad");
  good->send(
      "\x0b"
      "one\x1c\r\x0btw");
  bad->send("GET / HTTP/1.1\r\n\r\n");
  world.run_until_quiet();
  good->send("o\x1c\r");
  world.run_until_quiet();

  EXPECT_THAT(came, ElementsAre("one", "two"));
  EXPECT_THAT(failed_bodies, ElementsAre("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(failures.at(0).is(Errc::record_invalid));
  EXPECT_NE(bad->end(), io::ChannelEnd::none);
  EXPECT_EQ(good->end(), io::ChannelEnd::none);
}

TEST_F(Input, GivesAtMost64KiBOfARecordOverTheMaximumToFailure) {
  pos.max_record_bytes = 100'000;
  Flow& flow = make_flow();
  lines(flow).failure >> note_failure(flow, "report");
  flow.deploy();

  auto peer = till();
  peer->send(std::string(300'000, 'x'));
  world.run_until_quiet();

  ASSERT_THAT(failed_bodies, SizeIs(1));
  EXPECT_EQ(failed_bodies[0], std::string(64 * 1024, 'x'));
  EXPECT_TRUE(failures.at(0).is(Errc::record_too_long));
  EXPECT_THAT(failures.at(0).text, HasSubstr("100000"));
  EXPECT_NE(peer->end(), io::ChannelEnd::none);
}

TEST_F(Input, LetsFailureAnswerBeforeTheConnectionIsClosed) {
  pos.max_record_bytes = 10;
  Flow& flow = make_flow();
  auto& refuse = work(flow, [](Message& m) { m.set_body("too long"); });
  lines(flow).failure >> refuse >> reply(flow);
  flow.deploy();

  auto peer = till();
  peer->send("more than ten bytes\n");
  world.run_until_quiet();

  EXPECT_EQ(peer->received(), "too long\n");
  EXPECT_EQ(peer->end(), io::ChannelEnd::clean);
}

TEST_F(Input, LogsAFailureThatHasNoTerminal) {
  Flow& flow = make_flow();
  lines(flow) >> reply(flow);
  flow.deploy();

  auto peer = till();
  peer->send("half a rec");
  world.run_until_quiet();
  peer->reset();
  world.run_until_quiet();

  ASSERT_THAT(unrouted_failures, SizeIs(1));
  EXPECT_EQ(unrouted_failures[0].node, "lines");
  EXPECT_TRUE(unrouted_failures[0].failure.is(Errc::record_incomplete));
  EXPECT_EQ(flow.figures().unrouted, 1u);
}

TEST_F(Input, GivesTheRecordAsItCameToCatchWhenUserCodeThrows) {
  Flow& flow = make_flow();
  auto& input = lines(flow);
  auto& change = work(flow, [](Message& m) {
    m.edit_body() += " changed";
    m.local_environment().set("mark", "x");
    m.local_environment().output_destination().hostname = "elsewhere";
  });
  auto& thrower =
      flow.add<ComputeNode>("thrower", [](Message&) { throw std::runtime_error("no such account"); });
  std::vector<std::string> marks;
  auto& look = flow.add<ComputeNode>("look", [&](Message& m) {
    marks.push_back(m.local_environment().find("mark").value_or("gone"));
    marks.push_back(m.local_environment().output_destination().hostname);
    marks.push_back(m.local_environment().find("tcpip.input.sequence_number.input_record").value_or("gone"));
  });
  input.out >> change >> thrower >> reply(flow);
  input.catch_failure >> note_failure(flow, "report") >> look;
  flow.deploy();

  auto peer = till();
  peer->send("claim\n");
  world.run_until_quiet();

  EXPECT_THAT(failed_bodies, ElementsAre("claim"));
  EXPECT_THAT(failed_nodes, ElementsAre("thrower"));
  EXPECT_TRUE(failures.at(0).is(Errc::exception));
  EXPECT_EQ(failures.at(0).text, "no such account");
  EXPECT_THAT(marks, ElementsAre("gone", "", "1"));
  EXPECT_EQ(peer->received(), "");
}

TEST_F(Input, PassesAnUnwiredCatchToFailure) {
  Flow& flow = make_flow();
  auto& input = lines(flow);
  input.out >> work(flow, [](Message&) { throw 17; });
  input.failure >> note_failure(flow, "report");
  flow.deploy();

  auto peer = till();
  peer->send("claim\n");
  world.run_until_quiet();

  EXPECT_THAT(failed_bodies, ElementsAre("claim"));
  EXPECT_EQ(peer->end(), io::ChannelEnd::none) << "the record was good: the connection stays";
}

TEST_F(Input, PassesAFailureOfCatchToFailureAndLogsThatOfFailure) {
  Flow& flow = make_flow();
  auto& input = lines(flow);
  const auto thrower = [&](const std::string& name) -> ComputeNode& {
    return flow.add<ComputeNode>(name, [name](Message&) { throw std::runtime_error(name); });
  };
  std::vector<std::string> way;
  input.out >> thrower("first");
  input.catch_failure >> note(flow, "at catch", way) >> thrower("second");
  input.failure >> note(flow, "at failure", way) >> thrower("third");
  flow.deploy();

  auto peer = till();
  peer->send("claim\n");
  world.run_until_quiet();

  EXPECT_THAT(way, ElementsAre("claim", "claim"));
  ASSERT_THAT(unrouted_failures, SizeIs(1));
  EXPECT_EQ(unrouted_failures[0].node, "third");
  EXPECT_EQ(flow.figures().failed, 1u) << "one message, one failed iteration";
}

TEST_F(Input, OfAClientOpensItsConnectionAndReadsWhatTheServerSends) {
  SimServer bank(world, "bank", kLedgerPort);
  bank.on_accept = [](SimPeer& at) { at.send("price 1\nprice 2\n"); };
  Flow& flow = make_flow();
  std::vector<std::string> came;
  flow.add<TcpipClientInputNode>("prices", {.connection_details = "ledger", .records = records::line_end()})
          .out >>
      note(flow, "note", came);
  flow.deploy();

  world.run_until_quiet();

  EXPECT_THAT(came, ElementsAre("price 1", "price 2"));
  EXPECT_EQ(bank.accepted(), 1u) << "an unset minimum is 1 with a client Input node";
}

TEST_F(Input, KeepsTheInputReservedUntilTheFlowEnds) {
  SimServer bank(world, "bank", kLedgerPort);
  world.at("bank", kLedgerPort).latency_min = world.at("bank", kLedgerPort).latency_max = 10ms;
  bank.on_bytes = [](SimPeer& at) { at.send(at.take()); };
  Flow& flow = make_flow("flow", 8);
  int at_work = 0;
  int most = 0;
  auto& input =
      flow.add<TcpipServerInputNode>("lines", {.connection_details = "pos",
                                               .records = records::line_end(),
                                               .input_stream = StreamChange::reserve_until_flow_end});
  auto& enter = flow.add<ComputeNode>("enter", [&](Message&) { most = std::max(most, ++at_work); });
  auto& leave = flow.add<ComputeNode>("leave", [&](Message&) { --at_work; });
  auto& ask = flow.add<nodes::TcpipClientOutputNode>(
      "ask", {.connection_details = "ledger", .records = records::line_end()});
  auto& answer = flow.add<nodes::TcpipClientReceiveNode>(
      "answer", {.connection_details = "ledger", .records = records::line_end()});
  input.out >> enter >> ask >> answer >> leave >> reply(flow);
  flow.deploy();

  auto peer = till();
  peer->send("one\ntwo\nthree\n");
  peer->shutdown();
  world.run_until_quiet();

  EXPECT_EQ(peer->received(), "one\ntwo\nthree\n");
  EXPECT_EQ(most, 1) << "with the stream reserved until flow end, records of one connection go one by one";
  EXPECT_EQ(peer->end(), io::ChannelEnd::clean);
}

}  // namespace
}  // namespace connmgr::testing

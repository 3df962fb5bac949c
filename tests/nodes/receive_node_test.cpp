// Receive nodes: SPEC N3, N10, S3, S4, S10.
#include "nodes/receive_node.h"

#include "tests/nodes/flow_fixture.h"

namespace connmgr::testing {
namespace {

using nodes::ComputeNode;
using nodes::ConnectionChoice;
using nodes::Flow;
using nodes::Message;
using nodes::OutputSettings;
using nodes::ReceiveSettings;
using nodes::TcpipClientOutputNode;
using nodes::TcpipClientReceiveNode;
using nodes::TcpipServerInputNode;
using nodes::TcpipServerOutputNode;
using nodes::TcpipServerReceiveNode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Receive : public FlowTest {
 protected:
  using FlowTest::FlowTest;

  TcpipServerInputNode& lines(Flow& flow) {
    return flow.add<TcpipServerInputNode>("lines",
                                          {.connection_details = "pos", .records = records::line_end()});
  }
  TcpipServerOutputNode& reply(Flow& flow) {
    return flow.add<TcpipServerOutputNode>("reply",
                                           {.connection_details = "pos", .records = records::line_end()});
  }
  // Request and reply over the ledger, as samples/orders does it.
  TcpipClientOutputNode& ask(Flow& flow) {
    return flow.add<TcpipClientOutputNode>("ask", {.connection_details = "ledger",
                                                   .records = records::line_end(),
                                                   .input_stream = StreamChange::reserve_until_flow_end});
  }
  TcpipClientReceiveNode& answer(Flow& flow, ReceiveSettings settings = {}) {
    settings.connection_details = "ledger";
    if (settings.records.kind == RecordFormat::Kind::connection_closed)
      settings.records = records::line_end();
    return flow.add<TcpipClientReceiveNode>("answer", settings);
  }
  ComputeNode& work(Flow& flow, const std::string& name, std::function<void(Message&)> what) {
    return flow.add<ComputeNode>(name, std::move(what));
  }
};

TEST_F(Receive, ReadsTheReplyFromTheConnectionThatTheRequestWentOver) {
  SimServer bank(world, "bank", kLedgerPort);
  bank.on_bytes = [](SimPeer& at) { at.send("re: " + at.take()); };
  Flow& flow = make_flow("flow", 8);
  lines(flow) >> ask(flow) >> answer(flow) >> reply(flow);
  flow.deploy();

  std::vector<std::unique_ptr<SimPeer>> tills;
  for (int i = 0; i < 20; ++i) {
    tills.push_back(till("till" + std::to_string(i)));
    tills.back()->send("a" + std::to_string(i) + "\nb" + std::to_string(i) + "\n");
  }
  world.run_until_quiet();

  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i);
    EXPECT_THAT(tills[i]->received(),
                ::testing::AnyOf("re: a" + n + "\nre: b" + n + "\n", "re: b" + n + "\nre: a" + n + "\n"));
  }
}

TEST_F(Receive, TellsWhereTheRecordCameFrom) {
  SimServer bank(world, "bank", kLedgerPort);
  bank.on_bytes = [](SimPeer& at) { at.send(at.take()); };
  Flow& flow = make_flow();
  std::vector<std::string> told;
  lines(flow) >> ask(flow) >> answer(flow) >> work(flow, "look", [&](Message& m) {
    for (const char* field : {"hostname", "type", "sequence_number.input_record"}) {
      told.push_back(m.local_environment().find(std::string("tcpip.receive.") + field).value_or("nothing"));
    }
    EXPECT_EQ(m.local_environment().tcpip_input().input_record, 1u) << "where the message came from stays";
  });
  flow.deploy();

  auto peer = till();
  peer->send("a\n");
  world.run_until_quiet();

  EXPECT_THAT(told, ElementsAre("bank", "client", "1"));
}

TEST_F(Receive, ReadsAReplyThatComesByteByByte) {
  SimServer bank(world, "bank", kLedgerPort);
  world.profile().split_min = world.profile().split_max = 1;
  bank.on_bytes = [](SimPeer& at) {
    if (at.received().ends_with("\n")) at.send(at.take());
  };
  Flow& flow = make_flow();
  lines(flow) >> ask(flow) >> answer(flow) >> reply(flow);
  flow.deploy();

  auto peer = till();
  peer->send("a long enough request\nand another one\n");
  world.run_until_quiet();

  EXPECT_EQ(peer->received(), "a long enough request\nand another one\n");
}

TEST_F(Receive, GoesToTimeoutWhenNoByteComes) {
  SimServer bank(world, "bank", kLedgerPort);
  Flow& flow = make_flow();
  auto& receive = answer(flow, {.first_byte_timeout = 5s});
  receive.timeout >> note_failure(flow, "late");
  lines(flow) >> ask(flow) >> receive;
  flow.deploy();

  auto peer = till();
  peer->send("claim\n");
  world.run_for(4900ms);
  EXPECT_THAT(failures, IsEmpty());
  world.run_for(200ms);

  ASSERT_THAT(failures, SizeIs(1));
  EXPECT_TRUE(failures[0].is(Errc::timeout));
  EXPECT_THAT(failures[0].text, HasSubstr("first_byte_timeout"));
  EXPECT_THAT(failed_bodies, ElementsAre("claim"));
  EXPECT_EQ(snapshot("ledger").gauges.open, 1u);
}

TEST_F(Receive, LeavesUnreadWhatCameOfARecordThatIsLate) {
  SimServer bank(world, "bank", kLedgerPort);
  bank.on_bytes = [](SimPeer& at) { at.send("half a re"); };
  Flow& flow = make_flow();
  auto& receive = answer(flow, {.record_timeout = 2s});
  auto& again = flow.add<TcpipClientReceiveNode>(
      "again", {.connection_details = "ledger", .records = records::line_end()});
  receive.timeout >> again >> reply(flow);
  lines(flow) >> ask(flow) >> receive;
  flow.deploy();

  auto peer = till();
  peer->send("claim\n");
  world.run_for(3s);
  bank.peer(0).send("ply\n");
  world.run_until_quiet();

  EXPECT_EQ(peer->received(), "half a reply\n");
}

TEST_F(Receive, FailsWhereNobodyTakesItsTimeout) {
  SimServer bank(world, "bank", kLedgerPort);
  Flow& flow = make_flow();
  auto& input = lines(flow);
  input.catch_failure >> note_failure(flow, "report");
  input.out >> ask(flow) >> answer(flow, {.first_byte_timeout = 5s});
  flow.deploy();

  auto peer = till();
  peer->send("claim\n");
  world.run_for(6s);

  EXPECT_TRUE(failures.at(0).is(Errc::timeout));
  EXPECT_THAT(failed_nodes, ElementsAre("answer"));
}

TEST_F(Receive, WaitsNoLongerThanTheMessageAllows) {
  SimServer bank(world, "bank", kLedgerPort);
  Flow& flow = make_flow();
  auto& receive = answer(flow);
  receive.timeout >> note_failure(flow, "late");
  lines(flow) >>
      work(flow, "hurry", [](Message& m) { m.local_environment().receive_destination().timeout = 300ms; }) >>
      ask(flow) >> receive;
  flow.deploy();

  auto peer = till();
  peer->send("claim\n");
  world.run_for(250ms);
  EXPECT_THAT(failures, IsEmpty());
  world.run_for(100ms);

  EXPECT_THAT(failures, SizeIs(1));
}

TEST_F(Receive, FailsWhenThePeerClosesInsteadOfAnswering) {
  SimServer bank(world, "bank", kLedgerPort);
  bank.on_bytes = [](SimPeer& at) { at.close(); };
  Flow& flow = make_flow();
  auto& receive = answer(flow);
  receive.failure >> note_failure(flow, "report");
  lines(flow) >> ask(flow) >> receive;
  flow.deploy();

  auto peer = till();
  peer->send("claim\n");
  world.run_until_quiet();

  ASSERT_THAT(failures, SizeIs(1));
  EXPECT_TRUE(failures[0].is(Errc::connection_closed)) << failures[0].text;
}

TEST_F(Receive, FailsWithWhatCameWhenThePeerResetsInMidRecord) {
  SimServer bank(world, "bank", kLedgerPort);
  bank.on_bytes = [](SimPeer& at) { at.send("half a re"); };
  Flow& flow = make_flow();
  auto& receive = answer(flow);
  receive.failure >> note_failure(flow, "report");
  lines(flow) >> ask(flow) >> receive;
  flow.deploy();

  auto peer = till();
  peer->send("claim\n");
  world.run_until_quiet();
  bank.peer(0).reset();
  world.run_until_quiet();

  EXPECT_THAT(failed_bodies, ElementsAre("half a re"));
  EXPECT_TRUE(failures.at(0).is(Errc::record_incomplete)) << failures.at(0).text;
}

TEST_F(Receive, WithoutAnIdTakesTheFirstConnectionThatHasData) {
  SimServer bank(world, "bank", kLedgerPort);
  ledger.min_connections = 3;
  Flow& flow = make_flow();
  lines(flow) >> answer(flow, {.connection = ConnectionChoice::any}) >> reply(flow);
  flow.deploy();
  world.run_until_quiet();
  ASSERT_EQ(bank.accepted(), 3u);

  auto peer = till();
  peer->send("anything new?\n");
  world.run_for(1s);
  bank.peer(1).send("yes, from 1\n");
  world.run_until_quiet();

  EXPECT_EQ(peer->received(), "yes, from 1\n");
}

TEST_F(Receive, OfAServerReadsTheNextRecordOfTheConnectionThatItsMessageCameFrom) {
  Flow& flow = make_flow("flow", 1);
  std::vector<std::string> pairs;
  auto& first = work(flow, "first", [](Message& m) { m.local_environment().set("first", m.body()); });
  auto& second = flow.add<TcpipServerReceiveNode>(
      "second", {.connection_details = "pos", .records = records::line_end()});
  auto& join = work(flow, "join", [&](Message& m) {
    pairs.push_back(*m.local_environment().get("first") + "+" + m.body());
  });
  lines(flow) >> first >> second >> join;
  flow.deploy();

  auto peer = till();
  peer->send("a\nb\nc\n");  // one read: the Input node has the stream in its hands
  world.run_until_quiet();
  peer->send("d\n");
  world.run_until_quiet();

  EXPECT_THAT(pairs, ElementsAre("a+b", "c+d"));
}

TEST_F(Receive, GetsAStreamWhoseRecordStandsInLineForTheInstanceThatItHolds) {
  SimServer bank(world, "bank", kLedgerPort);
  world.at("bank", kLedgerPort).latency_min = world.at("bank", kLedgerPort).latency_max = 50ms;
  bank.on_bytes = [](SimPeer& at) { at.send(at.take()); };
  Flow& flow = make_flow("flow", 1);
  std::vector<std::string> came;
  auto& second = flow.add<TcpipServerReceiveNode>(
      "second", {.connection_details = "pos", .records = records::line_end()});
  lines(flow) >> ask(flow) >> answer(flow) >> note(flow, "first record", came) >> second >>
      note(flow, "second record", came);
  flow.deploy();

  auto peer = till();
  peer->send("a\nb\n");
  world.run_for(1s);

  EXPECT_THAT(came, ElementsAre("a", "b"));
}

TEST_F(Receive, TakesTheLengthThatTheMessageTells) {
  SimServer bank(world, "bank", kLedgerPort);
  bank.on_bytes = [](SimPeer& at) {
    at.take();
    at.send("123456789");
  };
  Flow& flow = make_flow();
  auto& receive = answer(flow, {.records = records::fixed_length(2)});
  lines(flow) >>
      work(flow, "length", [](Message& m) { m.local_environment().receive_destination().length = 5; }) >>
      ask(flow) >> receive >> reply(flow);
  flow.deploy();

  auto peer = till();
  peer->send("claim\n");
  world.run_until_quiet();

  EXPECT_EQ(peer->received(), "12345\n");
}

TEST_F(Receive, RefusesALengthOfNothing) {
  SimServer bank(world, "bank", kLedgerPort);
  Flow& flow = make_flow();
  auto& receive = answer(flow, {.records = records::fixed_length(2)});
  receive.failure >> note_failure(flow, "report");
  lines(flow) >>
      work(flow, "length", [](Message& m) { m.local_environment().receive_destination().length = 0; }) >>
      ask(flow) >> receive;
  flow.deploy();

  auto peer = till();
  peer->send("claim\n");
  world.run_until_quiet();

  EXPECT_THAT(failures, SizeIs(1));
}

TEST_F(Receive, GivesTheReplyIdThatTheOutputLeftAndForgetsItWithRelease) {
  SimServer bank(world, "bank", kLedgerPort);
  bank.on_bytes = [](SimPeer& at) { at.send(at.take()); };
  ledger.max_connections = 1;
  Flow& flow = make_flow();
  std::vector<std::string> reply_ids;
  auto& mark = work(flow, "mark", [](Message& m) {
    if (m.body() == "with") m.local_environment().output_destination().reply_id = "for desk 7";
  });
  auto& receive = answer(flow, {.input_stream = StreamChange::release});
  auto& look = work(flow, "look", [&](Message& m) {
    reply_ids.push_back(m.local_environment().find("tcpip.receive.reply_id").value_or("none"));
  });
  lines(flow) >> mark >> ask(flow) >> receive >> look;
  flow.deploy();

  auto peer = till();
  peer->send("with\n");
  world.run_until_quiet();
  peer->send("without\n");
  world.run_until_quiet();

  EXPECT_THAT(reply_ids, ElementsAre("for desk 7", "none"));
}

TEST_F(Receive, ReadsInAnotherFlowWhatWasReservedForWhoeverKnowsTheId) {
  SimServer bank(world, "bank", kLedgerPort);
  ledger.max_connections = 1;
  std::string token;
  Flow& asking = make_flow("asking");
  auto& request = asking.add<TcpipClientOutputNode>("request", {.connection_details = "ledger",
                                                                .records = records::line_end(),
                                                                .input_stream = StreamChange::reserve});
  auto& keep = work(asking, "keep", [&](Message& m) {
    token = m.local_environment().find("written_destination.tcpip.output[0].connection.id").value();
  });
  lines(asking) >> request >> keep;
  asking.deploy();
  Flow& fetching = make_flow("fetching");
  auto& desk = fetching.add<TcpipServerInputNode>(
      "desk", {.connection_details = "7791", .records = records::line_end()});
  auto& name_it = work(fetching, "name it", [&](Message& m) { m.local_environment().set("token", token); });
  auto& fetch = fetching.add<TcpipClientReceiveNode>("fetch", {.connection_details = "ledger",
                                                               .records = records::line_end(),
                                                               .connection = ConnectionChoice::required,
                                                               .id_location = "token",
                                                               .input_stream = StreamChange::release});
  auto& give = fetching.add<TcpipServerOutputNode>(
      "give", {.connection_details = "7791", .records = records::line_end()});
  desk.out >> name_it >> fetch >> give;
  fetching.deploy();

  auto asker = till();
  asker->send("how much?\n");
  world.run_until_quiet();
  bank.peer(0).send("17\n");
  world.run_until_quiet();
  EXPECT_EQ(snapshot("ledger").gauges.used, 1u) << "reserved beyond the end of the flow";
  SimPeer fetcher(world, "fetcher", "localhost", 7791);
  fetcher.send("now\n");
  world.run_until_quiet();

  EXPECT_EQ(fetcher.received(), "17\n");
}

}  // namespace
}  // namespace connmgr::testing

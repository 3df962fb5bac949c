// Output nodes: SPEC N4, N6, N9, N10, S4, S5.
#include "nodes/output_node.h"

#include "tests/nodes/flow_fixture.h"

namespace connmgr::testing {
namespace {

using nodes::ComputeNode;
using nodes::ConnectionChoice;
using nodes::Flow;
using nodes::Message;
using nodes::OutputSettings;
using nodes::TcpipClientOutputNode;
using nodes::TcpipServerInputNode;
using nodes::TcpipServerOutputNode;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Output : public FlowTest {
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
  TcpipClientOutputNode& to_ledger(Flow& flow, OutputSettings settings = {}) {
    settings.connection_details = "ledger";
    return flow.add<TcpipClientOutputNode>("to ledger", settings);
  }
  ComputeNode& work(Flow& flow, const std::string& name, std::function<void(Message&)> what) {
    return flow.add<ComputeNode>(name, std::move(what));
  }
};

TEST_F(Output, IsToldThatTheConnectionIsBusyWhenAnotherFlowHasReservedItSince) {  // N10
  Flow& flow = make_flow();
  auto used = group().use(ServiceKind::server, "pos");
  ASSERT_TRUE(used);
  ConnectionId reserved;
  auto& respond = reply(flow);
  respond.failure >> note_failure(flow, "failed");
  lines(flow) >> work(flow, "another flow reserves",
                      [&](Message& m) {
                        OnShard& here = *io::Shard::current();
                        reserved = m.local_environment().tcpip_input().id();
                        (*used)->acquire(here, {.id = reserved, .holder = {.flow = 999, .iteration = 7}},
                                         [](OnShard& there, Result<StreamLease> granted) {
                                           granted->then(StreamChange::reserve);
                                           granted->give_back(there);
                                         });
                      }) >>
      respond;
  flow.deploy();

  auto peer = till();
  peer->send("hello\n");
  world.run_until_quiet();

  ASSERT_THAT(failures, SizeIs(1));
  EXPECT_TRUE(failures[0].is(Errc::stream_busy)) << failures[0].text;
  EXPECT_EQ(peer->received(), "");
  (*used)->modify(reserved, Direction::output, StreamChange::release);
  world.run_until_quiet();
  used->end();
}

TEST_F(Output, RepliesToTheConnectionThatTheRecordCameFrom) {
  Flow& flow = make_flow("flow", 4);
  lines(flow) >> reply(flow);
  flow.deploy();

  std::vector<std::unique_ptr<SimPeer>> tills;
  for (int i = 0; i < 20; ++i) {
    tills.push_back(till("till" + std::to_string(i)));
    tills.back()->send("from " + std::to_string(i) + "\n");
  }
  world.run_until_quiet();

  for (int i = 0; i < 20; ++i) EXPECT_EQ(tills[i]->received(), "from " + std::to_string(i) + "\n");
}

TEST_F(Output, WritesARecordInTheFramingOfItsOwn) {
  SimServer bank(world, "bank", kLedgerPort);
  Flow& flow = make_flow();
  lines(flow) >> to_ledger(flow, {.records = records::length_prefix(2)});
  flow.deploy();

  auto peer = till();
  peer->send("claim 1\n");
  world.run_until_quiet();

  EXPECT_EQ(bank.peer(0).received(), std::string("\0\x07"
                                                 "claim 1",
                                                 9));
}

TEST_F(Output, TellsWhatWasWrittenAndWhere) {
  SimServer bank(world, "bank", kLedgerPort);
  Flow& flow = make_flow();
  std::vector<std::string> told;
  auto& look = work(flow, "look", [&](Message& m) {
    const auto& environment = m.local_environment();
    EXPECT_EQ(environment.written().size(), 1u);
    const std::string base = "written_destination.tcpip.output[0].";
    for (const char* field : {"outcome", "hostname", "port", "sequence_number.output_record"}) {
      told.push_back(environment.find(base + field).value_or("nothing"));
    }
  });
  lines(flow) >> to_ledger(flow) >> look;
  flow.deploy();

  auto peer = till();
  peer->send("a\nb\n");
  world.run_until_quiet();

  EXPECT_THAT(told, ElementsAre("handed", "bank", "7800", "1", "handed", "bank", "7800", "2"));
}

TEST_F(Output, GoesByAnIdFromTheEnvironment) {
  Flow& flow = make_flow();
  std::string first;  // the id of whoever came first, as text that may lie anywhere
  auto& mark = work(flow, "mark", [&](Message& m) {
    if (first.empty()) first = m.local_environment().find("tcpip.input.connection.id").value();
    m.local_environment().set("to", first);
  });
  auto& to_first = flow.add<TcpipServerOutputNode>("to first", {.connection_details = "pos",
                                                                .records = records::line_end(),
                                                                .connection = ConnectionChoice::by_id,
                                                                .id_location = "to"});
  lines(flow) >> mark >> to_first;
  flow.deploy();

  auto one = till("one");
  one->send("I am first\n");
  world.run_until_quiet();
  auto two = till("two");
  two->send("I am not\n");
  world.run_until_quiet();

  EXPECT_EQ(one->received(), "I am first\nI am not\n");
  EXPECT_EQ(two->received(), "");
}

TEST_F(Output, GoesByTheIdInItsOverrideFirst) {
  Flow& flow = make_flow();
  ConnectionId first;
  auto& mark = work(flow, "mark", [&](Message& m) {
    if (!first) first = m.local_environment().tcpip_input().id();
    m.local_environment().output_destination().id = first;
  });
  lines(flow) >> mark >> reply(flow);
  flow.deploy();

  auto one = till("one");
  one->send("I am first\n");
  world.run_until_quiet();
  auto two = till("two");
  two->send("I am not\n");
  world.run_until_quiet();

  EXPECT_EQ(one->received(), "I am first\nI am not\n");
}

TEST_F(Output, FailsWithoutAnIdWhereOneIsRequired) {
  SimServer bank(world, "bank", kLedgerPort);
  Flow& flow = make_flow();
  auto& output = to_ledger(flow, {.connection = ConnectionChoice::required, .id_location = "account"});
  output.failure >> note_failure(flow, "report");
  lines(flow) >> output;
  flow.deploy();

  auto peer = till();
  peer->send("claim\n");
  world.run_until_quiet();

  EXPECT_TRUE(failures.at(0).is(Errc::id_required));
  EXPECT_THAT(failures.at(0).text, HasSubstr("account"));
  EXPECT_THAT(failed_bodies, ElementsAre("claim"));
}

TEST_F(Output, NeverTakesAnotherConnectionWhenTheOneItCameFromIsGone) {
  SimServer bank(world, "bank", kLedgerPort);
  world.at("bank", kLedgerPort).latency_min = world.at("bank", kLedgerPort).latency_max = 100ms;
  Flow& flow = make_flow();
  auto& answer = reply(flow);
  answer.failure >> note_failure(flow, "report");
  lines(flow) >> to_ledger(flow) >> answer;
  flow.deploy();

  auto bystander = till("bystander");
  auto peer = till();
  peer->send("claim\n");
  world.run_for(50ms);  // the ledger is still being connected
  peer->reset();
  world.run_until_quiet();

  ASSERT_THAT(failures, SizeIs(1));
  EXPECT_TRUE(failures[0].is(Errc::connection_closed)) << failures[0].text;
  EXPECT_EQ(bystander->received(), "");
}

TEST_F(Output, ToAnyUsesWhateverIsAvailable) {
  SimServer bank(world, "bank", kLedgerPort);
  ledger.min_connections = 2;
  ledger.selection = Selection::round_robin;
  Flow& flow = make_flow();
  lines(flow) >> to_ledger(flow, {.records = records::line_end(), .connection = ConnectionChoice::any});
  flow.deploy();
  world.run_until_quiet();

  auto peer = till();
  peer->send("a\nb\nc\nd\n");
  world.run_until_quiet();

  ASSERT_EQ(bank.accepted(), 2u);
  EXPECT_EQ(bank.peer(0).received().size(), 4u);
  EXPECT_EQ(bank.peer(1).received().size(), 4u);
}

TEST_F(Output, TellsWhyThePeerCannotBeReached) {
  ledger.connection_timeout = 2s;
  Flow& flow = make_flow();
  auto& input = lines(flow);
  input.catch_failure >> note_failure(flow, "report");
  input.out >> to_ledger(flow);
  flow.deploy();

  auto peer = till();
  peer->send("claim\n");
  world.run_for(3s);

  ASSERT_THAT(failures, SizeIs(1));
  EXPECT_THAT(failed_nodes, ElementsAre("to ledger"));
  EXPECT_THAT(failures[0].text, HasSubstr("bank:7800"));
  EXPECT_THAT(failures[0].text, HasSubstr("refused"));
  EXPECT_THAT(failed_bodies, ElementsAre("claim"));
}

TEST_F(Output, WaitsNoLongerThanTheMessageAllows) {
  world.at("bank", kLedgerPort).way = SimWay::hang;
  Flow& flow = make_flow();
  auto& output = to_ledger(flow);
  output.failure >> note_failure(flow, "report");
  lines(flow) >>
      work(flow, "hurry", [](Message& m) { m.local_environment().output_destination().timeout = 300ms; }) >>
      output;
  flow.deploy();

  auto peer = till();
  peer->send("claim\n");
  world.run_for(250ms);
  EXPECT_THAT(failures, IsEmpty());
  world.run_for(100ms);

  EXPECT_THAT(failures, SizeIs(1));
}

TEST_F(Output, GivesUpASendThatThePeerDoesNotTake) {
  SimServer bank(world, "bank", kLedgerPort);
  world.at("bank", kLedgerPort).receive_buffer = 1000;
  world.at("bank", kLedgerPort).send_buffer = 1000;
  bank.on_accept = [](SimPeer& at) { at.stop_reading(); };
  Flow& flow = make_flow();
  auto& output = to_ledger(flow, {.send_timeout = 10s});
  output.failure >> note_failure(flow, "report");
  lines(flow) >> output;
  flow.deploy();

  auto peer = till();
  peer->send(std::string(100'000, 'x') + "\n");
  world.run_for(9s);
  EXPECT_THAT(failures, IsEmpty());
  world.run_for(2s);

  ASSERT_THAT(failures, SizeIs(1));
  EXPECT_TRUE(failures[0].is(Errc::timeout)) << failures[0].text;
  EXPECT_THAT(failures[0].text, HasSubstr("send_timeout"));
  EXPECT_EQ(snapshot("ledger").counters.closed_by_cause[static_cast<int>(CloseCause::send_cut)], 1u)
      << "a stream that carried a cut record is closed (N9)";
}

TEST_F(Output, SendsNothingOfABodyThatDoesNotFit) {
  SimServer bank(world, "bank", kLedgerPort);
  Flow& flow = make_flow();
  auto& output = to_ledger(flow, {.records = records::fixed_length(4)});
  output.failure >> note_failure(flow, "report");
  lines(flow) >> output;
  flow.deploy();

  auto peer = till();
  peer->send("ok\ntoo long\nalso\n");
  world.run_until_quiet();

  EXPECT_EQ(bank.peer(0).received(), "ok  also");
  EXPECT_THAT(failed_bodies, ElementsAre("too long"));
  EXPECT_TRUE(failures.at(0).is(Errc::record_too_long));
}

TEST_F(Output, ReservesTheInputBeforeItWritesSoThatNobodyElseReadsTheReply) {
  SimServer bank(world, "bank", kLedgerPort);
  bank.on_bytes = [](SimPeer& at) { at.send("reply to " + at.take()); };
  ledger.max_connections = 1;
  Flow& thief = make_flow("thief", 4);  // takes whatever comes over the ledger's connection
  std::vector<std::string> stolen;
  thief.add<nodes::TcpipClientInputNode>("thief",
                                         {.connection_details = "ledger", .records = records::line_end()})
          .out >>
      note(thief, "stolen", stolen);
  thief.deploy();
  Flow& flow = make_flow();
  auto& ask =
      to_ledger(flow, {.records = records::line_end(), .input_stream = StreamChange::reserve_until_flow_end});
  auto& answer = flow.add<nodes::TcpipClientReceiveNode>(
      "answer", {.connection_details = "ledger", .records = records::line_end()});
  lines(flow) >> ask >> answer >> reply(flow);
  flow.deploy();

  auto peer = till();
  peer->send("one\ntwo\n");
  world.run_until_quiet();
  bank.peer(0).send("unasked\n");
  world.run_until_quiet();

  EXPECT_EQ(peer->received(), "reply to one\nreply to two\n");
  EXPECT_THAT(stolen, ElementsAre("unasked")) << "after the flow the stream is everybody's again";
}

TEST_F(Output, UndoesItsReservationWhenTheWriteFails) {
  SimServer bank(world, "bank", kLedgerPort);
  ledger.min_connections = 1;
  Flow& flow = make_flow();
  auto& ask = to_ledger(flow, {.records = records::fixed_length(4), .input_stream = StreamChange::reserve});
  ask.failure >> note_failure(flow, "report");
  lines(flow) >> ask;
  flow.deploy();

  auto peer = till();
  peer->send("too long\n");
  world.run_until_quiet();

  EXPECT_THAT(failures, SizeIs(1));
  EXPECT_EQ(snapshot("ledger").gauges.used, 0u);
  EXPECT_EQ(snapshot("ledger").gauges.open, 1u);
}

TEST_F(Output, KeepsAReservationUntilFlowEndThroughEveryEnd) {
  SimServer bank(world, "bank", kLedgerPort);
  ledger.max_connections = 1;
  ledger.connection_timeout = 1s;
  Flow& flow = make_flow();
  auto& ask = to_ledger(flow, {.records = records::line_end(),
                               .input_stream = StreamChange::reserve_until_flow_end,
                               .output_stream = StreamChange::reserve_until_flow_end});
  std::uint32_t used_inside = 0;
  auto& look = flow.add<ComputeNode>("look", [&](Message& m) {
    used_inside = std::max(used_inside, snapshot("ledger").gauges.used);
    if (m.body() == "throw") throw std::runtime_error("no");
  });
  lines(flow) >> ask >> look;
  flow.deploy();

  auto peer = till();
  for (const char* record : {"end\n", "throw\n", "end\n", "throw\n", "end\n"}) {
    peer->send(record);
    world.run_until_quiet();
    EXPECT_EQ(snapshot("ledger").gauges.used, 0u) << record;
  }

  EXPECT_EQ(used_inside, 1u);
  EXPECT_EQ(bank.peer(0).received(), "end\nthrow\nend\nthrow\nend\n");
  EXPECT_THAT(unrouted_failures, SizeIs(2));
}

TEST_F(Output, TellsTheInputNodeOfASendThatFailedAfterItsWayWasOver) {
  SimServer bank(world, "bank", kLedgerPort);
  Flow& flow = make_flow();
  lines(flow) >> to_ledger(flow);  // nothing follows: the iteration does not wait for the send
  flow.deploy();
  world.at("bank", kLedgerPort).to_server.fail_write_after = 3;

  auto peer = till();
  peer->send("claim\n");
  world.run_until_quiet();

  ASSERT_THAT(unrouted_failures, SizeIs(1));
  EXPECT_EQ(unrouted_failures[0].node, "to ledger");
}

TEST_F(Output, GivesAFailedSendToCatchWhereThatIsWired) {
  SimServer bank(world, "bank", kLedgerPort);
  Flow& flow = make_flow();
  auto& input = lines(flow);
  input.out >> work(flow, "change", [](Message& m) { m.set_body("changed"); }) >> to_ledger(flow);
  input.catch_failure >> note_failure(flow, "report");
  flow.deploy();
  world.at("bank", kLedgerPort).to_server.fail_write_after = 3;

  auto peer = till();
  peer->send("claim\n");
  world.run_until_quiet();

  EXPECT_THAT(failed_bodies, ElementsAre("claim"));
}

TEST_F(Output, HoldsBackAPeerThatSendsAndDoesNotRead) {
  world.profile().send_buffer = world.profile().receive_buffer = 4096;
  Flow& flow = make_flow();
  std::size_t at_most = 0;
  std::size_t records = 0;
  lines(flow) >>
      work(flow, "count", [&](Message& m) { at_most = std::max(at_most, ++records * m.body().size()); }) >>
      reply(flow);
  flow.deploy();

  auto peer = till();
  peer->stop_reading();
  std::string sent;
  for (int i = 0; i < 2000; ++i) sent += std::string(999, 'x') + "\n";
  peer->send(sent);
  world.run_until_quiet();

  EXPECT_LT(at_most, 600'000u) << "the replies of 2 MB would fill the memory";
  peer->read_on();
  world.run_until_quiet();
  EXPECT_EQ(peer->received().size(), sent.size());
}

TEST_F(Output, GoesToTheAddressThatTheMessageNames) {
  SimServer bank(world, "bank", kLedgerPort);
  SimServer branch(world, "branch", 7900);
  Flow& flow = make_flow();
  auto& address = work(flow, "address", [](Message& m) {
    if (m.body() == "here") return;
    m.local_environment().output_destination().hostname = "branch";
    m.local_environment().output_destination().port = 7900;
  });
  lines(flow) >> address >> to_ledger(flow, {.records = records::line_end()});
  flow.deploy();

  auto peer = till();
  peer->send("there\nhere\nthere again\n");
  world.run_until_quiet();

  EXPECT_EQ(bank.peer(0).received(), "here\n");
  EXPECT_EQ(branch.peer(0).received(), "there\nthere again\n");
  EXPECT_EQ(branch.accepted(), 1u);
  EXPECT_EQ(snapshot("ledger@branch:7900").gauges.open, 1u);
}

TEST_F(Output, OfAServerDoesNotGoToAnAddress) {
  Flow& flow = make_flow();
  auto& output = reply(flow);
  output.failure >> note_failure(flow, "report");
  lines(flow) >> work(flow, "address",
                      [](Message& m) { m.local_environment().output_destination().hostname = "branch"; }) >>
      output;
  flow.deploy();

  auto peer = till();
  peer->send("claim\n");
  world.run_until_quiet();

  EXPECT_TRUE(failures.at(0).is(Errc::not_allowed));
}

class OutputOnTwoShards : public Output {
 protected:
  OutputOnTwoShards() : Output(2) {}
};

TEST_F(OutputOnTwoShards, GoesToTheShardOfTheConnectionAndBackWithTheReply) {
  SimServer bank(world, "bank", kLedgerPort);
  ledger.max_connections = 1;
  Flow& flow = make_flow("flow", 3);
  lines(flow) >> to_ledger(flow, {.records = records::line_end()}) >> reply(flow);
  flow.deploy();

  std::vector<std::unique_ptr<SimPeer>> tills;
  for (int i = 0; i < 8; ++i) {
    tills.push_back(till("till" + std::to_string(i)));
    for (int j = 0; j < 50; ++j) tills.back()->send(std::to_string(i) + "-" + std::to_string(j) + "\n");
  }
  world.run_until_quiet();

  for (int i = 0; i < 8; ++i) {
    std::string expected;
    for (int j = 0; j < 50; ++j) expected += std::to_string(i) + "-" + std::to_string(j) + "\n";
    EXPECT_EQ(tills[i]->received().size(), expected.size());
  }
  EXPECT_EQ(bank.peer(0).received().size(), 8u * (10 * 4 + 40 * 5));
}

}  // namespace
}  // namespace connmgr::testing

// Flows: deployment and its end, instances (N7), terminals with several wires, S5, the readme's promises.
#include "nodes/flow.h"

#include <random>
#include <set>
#include <sstream>

#include "nodes/samples/samples.h"
#include "tests/nodes/flow_fixture.h"

namespace connmgr::testing {
namespace {

using nodes::ComputeNode;
using nodes::Flow;
using nodes::Message;
using nodes::Route;
using nodes::TcpipClientOutputNode;
using nodes::TcpipClientReceiveNode;
using nodes::TcpipServerInputNode;
using nodes::TcpipServerOutputNode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FlowOf : public FlowTest {
 protected:
  using FlowTest::FlowTest;

  TcpipServerInputNode& lines(Flow& flow) {
    return flow.add<TcpipServerInputNode>("lines",
                                          {.connection_details = "pos", .records = records::line_end()});
  }
  TcpipServerOutputNode& reply(Flow& flow, const std::string& name = "reply") {
    return flow.add<TcpipServerOutputNode>(name,
                                           {.connection_details = "pos", .records = records::line_end()});
  }
  ComputeNode& work(Flow& flow, const std::string& name, std::function<void(Message&)> what) {
    return flow.add<ComputeNode>(name, std::move(what));
  }
  // Asks the ledger and waits for its answer: what makes an iteration last.
  ComputeNode& ask_ledger(Flow& flow, nodes::MidFlowNode& before) {
    auto& ask =
        flow.add<TcpipClientOutputNode>("ask", {.connection_details = "ledger",
                                                .records = records::line_end(),
                                                .input_stream = StreamChange::reserve_until_flow_end});
    auto& answer = flow.add<TcpipClientReceiveNode>(
        "answer", {.connection_details = "ledger", .records = records::line_end()});
    auto& after = flow.add<ComputeNode>("after", [this](Message&) { --at_work; });
    before >> ask >> answer >> after;
    return after;
  }
  ComputeNode& enter(Flow& flow) {
    return work(flow, "enter", [this](Message&) { most_at_work = std::max(most_at_work, ++at_work); });
  }

  int at_work = 0;
  int most_at_work = 0;
};

class FlowOfInstances : public FlowOf, public ::testing::WithParamInterface<unsigned> {
 protected:
  FlowOfInstances() : FlowOf(2) {}
};

TEST_P(FlowOfInstances, WorksOnAsManyMessagesAtOnceAsItHasInstances) {
  SimServer bank(world, "bank", kLedgerPort);
  world.at("bank", kLedgerPort).latency_min = world.at("bank", kLedgerPort).latency_max = 5ms;
  bank.on_bytes = [](SimPeer& at) { at.send(at.take()); };
  Flow& flow = make_flow("flow", GetParam());
  auto& entrance = enter(flow);
  lines(flow) >> entrance;
  ask_ledger(flow, entrance) >> reply(flow);
  flow.deploy();

  std::vector<std::unique_ptr<SimPeer>> tills;
  for (int i = 0; i < 12; ++i) {
    tills.push_back(till("till" + std::to_string(i)));
    tills.back()->send("a\nb\nc\n");
  }
  world.run_until_quiet();

  EXPECT_EQ(most_at_work, static_cast<int>(GetParam()));
  for (const auto& peer : tills) EXPECT_EQ(peer->received().size(), 6u);
  EXPECT_EQ(flow.figures().ended, 36u);
}

INSTANTIATE_TEST_SUITE_P(Counts, FlowOfInstances, ::testing::Values(1u, 2u, 5u, 12u));

TEST_F(FlowOf, ServesRecordsInTheOrderInWhichTheyStoodInLine) {
  SimServer bank(world, "bank", kLedgerPort);
  bank.on_bytes = [](SimPeer& at) { at.send(at.take()); };
  Flow& flow = make_flow("flow", 1);
  std::vector<std::string> order;
  auto& entrance = work(flow, "enter", [&](Message& m) { order.push_back(m.body()); });
  lines(flow) >> entrance;
  ask_ledger(flow, entrance) >> reply(flow);
  flow.deploy();

  std::vector<std::unique_ptr<SimPeer>> tills;
  std::vector<std::string> expected;
  for (int i = 0; i < 6; ++i) {
    expected.push_back("t" + std::to_string(i));
    tills.push_back(till(expected.back()));
    tills.back()->send(expected.back() + "\n");
    world.run_for(1us);
  }
  world.run_until_quiet();

  EXPECT_EQ(order, expected);
}

TEST_F(FlowOf, GivesEachNodeBehindOneTerminalTheMessageAsItLeftIt) {
  Flow& flow = make_flow();
  std::vector<std::string> seen;
  auto& input = lines(flow);
  auto& first = work(flow, "first", [](Message& m) {
    m.set_body("changed by the first");
    m.local_environment().set("mark", "1");
  });
  auto& second = work(flow, "second", [&](Message& m) {
    seen.push_back(m.body() + "/" + m.local_environment().find("mark").value_or("unmarked"));
    m.edit_body() += " second";
  });
  input.out >> first >> reply(flow);
  input.out >> second >> reply(flow, "reply 2");
  flow.deploy();

  auto peer = till();
  peer->send("record\n");
  world.run_until_quiet();

  EXPECT_THAT(seen, ElementsAre("record/unmarked"));
  EXPECT_EQ(peer->received(), "changed by the first\nrecord second\n");
  EXPECT_EQ(flow.figures().started, 1u);
}

TEST_F(FlowOf, DoesNotTakeOtherBranchesWhenOneFails) {
  Flow& flow = make_flow();
  std::vector<std::string> seen;
  auto& input = lines(flow);
  input.out >> work(flow, "first", [](Message&) { throw std::runtime_error("no"); });
  input.out >> note(flow, "second", seen);
  input.catch_failure >> note_failure(flow, "report");
  flow.deploy();

  auto peer = till();
  peer->send("record\n");
  world.run_until_quiet();

  EXPECT_THAT(seen, IsEmpty());
  EXPECT_THAT(failed_bodies, ElementsAre("record"));
}

TEST_F(FlowOf, TakesTheWayThatUserCodeNames) {
  enum { urgent, normal };
  Flow& flow = make_flow();
  std::vector<std::string> pager;
  std::vector<std::string> letters;
  auto& sort = flow.add<ComputeNode>("sort", {{"urgent", "normal"}, [](Message& m) {
                                                if (m.body().empty()) return Route::drop();
                                                return Route::to(m.body()[0] == '!' ? urgent : normal);
                                              }});
  lines(flow) >> sort;
  sort.terminal(urgent) >> note(flow, "pager", pager);
  sort.terminal(normal) >> note(flow, "letters", letters);
  flow.deploy();

  auto peer = till();
  peer->send("!fire\n\nhello\n");
  world.run_until_quiet();

  EXPECT_THAT(pager, ElementsAre("!fire"));
  EXPECT_THAT(letters, ElementsAre("hello"));
  EXPECT_EQ(flow.figures().ended, 3u);
}

TEST_F(FlowOf, TellsFlowNodeAndCauseWhenItCannotBeDeployed) {
  Flow& good = make_flow("good");
  lines(good) >> reply(good);
  good.deploy();
  Flow& bad = make_flow("bad");
  bad.add<TcpipServerInputNode>("here too", {.connection_details = "7791"});
  bad.add<TcpipClientOutputNode>("nowhere", {.connection_details = "ledgre"});

  const auto deployed = bad.try_deploy();

  ASSERT_FALSE(deployed);
  EXPECT_TRUE(deployed.error().is(Errc::unknown_service));
  EXPECT_THAT(deployed.error().text, HasSubstr("flow 'bad', node 'nowhere'"));
  EXPECT_THAT(deployed.error().text, HasSubstr("'ledgre'"));
  world.run_until_quiet();
  EXPECT_EQ(snapshot("Default@7791").name, "") << "nothing is left of it";
  auto peer = till();
  peer->send("still here\n");
  world.run_until_quiet();
  EXPECT_EQ(peer->received(), "still here\n");
}

TEST_F(FlowOf, TellsWhoHasThePort) {
  world.hold_port(kPosPort, "nginx (pid 17)");
  Flow& flow = make_flow("bad");
  lines(flow) >> reply(flow);

  try {
    flow.deploy();
    FAIL() << "deployed on a port that somebody else has";
  } catch (const nodes::DeployFailure& failure) {
    EXPECT_TRUE(failure.failure().is(Errc::port_in_use));
    EXPECT_THAT(failure.what(), HasSubstr("7790"));
    EXPECT_THAT(failure.what(), HasSubstr("nginx (pid 17)"));
  }
}

TEST_F(FlowOf, RefusesAFormatAndAPathThatMakeNoSense) {
  Flow& format = make_flow("format");
  format.add<TcpipServerInputNode>("in", {.connection_details = "pos", .records = records::fixed_length(0)});
  Flow& path = make_flow("path");
  path.add<TcpipServerOutputNode>("out",
                                  {.connection_details = "pos", .id_location = "tcpip.inptu.connection.id"});

  EXPECT_TRUE(format.try_deploy().error().is(Errc::invalid_configuration));
  EXPECT_THAT(path.try_deploy().error().text, HasSubstr("tcpip.inptu.connection.id"));
}

TEST_F(FlowOf, LetsMessagesUnderWayEndAndTakesNoNewOnesWhenItIsUndeployed) {
  SimServer bank(world, "bank", kLedgerPort);
  Flow& flow = make_flow("flow", 2);
  auto& entrance = enter(flow);
  lines(flow) >> entrance;
  ask_ledger(flow, entrance) >> reply(flow);
  flow.deploy();
  auto peer = till();
  peer->send("one\ntwo\nthree\nhalf");
  world.run_for(10ms);
  ASSERT_EQ(at_work, 2);

  flow.begin_undeploy();
  world.run_for(10ms);
  EXPECT_FALSE(flow.undeployed());
  for (std::size_t i = 0; i < bank.accepted(); ++i) bank.peer(i).send("answer\n");
  world.run_until_quiet();

  EXPECT_TRUE(flow.undeployed());
  EXPECT_EQ(flow.figures().started, 2u);
  EXPECT_EQ(peer->received(), "answer\nanswer\n");
}

TEST_F(FlowOf, CancelsWhatMessagesWaitForWhenUndeployingTakesTooLong) {
  SimServer bank(world, "bank", kLedgerPort);  // never answers
  ledger.max_connections = 1;
  ledger.connection_timeout = kForever;
  Flow& flow = make_flow("flow", 3);
  auto& entrance = enter(flow);
  lines(flow) >> entrance;
  ask_ledger(flow, entrance) >> reply(flow);
  flow.deploy();
  auto peer = till();
  peer->send("one\ntwo\nthree\nfour\n");
  world.run_for(1s);
  ASSERT_EQ(at_work, 3) << "one reads its answer, two wait for the connection";

  flow.begin_undeploy();
  world.run_for(29s);
  EXPECT_FALSE(flow.undeployed());
  world.run_for(2s);

  EXPECT_TRUE(flow.undeployed());
  EXPECT_EQ(flow.figures().ended, 3u);
}

TEST_F(FlowOf, CancelsSendsThatNobodyTakesWhenUndeployingTakesTooLong) {
  SimServer bank(world, "bank", kLedgerPort);
  world.at("bank", kLedgerPort).receive_buffer = world.at("bank", kLedgerPort).send_buffer = 1000;
  bank.on_accept = [](SimPeer& at) { at.stop_reading(); };
  Flow& flow = make_flow();
  lines(flow) >> flow.add<TcpipClientOutputNode>("last", {.connection_details = "ledger"});
  flow.deploy();
  auto peer = till();
  peer->send(std::string(20'000, 'x') + "\n");
  world.run_for(1s);
  ASSERT_EQ(flow.figures().ended, 1u) << "nothing waits for the send";

  flow.begin_undeploy();
  world.run_for(29s);
  EXPECT_FALSE(flow.undeployed());
  world.run_for(2s);

  EXPECT_TRUE(flow.undeployed());
  EXPECT_THAT(unrouted_failures, SizeIs(1));
}

TEST_F(FlowOf, RunsAgainWhenItIsDeployedAgain) {
  Flow& flow = make_flow();
  lines(flow) >> reply(flow);
  for (int round = 0; round < 3; ++round) {
    flow.deploy();
    auto peer = till();
    peer->send("hello\n");
    world.run_until_quiet();
    EXPECT_EQ(peer->received(), "hello\n");

    flow.begin_undeploy();
    ASSERT_TRUE(world.run_until([&flow] { return flow.undeployed(); }, 1min));
    world.run_until_quiet();
    EXPECT_EQ(peer->end(), io::ChannelEnd::clean) << "the last use of the manager ends it (G1)";
  }
}

TEST_F(FlowOf, SharesAManagerWithOtherFlows) {
  Flow& first = make_flow("first");
  lines(first) >> reply(first);
  first.deploy();
  Flow& second = make_flow("second");
  lines(second) >> work(second, "mark", [](Message& m) { m.edit_body() += " by the second"; }) >>
      reply(second);
  second.deploy();

  auto peer = till();
  for (int i = 0; i < 4; ++i) {
    peer->send("x\n");
    world.run_until_quiet();
  }

  EXPECT_EQ(first.figures().ended, 2u) << "Input nodes get streams in turn";
  EXPECT_EQ(second.figures().ended, 2u);
}

class Samples : public FlowOf {
 protected:
  Samples() : FlowOf(2) {}
};

TEST_F(Samples, PassExpensesOnAndAcknowledgeEach) {
  SimServer bank(world, "bank", kLedgerPort);
  auto flow = nodes::samples::make_sample_flow(group(), "expenses");
  ASSERT_TRUE(flow);
  (*flow)->deploy();

  std::vector<std::unique_ptr<SimPeer>> tills;
  for (int i = 0; i < 5; ++i) {
    tills.push_back(till("till" + std::to_string(i)));
    tills.back()->send("c1 lunch 12.50\nc2 taxi\nc3\n");
    tills.back()->shutdown();
  }
  world.run_until_quiet();

  std::size_t bytes = 0;
  for (std::size_t i = 0; i < bank.accepted(); ++i) bytes += bank.peer(i).received().size();
  EXPECT_EQ(bytes, 5 * (4 + 14 + 4 + 7 + 4 + 2u));
  for (const auto& peer : tills) EXPECT_EQ(peer->received(), "OK c1\nOK c2\nOK c3\n");
  (*flow)->begin_undeploy();
  EXPECT_TRUE(world.run_until([&] { return (*flow)->undeployed(); }, 1min));
}

TEST_F(Samples, AskTheOrderSystemAndSayWhenItIsLate) {
  pos.name = "shop";
  ledger.name = "orders";
  SimServer system(world, "bank", kLedgerPort);
  system.on_bytes = [](SimPeer& at) {
    const std::string request = at.take().substr(4);
    if (request != "hard") at.send(std::string("\0\0\0\x02ok", 6));
  };
  auto flow = nodes::samples::make_sample_flow(group(), "orders");
  ASSERT_TRUE(flow);
  (*flow)->deploy();

  auto peer = till();
  peer->send("easy\nhard\n");
  world.run_for(10s);

  EXPECT_EQ(peer->received(), "ok\nTIMEOUT\n");
  (*flow)->begin_undeploy();
  EXPECT_TRUE(world.run_until([&] { return (*flow)->undeployed(); }, 1min));
}

TEST_F(Samples, AreNamedWhenOneIsAskedForThatThereIsNot) {
  const auto flow = nodes::samples::make_sample_flow(group(), "expense");

  ASSERT_FALSE(flow);
  EXPECT_THAT(flow.error().text, HasSubstr("expenses, orders"));
}

// Every way of cutting, delaying and breaking connections that the seed thinks of: no reply is doubled or
// goes astray, every message ends, and at the end nothing is left.
class FlowInChaos : public FlowOf, public ::testing::WithParamInterface<std::uint64_t> {
 protected:
  FlowInChaos() : FlowOf(3, GetParam()) {}
};

TEST_P(FlowInChaos, EndsEachIterationExactlyOnce) {
  SimServer bank(world, "bank", kLedgerPort);
  bank.on_bytes = [](SimPeer& at) {
    if (at.received().ends_with("\n")) at.send(at.take());
  };
  ledger.connection_timeout = 3s;
  ledger.max_connections = 4;
  world.chaos({.resets = 20, .ends = 10, .silences = 10, .refusals = 10, .hangs = 5, .fault_within = 200});
  Flow& flow = make_flow("flow", 3);
  std::size_t answered = 0;
  std::size_t failed = 0;
  auto& entrance = enter(flow);
  auto& input = flow.add<TcpipServerInputNode>(
      "lines", {.connection_details = "pos", .records = records::line_end(), .record_timeout = 2s});
  input.out >> entrance;
  auto& ask = flow.add<TcpipClientOutputNode>("ask", {.connection_details = "ledger",
                                                      .records = records::line_end(),
                                                      .send_timeout = 2s,
                                                      .input_stream = StreamChange::reserve_until_flow_end});
  auto& answer = flow.add<TcpipClientReceiveNode>("answer", {.connection_details = "ledger",
                                                             .records = records::line_end(),
                                                             .first_byte_timeout = 1s,
                                                             .record_timeout = 1s});
  auto& good = work(flow, "good", [&](Message&) { ++answered; });
  entrance >> ask >> answer >> good >> reply(flow);
  input.catch_failure >> work(flow, "bad", [&](Message&) { ++failed; });
  flow.deploy();

  std::mt19937_64 random(GetParam());
  std::vector<std::unique_ptr<SimPeer>> tills;
  for (int i = 0; i < 15; ++i) {
    tills.push_back(till("till" + std::to_string(i)));
    for (int j = 0; j < 6; ++j) {
      tills.back()->send(std::to_string(i) + "-" + std::to_string(j) + std::string(random() % 40, ' ') +
                         "\n");
    }
    const auto end = random() % 4;
    SimPeer* const peer = tills.back().get();
    const Duration wait = std::chrono::milliseconds(random() % 3000);
    if (end == 1) world.after(wait, [peer] { peer->shutdown(); });
    if (end == 2)
      world.after(wait, [peer] {
        if (peer->connected()) peer->reset();
      });
    if (end == 3) world.after(wait, [peer] { peer->send("half"); });
  }
  world.run_for(5min);

  const nodes::FlowFigures figures = flow.figures();
  EXPECT_EQ(figures.started, figures.ended);
  EXPECT_GE(answered + failed, figures.started);  // a reply may fail after the answer
  for (std::size_t i = 0; i < tills.size(); ++i) {
    std::set<std::string> replies;
    std::istringstream received(tills[i]->received());
    for (std::string line; std::getline(received, line) && !received.eof();) {  // a cut line is none
      EXPECT_TRUE(line.starts_with(std::to_string(i) + "-"))
          << "till " << i << " got the reply of another: " << line;
      EXPECT_TRUE(replies.insert(line).second) << "doubled: " << line;
    }
  }
  for (const char* manager : {"pos", "ledger"}) {
    EXPECT_EQ(snapshot(manager).counters.gets, snapshot(manager).counters.frees);
    EXPECT_EQ(snapshot(manager).gauges.waiting, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FlowInChaos, ::testing::ValuesIn(sim_seeds(60)));

}  // namespace
}  // namespace connmgr::testing

// Flows over real sockets on loopback: threads, the kernel, and no allocation per record. Also what the
// thread sanitizer looks at.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "bench/allocation_count.h"
#include "nodes/compute_node.h"
#include "nodes/flow.h"
#include "nodes/tcpip_nodes.h"

namespace connmgr::testing {
namespace {

// A blocking client; a read that takes too long fails the test instead of hanging it.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{30, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  bool send(std::string_view bytes) {
    return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  // Into memory of its own: a measurement may be under way.
  bool receive(std::size_t bytes) {
    received_.resize(bytes);
    for (std::size_t got = 0; got < bytes;) {
      const ssize_t n = ::recv(socket_, received_.data() + got, bytes - got, 0);
      if (n <= 0) return false;
      got += static_cast<std::size_t>(n);
    }
    return true;
  }
  const std::string& received() const { return received_; }

 private:
  int socket_;
  bool connected_ = false;
  std::string received_;
};

std::shared_ptr<ConfigurableService> service(ServiceKind kind, const std::string& name) {
  auto made = std::make_shared<ConfigurableService>();
  made->kind = kind;
  made->name = name;
  return made;
}

class LoopbackFlow : public ::testing::Test {
 protected:
  LoopbackFlow() : group(ExecutionGroupSettings{.shards = 2}) {
    auto pos = service(ServiceKind::server, "pos");
    pos->port_auto = true;
    auto bank = service(ServiceKind::server, "bank");
    bank->port_auto = true;
    auto ledger = service(ServiceKind::client, "ledger");
    ledger->hostname = "127.0.0.1";
    ledger->port_of = "bank";
    group.set_services({pos, bank, ledger});
  }

  // Gives each line back, over connections of `service`.
  static void build_echo(nodes::Flow& flow, const std::string& service) {
    auto& lines = flow.add<nodes::TcpipServerInputNode>(
        "lines", {.connection_details = service, .records = records::line_end()});
    auto& work = flow.add<nodes::ComputeNode>("work", [](nodes::Message& m) { m.set_body(m.body()); });
    auto& reply = flow.add<nodes::TcpipServerOutputNode>(
        "reply", {.connection_details = service, .records = records::line_end()});
    lines.out >> work >> reply;
  }
  std::uint16_t port_of(const std::string& manager) const {
    for (const ManagerSnapshot& one : group.snapshots()) {
      if (one.name == manager) return one.port;
    }
    return 0;
  }

  ExecutionGroup group;
};

TEST_F(LoopbackFlow, EchoesManyConnectionsAtOnce) {
  nodes::Flow flow(group, {.name = "echo", .instances = 4});
  build_echo(flow, "pos");
  flow.deploy();
  const std::uint16_t port = port_of("pos");

  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&good, port, i] {
      Client client(port);
      std::string batch;
      for (int j = 0; j < 50; ++j)
        batch += "client " + std::to_string(i) + " line " + std::to_string(j) + "\n";
      for (int round = 0; round < 20; ++round) {
        if (!client.send(batch) || !client.receive(batch.size()) || client.received() != batch) return;
      }
      ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(good, 8);
  flow.undeploy();
  EXPECT_EQ(flow.figures().ended, 8u * 20 * 50);
  EXPECT_EQ(flow.figures().unrouted, 0u);
}

TEST_F(LoopbackFlow, AsksAnotherFlowOverTheNetworkAndRepliesToWhoeverAsked) {
  nodes::Flow bank(group, {.name = "bank", .instances = 4});
  build_echo(bank, "bank");
  bank.deploy();
  nodes::Flow flow(group, {.name = "shop", .instances = 6});
  auto& lines =
      flow.add<nodes::TcpipServerInputNode>("lines", {.connection_details = "pos",
                                                      .records = records::line_end(),
                                                      .input_stream = StreamChange::reserve_until_flow_end});
  auto& ask =
      flow.add<nodes::TcpipClientOutputNode>("ask", {.connection_details = "ledger",
                                                     .records = records::line_end(),
                                                     .input_stream = StreamChange::reserve_until_flow_end});
  auto& answer = flow.add<nodes::TcpipClientReceiveNode>(
      "answer", {.connection_details = "ledger", .records = records::line_end()});
  auto& reply = flow.add<nodes::TcpipServerOutputNode>(
      "reply", {.connection_details = "pos", .records = records::line_end()});
  lines.out >> ask >> answer >> reply;
  flow.deploy();
  const std::uint16_t port = port_of("pos");

  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&good, port, i] {
      Client client(port);
      std::string batch;
      for (int j = 0; j < 10; ++j)
        batch += "client " + std::to_string(i) + " asks " + std::to_string(j) + "\n";
      for (int round = 0; round < 10; ++round) {
        if (!client.send(batch) || !client.receive(batch.size()) || client.received() != batch) return;
      }
      ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(good, 8);
  flow.undeploy();
  EXPECT_EQ(flow.figures().ended, 8u * 10 * 10);
  EXPECT_EQ(flow.figures().unrouted, 0u);
}

TEST_F(LoopbackFlow, RunsTheFlowThatTheReadmePrintsUntilASignal) {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &ending, &before);  // in the peer's thread too: only the group takes it
  std::string answer;
  std::thread peer;

  {
    // nodes/README.md, "A flow in twenty lines".
    nodes::Flow flow(group, {.name = "expenses", .instances = 8});
    auto& claims = flow.add<nodes::TcpipServerInputNode>(
        "claims", {.connection_details = "pos", .records = records::line_end()});
    auto& check =
        flow.add<nodes::ComputeNode>("check", [](nodes::Message& message) { message.set_body("OK"); });
    auto& reply = flow.add<nodes::TcpipServerOutputNode>(
        "reply", {.connection_details = "pos", .records = records::line_end()});
    auto& report = flow.add<nodes::ComputeNode>("report", [](nodes::Message& message) {
      std::cerr << message.local_environment().failure()->failure.text << '\n';
    });
    claims.out >> check >> reply;
    claims.failure >> report;
    flow.deploy();

    peer = std::thread([&answer, port = port_of("pos")] {
      Client client(port);
      if (client.send("lunch 12.50\n") && client.receive(3)) answer = client.received();
      ::kill(::getpid(), SIGTERM);
    });
    EXPECT_EQ(group.run_until_signal(), SIGTERM);
  }
  peer.join();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);

  EXPECT_EQ(answer, "OK\n");
}

TEST_F(LoopbackFlow, AllocatesNothingForARecordOnceItIsWarm) {
  nodes::Flow flow(group, {.name = "echo", .instances = 4});
  build_echo(flow, "pos");
  flow.deploy();
  Client client(port_of("pos"));
  std::string batch;
  for (int i = 0; i < 16; ++i) batch += std::string(127, 'x') + "\n";
  const std::string_view one(batch.data(), 128);
  const auto run = [&](int rounds) {
    for (int i = 0; i < rounds; ++i) {
      ASSERT_TRUE(client.send(batch) && client.receive(batch.size()));
      ASSERT_TRUE(client.send(one) && client.receive(one.size()));
    }
  };
  run(500);

  const bench::AllocationCount allocations;
  run(1000);

  EXPECT_EQ(allocations.count(), 0u) << "for " << flow.figures().ended << " records";
}

TEST_F(LoopbackFlow, SaysAtDeploymentThatAnotherProgramHasThePort) {
  nodes::Flow first(group, {.name = "first"});
  build_echo(first, "pos");
  first.deploy();
  ExecutionGroup elsewhere({.shards = 1});
  nodes::Flow second(elsewhere, {.name = "second"});
  build_echo(second, std::to_string(port_of("pos")));

  const auto deployed = second.try_deploy();

  ASSERT_FALSE(deployed);
  EXPECT_TRUE(deployed.error().is(Errc::port_in_use)) << deployed.error().text;
  EXPECT_THAT(deployed.error().text, ::testing::HasSubstr(std::to_string(port_of("pos"))));
  EXPECT_THAT(deployed.error().text, ::testing::HasSubstr("flow 'second', node 'lines'"));
}

}  // namespace
}  // namespace connmgr::testing

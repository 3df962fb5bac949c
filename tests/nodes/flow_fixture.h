// A flow in a simulated world: services `pos` (server) and `ledger` (client of a scripted peer), one flow,
// what it could not route, and a check at the end that nothing is left of it anywhere.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "connmgr/execution_group.h"
#include "nodes/compute_node.h"
#include "nodes/flow.h"
#include "nodes/tcpip_nodes.h"
#include "tests/support/sim_network.h"
#include "tests/support/sim_peer.h"

namespace connmgr::testing {

using namespace std::chrono_literals;

inline constexpr std::uint16_t kPosPort = 7790;
inline constexpr std::uint16_t kLedgerPort = 7800;

class FlowTest : public ::testing::Test {
 protected:
  struct Unrouted {
    std::string node;
    Failure failure;
  };

  explicit FlowTest(unsigned shards = 1, std::uint64_t seed = 1)
      : world(seed),
        group_(std::make_unique<ExecutionGroup>(ExecutionGroupSettings{.shards = shards}, world)) {
    pos.name = "pos";
    pos.kind = ServiceKind::server;
    pos.port = kPosPort;
    ledger.name = "ledger";
    ledger.hostname = "bank";
    ledger.port = kLedgerPort;
  }

  void TearDown() override {
    for (const auto& flow : flows_) expect_all_given_back(*flow);
    for (const auto& flow : flows_) flow->begin_undeploy();
    for (const auto& flow : flows_) {
      EXPECT_TRUE(world.run_until([&flow] { return flow->undeployed(); }, 10min)) << "the flow does not end";
      const nodes::FlowFigures figures = flow->figures();
      EXPECT_EQ(figures.started, figures.ended);
    }
    flows_.clear();
    group_->begin_stop();
    EXPECT_TRUE(world.run_until([this] { return group_->stopped(); }, 10min)) << "the group does not end";
    world.run_until_quiet();
    group_.reset();
    EXPECT_EQ(world.leaks(), "");
  }

  // The services as they are now; once, before the first flow is deployed.
  ExecutionGroup& group() {
    if (std::exchange(services_set_, true)) return *group_;
    group_->set_services(
        {std::make_shared<ConfigurableService>(pos), std::make_shared<ConfigurableService>(ledger)});
    return *group_;
  }

  nodes::Flow& make_flow(const std::string& name = "flow", unsigned instances = 1) {
    const auto unrouted = [this](const nodes::UnroutedFailure& lost) {
      unrouted_failures.push_back({lost.node, lost.failure});
    };
    flows_.push_back(std::make_unique<nodes::Flow>(
        group(), nodes::FlowSettings{.name = name, .instances = instances, .on_unrouted_failure = unrouted}));
    return *flows_.back();
  }

  // Remembers the messages that come by.
  nodes::ComputeNode& note(nodes::Flow& flow, const std::string& name, std::vector<std::string>& into) {
    return flow.add<nodes::ComputeNode>(name, [&into](nodes::Message& m) { into.push_back(m.body()); });
  }
  nodes::ComputeNode& note_failure(nodes::Flow& flow, const std::string& name) {
    return flow.add<nodes::ComputeNode>(name, [this](nodes::Message& m) {
      failed_bodies.push_back(m.body());
      failures.push_back(m.local_environment().failure().value().failure);
      failed_nodes.push_back(m.local_environment().failure().value().node);
    });
  }

  std::unique_ptr<SimPeer> till(const std::string& name = "till") {
    return std::make_unique<SimPeer>(world, name, "localhost", kPosPort);
  }

  ManagerSnapshot snapshot(const std::string& manager) const {
    for (ManagerSnapshot& one : group_->snapshots()) {
      if (one.name == manager) return one;
    }
    return {};
  }

  SimNetwork world;
  ConfigurableService pos;
  ConfigurableService ledger;
  std::vector<Unrouted> unrouted_failures;
  std::vector<Failure> failures;  // what note_failure() saw
  std::vector<std::string> failed_bodies;
  std::vector<std::string> failed_nodes;
  bool test_leaves_work = false;  // iterations are under way at the end, on purpose

 private:
  // Nothing runs any more: no stream is in use or reserved, nobody waits.
  void expect_all_given_back(const nodes::Flow& flow) const {
    if (!flow.deployed() || test_leaves_work) return;
    const nodes::FlowFigures figures = flow.figures();
    EXPECT_EQ(figures.started, figures.ended);
    for (const ManagerSnapshot& manager : group_->snapshots()) {
      EXPECT_EQ(manager.gauges.used, 0u) << manager.name << ": a stream is used or reserved";
      EXPECT_EQ(manager.gauges.waiting, 0u) << manager.name;
      EXPECT_EQ(manager.counters.gets, manager.counters.frees) << manager.name;
    }
  }

  std::unique_ptr<ExecutionGroup> group_;
  bool services_set_ = false;
  std::vector<std::unique_ptr<nodes::Flow>> flows_;
};

}  // namespace connmgr::testing

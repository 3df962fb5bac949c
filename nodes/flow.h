// A message flow: nodes, wired by their terminals, deployed into an execution group.
//
//   nodes::Flow flow(group, {.name = "expenses", .instances = 8});
//   auto& claims = flow.add<nodes::TcpipServerInputNode>("claims", {.connection_details = "pos"});
//   auto& reply = flow.add<nodes::TcpipServerOutputNode>("reply", {.connection_details = "pos"});
//   claims.out >> reply;
//   flow.deploy();
//
// Lifetime: within that of its execution group. Threads: made, wired, deployed and undeployed by one
// thread, which is no shard; what runs through it runs on the shards.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "connmgr/core/error.h"
#include "connmgr/execution_group.h"
#include "nodes/instances.h"
#include "nodes/node.h"

namespace connmgr::nodes {

class FlowShard;
class InputNode;

// A failure that ended its iteration, because no terminal was wired for it.
struct UnroutedFailure {
  const std::string& node;
  const Failure& failure;
};

struct FlowSettings {
  std::string name;
  unsigned instances = 1;  // messages that are worked on at once (N7)
  // So long undeploying waits for messages under way; then what they wait for is cancelled (G9).
  Duration drain_timeout = std::chrono::seconds(30);
  // Told of each failure that no terminal took, besides the log; on a shard, so it must not block.
  std::function<void(const UnroutedFailure&)> on_unrouted_failure;
};

// What deploy() throws: the text names flow, node and cause.
class DeployFailure : public std::runtime_error {
 public:
  explicit DeployFailure(Failure failure) : std::runtime_error(failure.text), failure_(std::move(failure)) {}
  const Failure& failure() const noexcept { return failure_; }
  std::error_code code() const noexcept { return failure_.code; }

 private:
  Failure failure_;
};

// What has run through a flow. Each figure is exact; taken together while it runs they may be a step apart.
struct FlowFigures {
  std::uint64_t started = 0;  // iterations
  std::uint64_t ended = 0;
  std::uint64_t failed = 0;    // of those, that took a failure route
  std::uint64_t unrouted = 0;  // failures that no terminal took: logged
};

class Flow {
 public:
  explicit Flow(ExecutionGroup& group, FlowSettings settings = {});
  ~Flow();  // undeploys
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;

  const std::string& name() const noexcept { return settings_.name; }
  unsigned number() const noexcept { return number_; }

  // Adds a node; its name is unique in the flow. Only while the flow is not deployed.
  template <class NodeType>
  NodeType& add(std::string name, typename NodeType::Settings settings = {}) {
    auto node = std::make_unique<NodeType>(std::move(name), std::move(settings));
    NodeType& added = *node;
    adopt(std::move(node));
    return added;
  }

  // Managers come to life, messages may come. Nothing is left behind by a failure; what was deployed
  // before keeps running.
  void deploy();              // throws DeployFailure
  Result<void> try_deploy();  // the same, as a value
  bool deployed() const noexcept { return deployed_; }

  // No new messages; those under way go on to their end, for drain_timeout; then managers are let go. Blocks
  // until then: not in a simulated world, never on a shard.
  void undeploy();
  // The same in two steps. undeployed() finishes it, once true.
  void begin_undeploy();
  bool undeployed();

  FlowFigures figures() const;

  // --- for nodes ---------------------------------------------------------------------------------
  FlowShard& side(OnShard& here) const noexcept { return *sides_[here.shard().index()]; }
  Instances& instances() noexcept { return *instances_; }
  const FlowSettings& settings() const noexcept { return settings_; }
  ExecutionGroup& group() const noexcept { return group_; }
  // A node of this flow waits for input streams of `manager` (of one connection, or of any): Input nodes
  // of this flow that hold one without working on it let go. Without that, a flow whose instances are all
  // at a Receive would wait for a record that stands in line for an instance.
  void want_input(OnShard& here, const ConnectionManager& manager, const ConnectionId& id);

 private:
  friend class FlowShard;

  // Undeploying goes in rounds: all shards finish one before any begins the next. So a task that one shard
  // has posted to another during a round has run before the round after the next.
  enum class Round : std::uint8_t { running, iterations, sends, last, over };

  void adopt(std::unique_ptr<Node> node);
  void end_nodes();
  void begin_round(Round round);
  void shard_finished(Round round);  // any shard

  ExecutionGroup& group_;
  FlowSettings settings_;
  std::uint32_t number_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<InputNode*> inputs_;
  std::unique_ptr<Instances> instances_;
  std::vector<std::unique_ptr<FlowShard>> sides_;
  bool deployed_ = false;
  std::atomic<std::size_t> shards_left_{0};
  // Shared with the shard that ends the last round: it still notifies when this flow may be gone already.
  std::shared_ptr<std::atomic<Round>> round_ = std::make_shared<std::atomic<Round>>(Round::running);
};

}  // namespace connmgr::nodes

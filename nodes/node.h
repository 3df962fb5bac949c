// What every node of a flow is, and the terminals that connect them.
//
//   claims.out >> check >> reply;         // a node on the left stands for its `out`
//   claims.failure >> report;
//
// Made by Flow::add, belongs to the flow, wired before it is deployed. While it is deployed a node is used
// by all shards at once and does not change; what is of one message lies in its flow iteration.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "connmgr/core/error.h"
#include "connmgr/core/pool.h"
#include "connmgr/io/shard.h"
#include "nodes/flow_iteration.h"

namespace connmgr {
class ExecutionGroup;
}

namespace connmgr::nodes {

using io::OnShard;

class Flow;
class MidFlowNode;

// Where a node hands a message on. Wired to several nodes, each gets the message as it left the terminal,
// one after the other, in the order of wiring.
class Terminal {
 public:
  Terminal() = default;
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  bool wired() const noexcept { return !targets_.empty(); }
  void wire(MidFlowNode& target) { targets_.push_back(&target); }
  // Unwired: the iteration's way ends here.
  void propagate(OnShard& here, FlowIterationPtr iteration) const;

 private:
  friend class FlowIteration;
  void propagate_from(OnShard& here, FlowIterationPtr iteration, std::size_t first) const;

  std::vector<MidFlowNode*> targets_;
};

class Node {
 public:
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  const std::string& name() const noexcept { return name_; }
  Flow& flow() const noexcept { return *flow_; }
  Holder holder() const noexcept;

 protected:
  explicit Node(std::string name) : name_(std::move(name)) {}

 private:
  friend class Flow;
  // Deployment, in this order; a failure of prepare() undoes what was prepared. On the deploying thread.
  virtual Result<void> prepare(ExecutionGroup& group) = 0;  // settings are checked, managers taken
  virtual void start() {}                                   // messages may come
  virtual void stop() {}                                    // no new ones; those under way go on
  virtual void close_side(OnShard&) {}                      // on each shard, after stop()
  virtual void end() {}                                     // nothing is under way: managers are let go

  std::string name_;
  Flow* flow_ = nullptr;
  std::uint32_t number_ = 0;
};

// A node that messages come to.
class MidFlowNode : public Node {
 public:
  // Takes over the message; whoever holds the iteration is the current node.
  virtual void evaluate(OnShard& here, FlowIterationPtr iteration) = 0;

  Terminal out;

 protected:
  using Node::Node;
};

inline MidFlowNode& operator>>(Terminal& terminal, MidFlowNode& target) {
  terminal.wire(target);
  return target;
}
inline MidFlowNode& operator>>(MidFlowNode& node, MidFlowNode& target) {
  return node.out >> target;
}

}  // namespace connmgr::nodes

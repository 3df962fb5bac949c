#include "nodes/flow.h"

#include "connmgr/core/check.h"
#include "nodes/flow_shard.h"
#include "nodes/input_node.h"

namespace connmgr::nodes {

Flow::Flow(ExecutionGroup& group, FlowSettings settings)
    : group_(group), settings_(std::move(settings)), number_(group.holder_names().add(settings_.name)) {}

Flow::~Flow() {
  if (!deployed_) return;
  if (group_.network().wants_threads()) {
    undeploy();
  } else {
    check(undeployed(), "a flow in a simulated world is destroyed before that world has let it end");
  }
}

void Flow::adopt(std::unique_ptr<Node> node) {
  check(!deployed_, "a node is added to a flow that is deployed");
  for (const auto& other : nodes_) check(other->name() != node->name(), "two nodes of a flow have one name");
  node->flow_ = this;
  node->number_ = group_.holder_names().add(node->name());
  if (auto* input = dynamic_cast<InputNode*>(node.get())) inputs_.push_back(input);
  nodes_.push_back(std::move(node));
}

void Flow::deploy() {
  if (auto deployed = try_deploy(); !deployed) throw DeployFailure(deployed.error());
}

Result<void> Flow::try_deploy() {
  check(!deployed_, "a flow is deployed twice");
  const auto failed = [this](const std::string& where, const Failure& cause) {
    end_nodes();
    Failure failure = cause;
    failure.text = "flow '" + settings_.name + "'" + where + ": " + cause.text;
    return failure;
  };
  if (settings_.instances == 0) {
    return failed("", Failure(Errc::invalid_configuration, "instances: found 0, allowed 1 and more"));
  }
  for (const auto& node : nodes_) {
    if (auto prepared = node->prepare(group_); !prepared) {
      return failed(", node '" + node->name() + "'", prepared.error());
    }
  }
  const std::vector<io::Shard*> shards = group_.shards();
  instances_ = std::make_unique<Instances>(settings_.instances, shards);
  sides_.clear();
  for (io::Shard* shard : shards) sides_.push_back(std::make_unique<FlowShard>(*this, *shard));
  deployed_ = true;
  round_->store(Round::running);
  for (const auto& node : nodes_) node->start();
  return {};
}

void Flow::undeploy() {
  check(io::Shard::current() == nullptr, "undeploy() blocks: it cannot be called on a shard");
  begin_undeploy();
  for (Round round = round_->load(); deployed_ && round != Round::over; round = round_->load())
    round_->wait(round);
  undeployed();
}

void Flow::begin_undeploy() {
  if (!deployed_ || round_->load() != Round::running) return;
  for (const auto& node : nodes_) node->stop();
  begin_round(Round::iterations);
}

bool Flow::undeployed() {
  if (!deployed_) return true;
  if (round_->load() != Round::over) return false;
  end_nodes();
  deployed_ = false;
  return true;
}

void Flow::end_nodes() {
  for (const auto& node : nodes_) node->end();
}

void Flow::begin_round(Round round) {
  shards_left_.store(sides_.size());
  const auto told = round_;
  told->store(round);
  told->notify_all();
  if (round == Round::over) return;
  for (const auto& side : sides_) {
    side->shard().post([this, side = side.get(), round](OnShard& here) {
      if (round == Round::iterations) {
        for (const auto& node : nodes_) node->close_side(here);
      }
      side->begin_round(here, round);
    });
  }
}

void Flow::shard_finished(Round round) {
  if (shards_left_.fetch_sub(1) == 1) begin_round(static_cast<Round>(static_cast<std::uint8_t>(round) + 1));
}

FlowFigures Flow::figures() const {
  FlowFigures figures;
  for (const auto& side : sides_) side->add_figures_to(figures);
  return figures;
}

void Flow::want_input(OnShard& here, const ConnectionManager& manager, const ConnectionId& id) {
  for (InputNode* input : inputs_) input->want_stream(here, manager, id);
}

}  // namespace connmgr::nodes

#include "nodes/input_node.h"

#include <utility>
#include <vector>

#include "nodes/flow.h"
#include "nodes/flow_shard.h"
#include "nodes/input_session.h"

namespace connmgr::nodes {

// What the manager knows of an Input node. Offers may still be on their way when the node is stopped, even
// gone: each shard closes its own entry, on that shard.
class InputNode::Subscription final : public InputSubscriber {
 public:
  explicit Subscription(InputNode& node)
      : node_(node), open_(node.flow().group().shards().size(), char{true}) {}

  void on_stream(OnShard& here, StreamLease stream) override {
    if (!open_[here.shard().index()]) return;  // the stream goes back
    node_.flow().side(here).start_session().begin(here, node_, std::move(stream));
  }
  void close(OnShard& here) noexcept { open_[here.shard().index()] = false; }

 private:
  InputNode& node_;
  std::vector<char> open_;  // by shard, each touched by its own shard alone
};

InputNode::InputNode(std::string name, ServiceKind kind, Settings settings)
    : Node(std::move(name)), kind_(kind), settings_(std::move(settings)) {}

InputNode::~InputNode() = default;

Result<void> InputNode::prepare(ExecutionGroup& group) {
  if (auto valid = validate(settings_.records); !valid) return valid.error();
  auto use = group.use(kind_, settings_.connection_details, true);
  if (!use) return use.error();
  manager_ = *std::move(use);
  max_record_bytes_ = manager_->service()->max_record_bytes;
  return {};
}

void InputNode::start() {
  subscription_ = std::make_shared<Subscription>(*this);
  subscribed_ = manager_->subscribe(holder(), subscription_);
}

void InputNode::stop() {
  manager_->unsubscribe(subscribed_);
}

void InputNode::close_side(OnShard& here) {
  subscription_->close(here);
}

void InputNode::end() {
  subscription_.reset();
  manager_.end();
}

void InputNode::want_stream(OnShard& here, const ConnectionManager& manager, const ConnectionId& id) {
  if (&*manager_ != &manager) return;
  for (io::Shard* shard : flow().group().shards()) {
    if (shard == &here.shard()) {
      flow().side(here).let_go(here, manager, id);
    } else {
      shard->post([this, &manager, id](OnShard& there) { flow().side(there).let_go(there, manager, id); });
    }
  }
}

void InputNode::fail(OnShard& here, const std::string& node, FlowIterationPtr iteration, Failure failure) {
  using Route = FlowIteration::Route;
  const InputNode& input = *iteration->input_;
  FlowShard& side = input.flow().side(here);
  if (iteration->route_ == Route::normal) side.count_failed();

  const bool to_catch = iteration->route_ == Route::normal && input.catch_failure.wired();
  const bool to_failure = iteration->route_ != Route::in_failure && input.failure.wired();
  iteration->branch_count_ = 0;  // what other branches would have done is not done
  if (!to_catch && !to_failure) return side.unrouted(here, node, failure);

  iteration->message().restore_original();
  iteration->local_environment().set_failure({std::move(failure), node});
  iteration->route_ = to_catch ? Route::in_catch : Route::in_failure;
  (to_catch ? input.catch_failure : input.failure).propagate(here, std::move(iteration));
}

}  // namespace connmgr::nodes

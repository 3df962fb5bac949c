#include "nodes/flow_shard.h"

#include "nodes/input_node.h"

namespace connmgr::nodes {

FlowShard::FlowShard(Flow& flow, io::Shard& shard) : flow_(flow), shard_(shard), log_(flow.name()) {}

FlowIterationPtr FlowShard::start_iteration(InputNode& input, InputSession* session) {
  FlowIteration& iteration = iterations_.take(*this);
  iteration.input_ = &input;
  iteration.session_ = session;
  iteration.route_ = FlowIteration::Route::normal;
  // Unique in the flow: the shards take turns.
  iteration.number_ = ++iteration_count_ * flow_.sides_.size() + shard_.index();
  add(started_);
  return FlowIterationPtr(&iteration);
}

void FlowShard::iteration_ended(OnShard& here, FlowIteration& iteration) noexcept {
  // A session that reads on goes on with the same instance; otherwise somebody in line gets it.
  const bool kept = iteration.session_ && iteration.session_->keeps_instance_of(iteration);
  if (!kept) flow_.instances().give_back(here);
  iteration_came_home(here, iteration);
}

void FlowShard::iteration_came_home(OnShard& here, FlowIteration& iteration) noexcept {
  InputSession* const session = std::exchange(iteration.session_, nullptr);
  iteration.input_ = nullptr;
  iteration.used_.clear();
  iteration.message_.clear();
  add(ended_);
  iterations_.give_back(iteration);
  if (session) session->iteration_ended(here);
  look_for_end_of_round();
}

void FlowShard::send_over(ParkedSend& send) noexcept {
  sends_.give_back(send);
  look_for_end_of_round();
}

void FlowShard::session_over(InputSession& session) noexcept {
  sessions_.give_back(session);
  look_for_end_of_round();
}

void FlowShard::let_go(OnShard& here, const ConnectionManager& manager, const ConnectionId& id) {
  sessions_.for_each([&](InputSession& session) {
    if (session.holds(manager, id)) session.let_go(here);
  });
}

void FlowShard::unrouted(OnShard& here, const std::string& node, const Failure& failure) noexcept {
  add(unrouted_);
  log_.report(here.now(), node, failure);
  if (const auto& told = flow_.settings().on_unrouted_failure) told({node, failure});
}

void FlowShard::begin_round(OnShard& here, Flow::Round round) noexcept {
  round_ = round;
  round_finished_ = false;
  if (round == Flow::Round::iterations) {
    sessions_.for_each([&here](InputSession& session) { session.let_go(here); });
    force_deadline_.emplace([this](OnShard& then) { end_by_force(then); });
    force_deadline_->set(here, deadline_after(here.now(), flow_.settings().drain_timeout));
  }
  look_for_end_of_round();
}

// Whatever waits for a peer or for a connection. What comes of that, on a failure route, may wait again: so
// once more, a second later, until nothing is left.
void FlowShard::end_by_force(OnShard& here) {
  if (round_ != Flow::Round::iterations && round_ != Flow::Round::sends) return;
  const auto limit = std::chrono::duration_cast<std::chrono::seconds>(flow_.settings().drain_timeout);
  const Failure why(Errc::shutting_down, "the flow '" + flow_.name() +
                                             "' is undeployed, and this was not over " +
                                             std::to_string(limit.count()) + " s later (drain_timeout)");
  force_deadline_->set(here, here.now() + std::chrono::seconds(1));
  iterations_.for_each([&here](FlowIteration& iteration) { iteration.cancel_wait(here); });
  sends_.for_each([&](ParkedSend& send) { send.give_up(here, why); });
  readings_.for_each([&](RecordReading& reading) { reading.give_up(here, why); });
}

void FlowShard::look_for_end_of_round() noexcept {
  if (round_finished_) return;
  switch (round_) {
    case Flow::Round::iterations:
      if (iterations_.in_use() != 0 || sessions_.in_use() != 0) return;
      break;
    case Flow::Round::sends:
      // No iteration is left on any shard, so these only become fewer.
      if (sends_.in_use() != 0) return;
      break;
    default:
      // Here, because deadlines belong to their shard's thread.
      force_deadline_.reset();
      sessions_.clear();
      sends_.clear();
      readings_.clear();
      iterations_.clear();
      break;
  }
  round_finished_ = true;
  flow_.shard_finished(round_);
}

void FlowShard::add_figures_to(FlowFigures& figures) const noexcept {
  figures.started += started_.load(std::memory_order_relaxed);
  figures.ended += ended_.load(std::memory_order_relaxed);
  figures.failed += failed_.load(std::memory_order_relaxed);
  figures.unrouted += unrouted_.load(std::memory_order_relaxed);
}

}  // namespace connmgr::nodes

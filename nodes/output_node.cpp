#include "nodes/output_node.h"

#include <utility>

#include "nodes/flow.h"
#include "nodes/flow_shard.h"
#include "nodes/input_node.h"

namespace connmgr::nodes {

OutputNode::OutputNode(std::string name, ServiceKind kind, Settings settings)
    : MidFlowNode(std::move(name)), kind_(kind), settings_(std::move(settings)) {}

Result<void> OutputNode::prepare(ExecutionGroup& group) {
  if (auto valid = validate(settings_.records.definition()); !valid) return valid.error();
  return connections_.prepare(group, kind_, settings_.connection_details, settings_.connection,
                              settings_.id_location, "destination.tcpip.output.id");
}

void OutputNode::evaluate(OnShard& here, FlowIterationPtr iteration) {
  const LocalEnvironment& environment = iteration->local_environment();
  const Destination& told = environment.output_destination();
  const auto found = connections_.manager_for(here, told);
  if (!found) return failed(here, std::move(iteration), found.error());
  ConnectionManager& manager = **found;
  const auto chosen = connections_.choose(*iteration, manager, told, environment);
  if (!chosen) return failed(here, std::move(iteration), chosen.error());

  Ask ask;
  ask.direction = Direction::output;
  ask.id = chosen->id;
  ask.unless_reserved_by_others = chosen->used_before;
  ask.other_stream = settings_.input_stream;
  ask.connection_timeout = shorter(settings_.connection_timeout, told.timeout);
  ask.holder = iteration->holder(*this);
  const TimePoint deadline = told.timeout ? deadline_after(here.now(), *told.timeout) : kNever;

  FlowIteration& waiting = *iteration;
  auto granted = [this, deadline, used = chosen->used_before, iteration = std::move(iteration)](
                     OnShard& there, Result<StreamLease> stream) mutable {
    if (stream) return write(there, std::move(iteration), *std::move(stream), deadline);
    failed(there, std::move(iteration), ConnectionChooser::refusal(used, stream.error()));
  };
  const Ticket waits = manager.acquire(here, ask, std::move(granted));
  if (!waits) return;
  waiting.remember_wait(manager, waits);
  const bool wants_input =
      ask.other_stream == StreamChange::reserve || ask.other_stream == StreamChange::reserve_until_flow_end;
  if (wants_input) flow().want_input(here, manager, ask.id);
}

void OutputNode::write(OnShard& here, FlowIterationPtr iteration, StreamLease stream, TimePoint deadline) {
  ConnectionManager& manager = stream.manager();
  iteration->remember_use(manager, stream.id());
  if (settings_.input_stream == StreamChange::reserve_until_flow_end) {
    iteration->release_at_end(manager, stream.other_reservation());
  }
  stream.then(settings_.output_stream);
  if (settings_.input_stream == StreamChange::release) stream.then_other(StreamChange::release);

  io::Connection& connection = stream.connection();
  const Reservation other = stream.other_reservation();
  ParkedSend& parked = flow().side(here).park_send();
  parked.prepare(*this, std::move(iteration), manager, connection, other);
  const auto sequence =
      stream.send(here, settings_.records.definition(), parked.iteration().message().body(), &parked);
  if (!sequence) {
    iteration = parked.withdraw();
    flow().side(here).send_over(parked);
    if (other) manager.release(other);
    return failed(here, std::move(iteration), sequence.error());
  }
  parked.wait_until(here, std::min(deadline, deadline_after(here.now(), settings_.send_timeout)));

  LocalEnvironment& environment = parked.iteration().local_environment();
  if (const auto& reply_id = environment.output_destination().reply_id) stream.set_reply_id(*reply_id);
  WrittenDestination& written = environment.add_written();
  written.use.connection = stream.details();
  written.use.reply_id = stream.reply_id();
  written.use.output_record = *sequence;

  const Reserved reserved = stream.give_back(here);
  if (settings_.output_stream == StreamChange::reserve_until_flow_end) {
    parked.iteration().release_at_end(manager, reserved.own);
  }
  // With a full queue the iteration waits whatever comes after: that is what holds back a peer that sends
  // and does not read.
  if (connection.room() && nobody_waits_for(parked.iteration())) parked.let_iteration_end();
}

// Nothing follows that a failed send could still change.
bool OutputNode::nobody_waits_for(const FlowIteration& iteration) const noexcept {
  return !out.wired() && !failure.wired() && !iteration.failure_is_routed() && !iteration.has_more_branches();
}

void OutputNode::sent(OnShard& here, FlowIterationPtr iteration, const io::SendReport& report) {
  iteration->local_environment().last_written().outcome = report.outcome;
  if (report.outcome != io::SendOutcome::handed) return failed(here, std::move(iteration), report.failure);
  out.propagate(here, std::move(iteration));
}

void OutputNode::tell_lost(OnShard& here, const io::SendReport& report) {
  FlowShard& side = flow().side(here);
  side.count_failed();
  side.unrouted(here, name(), report.failure);
}

void OutputNode::failed(OnShard& here, FlowIterationPtr iteration, Failure why) {
  if (!failure.wired()) return InputNode::fail(here, name(), std::move(iteration), std::move(why));
  iteration->local_environment().set_failure({std::move(why), name()});
  failure.propagate(here, std::move(iteration));
}

Failure OutputNode::send_timeout_failure(const ConnectionManager& manager) const {
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(settings_.send_timeout);
  return {Errc::timeout, "service '" + manager.name() + "' (" + manager.address() +
                             "): the peer has not taken the record within " + std::to_string(limit.count()) +
                             " ms (send_timeout, or the message's own timeout)"};
}

}  // namespace connmgr::nodes

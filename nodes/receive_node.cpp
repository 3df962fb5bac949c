#include "nodes/receive_node.h"

#include <utility>

#include "nodes/flow.h"
#include "nodes/flow_shard.h"
#include "nodes/input_node.h"

namespace connmgr::nodes {

ReceiveNode::ReceiveNode(std::string name, ServiceKind kind, Settings settings)
    : MidFlowNode(std::move(name)), kind_(kind), settings_(std::move(settings)) {}

Result<void> ReceiveNode::prepare(ExecutionGroup& group) {
  if (auto valid = validate(settings_.records); !valid) return valid.error();
  auto prepared = connections_.prepare(group, kind_, settings_.connection_details, settings_.connection,
                                       settings_.id_location, "destination.tcpip.receive.id");
  if (prepared) max_record_bytes_ = connections_.manager().service()->max_record_bytes;
  return prepared;
}

void ReceiveNode::evaluate(OnShard& here, FlowIterationPtr iteration) {
  const LocalEnvironment& environment = iteration->local_environment();
  const Destination& told = environment.receive_destination();
  const auto found = connections_.manager_for(here, told);
  if (!found) return failed(here, std::move(iteration), found.error());
  ConnectionManager& manager = **found;
  const auto chosen = connections_.choose(*iteration, manager, told, environment);
  if (!chosen) return failed(here, std::move(iteration), chosen.error());

  Ask ask;
  ask.direction = Direction::input;
  ask.id = chosen->id;
  ask.unless_reserved_by_others = chosen->used_before;
  ask.other_stream = settings_.output_stream;
  ask.with_data = !ask.id;
  ask.data_timeout = *shorter(settings_.first_byte_timeout, told.timeout);
  ask.connection_timeout = shorter(settings_.connection_timeout, told.timeout);
  ask.holder = iteration->holder(*this);
  const TimePoint deadline = told.timeout ? deadline_after(here.now(), *told.timeout) : kNever;

  FlowIteration& waiting = *iteration;
  auto granted = [this, deadline, used = chosen->used_before, iteration = std::move(iteration)](
                     OnShard& there, Result<StreamLease> stream) mutable {
    if (stream) {
      RecordReading& reading = flow().side(there).start_reading();
      return reading.begin(there, *this, std::move(iteration), *std::move(stream), deadline);
    }
    if (stream.error().is(Errc::timeout)) return timed_out(there, std::move(iteration), stream.error());
    failed(there, std::move(iteration), ConnectionChooser::refusal(used, stream.error()));
  };
  const Ticket waits = manager.acquire(here, ask, std::move(granted));
  if (!waits) return;
  waiting.remember_wait(manager, waits);
  flow().want_input(here, manager, ask.id);
}

void ReceiveNode::timed_out(OnShard& here, FlowIterationPtr iteration, Failure why) {
  if (!timeout.wired()) return failed(here, std::move(iteration), std::move(why));
  iteration->local_environment().set_failure({std::move(why), name()});
  timeout.propagate(here, std::move(iteration));
}

void ReceiveNode::failed(OnShard& here, FlowIterationPtr iteration, Failure why) {
  if (!failure.wired()) return InputNode::fail(here, name(), std::move(iteration), std::move(why));
  iteration->local_environment().set_failure({std::move(why), name()});
  failure.propagate(here, std::move(iteration));
}

}  // namespace connmgr::nodes

// Writes one record (SPEC N4): uses the output stream of one connection, until its record stands whole in
// the connection's queue; goes on when the kernel has it.
#pragma once

#include <optional>
#include <string>

#include "connmgr/core/record_writer.h"
#include "connmgr/core/stream.h"
#include "connmgr/core/time.h"
#include "connmgr/io/connection.h"
#include "nodes/connection_choice.h"
#include "nodes/node.h"

namespace connmgr::nodes {

// How a body becomes a record: said directly, or by the format whose detector finds it again.
class OutputRecords {
 public:
  OutputRecords() = default;                                                          // unmodified
  OutputRecords(RecordDefinition definition) : definition_(std::move(definition)) {}  // NOLINT
  OutputRecords(const RecordFormat& format) : definition_(definition_for(format)) {}  // NOLINT
  const RecordDefinition& definition() const noexcept { return definition_; }

 private:
  RecordDefinition definition_;
};

struct OutputSettings {
  std::string connection_details;  // service, `host:port` or `port`, or `name@host:port` (G4)
  OutputRecords records;           // what is put around a body (N6); the default: nothing
  ConnectionChoice connection = ConnectionChoice::automatic;  // (N10)
  std::string id_location;  // by_id, required: where the id is; default: this node's override
  std::optional<Duration> connection_timeout;        // instead of the service's (L2)
  Duration send_timeout = std::chrono::seconds(60);  // from the hand-out of the stream
  // What happens to the two streams (S4). A reservation of the input stream takes effect before the write,
  // so that nobody can take the reply; it is undone when the write fails.
  StreamChange input_stream = StreamChange::leave_unchanged;
  StreamChange output_stream = StreamChange::leave_unchanged;
};

class OutputNode : public MidFlowNode {
 public:
  using Settings = OutputSettings;

  // `out`: the message, with what was written and where in its environment.
  Terminal failure;  // not written; unwired: to the Input node

  void evaluate(OnShard& here, FlowIterationPtr iteration) override;

 protected:
  OutputNode(std::string name, ServiceKind kind, Settings settings);

 private:
  friend class ParkedSend;

  Result<void> prepare(ExecutionGroup& group) override;
  void end() override { connections_.end(); }

  void write(OnShard& here, FlowIterationPtr iteration, StreamLease stream, TimePoint deadline);
  void sent(OnShard& here, FlowIterationPtr iteration, const io::SendReport& report);
  void tell_lost(OnShard& here, const io::SendReport& report);  // of an iteration that is over
  void failed(OnShard& here, FlowIterationPtr iteration, Failure failure);
  bool nobody_waits_for(const FlowIteration& iteration) const noexcept;
  Failure send_timeout_failure(const ConnectionManager& manager) const;

  ServiceKind kind_;
  Settings settings_;
  ConnectionChooser connections_;
};

}  // namespace connmgr::nodes

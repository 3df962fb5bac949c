// Reads one record in the middle of a flow (SPEC N3): uses the input stream of one connection, from the
// first byte of the record to its last.
#pragma once

#include <optional>
#include <string>

#include "connmgr/core/record_detector.h"
#include "connmgr/core/stream.h"
#include "connmgr/core/time.h"
#include "nodes/connection_choice.h"
#include "nodes/node.h"

namespace connmgr::nodes {

struct ReceiveSettings {
  std::string connection_details;  // service, `host:port` or `port`, or `name@host:port` (G4)
  RecordFormat records;            // where the record ends; the default: at the end of the stream
  ConnectionChoice connection = ConnectionChoice::automatic;  // (N10); any: the first that has data
  std::string id_location;  // by_id, required: where the id is; default: this node's override
  std::optional<Duration> connection_timeout;              // instead of the service's (L2)
  Duration first_byte_timeout = std::chrono::seconds(60);  // from the hand-out of the stream
  Duration record_timeout = std::chrono::seconds(60);      // from the first byte
  // What happens to the two streams at the end of the use (S4); a reservation of the output stream takes
  // effect before the read.
  StreamChange input_stream = StreamChange::leave_unchanged;
  StreamChange output_stream = StreamChange::leave_unchanged;
};

class ReceiveNode : public MidFlowNode {
 public:
  using Settings = ReceiveSettings;

  // `out`: the record, as the message's new body.
  Terminal timeout;  // no whole record in time; what came stays unread. Unwired: a failure
  Terminal failure;  // no connection, the connection ended, or no record; unwired: to the Input node

  void evaluate(OnShard& here, FlowIterationPtr iteration) override;

 protected:
  ReceiveNode(std::string name, ServiceKind kind, Settings settings);

 private:
  friend class RecordReading;

  Result<void> prepare(ExecutionGroup& group) override;
  void end() override { connections_.end(); }

  void failed(OnShard& here, FlowIterationPtr iteration, Failure failure);
  void timed_out(OnShard& here, FlowIterationPtr iteration, Failure failure);

  ServiceKind kind_;
  Settings settings_;
  ConnectionChooser connections_;
  std::size_t max_record_bytes_ = 0;
};

}  // namespace connmgr::nodes

// Starts a flow: each record that comes over a connection of its manager becomes a message (SPEC N1, N2).
//
// It uses the input stream: takes it at the first byte, and an instance of the flow only when a whole
// record is there, so one slow peer never blocks a flow. Records of one connection are read in order.
#pragma once

#include <memory>
#include <string>

#include "connmgr/core/limits.h"
#include "connmgr/core/record_detector.h"
#include "connmgr/core/stream.h"
#include "connmgr/core/time.h"
#include "connmgr/execution_group.h"
#include "nodes/node.h"

namespace connmgr::nodes {

class InputSession;

struct InputSettings {
  std::string connection_details;  // service, `host:port` or `port`, or `name@host:port` (G4)
  RecordFormat records;            // where a record ends; the default: at the end of the stream
  Duration record_timeout = std::chrono::seconds(60);  // from a record's first byte to its last (N2)
  // What happens to the two streams when the record has been read (S4).
  StreamChange input_stream = StreamChange::leave_unchanged;
  StreamChange output_stream = StreamChange::leave_unchanged;
};

class InputNode : public Node {
 public:
  using Settings = InputSettings;

  Terminal out;      // a record
  Terminal failure;  // an error or the timeout inside a record, with what came of it (at most 64 KiB)
  Terminal
      catch_failure;  // `catch`: a failure from downstream, with the record as it came; unwired: `failure`

  ~InputNode() override;

  // --- for nodes ---------------------------------------------------------------------------------
  // A node further down has failed and has no terminal for it: the message goes on here, as it was when it
  // came, with the failure in its environment (DESIGN 3.9).
  static void fail(OnShard& here, const std::string& node, FlowIterationPtr iteration, Failure failure);
  void want_stream(OnShard& here, const ConnectionManager& manager, const ConnectionId& id);

 protected:
  InputNode(std::string name, ServiceKind kind, Settings settings);

 private:
  friend class InputSession;
  friend class FlowIteration;
  class Subscription;

  Result<void> prepare(ExecutionGroup& group) override;
  void start() override;
  void stop() override;
  void close_side(OnShard& here) override;
  void end() override;

  bool keeps_original() const noexcept { return catch_failure.wired() || failure.wired(); }
  bool changes_streams() const noexcept {
    return settings_.input_stream != StreamChange::leave_unchanged ||
           settings_.output_stream != StreamChange::leave_unchanged;
  }

  ServiceKind kind_;
  Settings settings_;
  ManagerUse manager_;
  std::size_t max_record_bytes_ = 0;
  std::shared_ptr<Subscription> subscription_;
  SubscriptionId subscribed_;
};

inline MidFlowNode& operator>>(InputNode& node, MidFlowNode& target) {
  return node.out >> target;
}

}  // namespace connmgr::nodes

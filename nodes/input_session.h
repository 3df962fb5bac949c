// One use of one input stream by an Input node: finds its records and starts an iteration for each.
//
// One use covers all records that one read has brought, as long as the flow runs through at once. When an
// iteration suspends (it waits for a connection, or for the end of a send), the stream goes back if bytes
// are left for others; if none are, the session stays, so that a peer that only closes its side now is
// still there for the reply.
//
// On its shard, always. Sessions are used again.
#pragma once

#include <optional>

#include "connmgr/core/record_detector.h"
#include "connmgr/io/connection.h"
#include "connmgr/stream_lease.h"
#include "nodes/flow_iteration.h"
#include "nodes/instances.h"

namespace connmgr::nodes {

class InputSession final : private io::InputReader, private InLine {
 public:
  InputSession();

  void begin(OnShard& here, InputNode& node, StreamLease stream);
  // Somebody waits for the stream, or the flow is undeployed: a stream that is not being worked on goes
  // back, with all its unread bytes.
  void let_go(OnShard& here);
  bool holds(const ConnectionManager& manager, const ConnectionId& id) const noexcept {
    return stream_ && &stream_.manager() == &manager && (!id || stream_.id() == id);
  }

  // Of the iteration that this session has started last.
  bool keeps_instance_of(const FlowIteration& iteration) const noexcept {
    return running_inline_ && running_ == &iteration;
  }
  void iteration_ended(OnShard& here);

 private:
  enum class Step : std::uint8_t {
    reading,            // on the stack, or about to be
    waiting_for_bytes,  // inside a record
    waiting_for_instance,
    waiting_for_turn,  // many records were read: others first
    waiting_for_end,   // of the iteration; nothing is left to read
    leaving,           // let go while an instance or the turn is on its way: that ends it
    over
  };

  void on_input(OnShard& here) override;
  void on_place(OnShard& here) override;
  void on_record_timeout(OnShard& here);

  void read(OnShard& here);
  void next_record(OnShard& here);
  void wait_for_bytes(OnShard& here);
  bool take_instance(OnShard& here);
  void run_record(OnShard& here);
  void run_failure(OnShard& here);
  void run(OnShard& here, const Terminal& terminal, FlowIterationPtr iteration);
  FlowIterationPtr start_iteration();
  void go_on_later(OnShard& here);
  void end_use(OnShard& here);
  void recycle(OnShard& here);
  StreamEnd stream_end() const noexcept;
  Failure failure_of(const Detection& found) const;
  std::string from_whom() const;

  InputNode* node_ = nullptr;
  StreamLease stream_;
  std::optional<RecordDetector> detector_;
  io::Deadline record_deadline_;
  Step step_ = Step::over;
  Detection found_;                   // a record that waits for an instance
  std::optional<Failure> failure_;    // or what is wrong with it
  FlowIteration* running_ = nullptr;  // started here and not ended, while its end matters here
  bool running_inline_ = false;       // it is on the stack
  bool has_instance_ = false;
  bool on_stack_ = false;
  bool closes_ = false;  // the connection, when the iteration ends
};

}  // namespace connmgr::nodes

// One record being read by a Receive node: stands for its iteration until the record is whole, or the time
// is over. On the shard of the connection. Used again.
#pragma once

#include <optional>

#include "connmgr/core/record_detector.h"
#include "connmgr/io/connection.h"
#include "connmgr/stream_lease.h"
#include "nodes/flow_iteration.h"

namespace connmgr::nodes {

class ReceiveNode;

class RecordReading final : private io::InputReader {
 public:
  RecordReading();

  void begin(OnShard& here, ReceiveNode& node, FlowIterationPtr iteration, StreamLease stream,
             TimePoint deadline);
  // If it is under way: fails.
  void give_up(OnShard& here, const Failure& why);

 private:
  void on_input(OnShard& here) override { read(here); }
  void on_timeout(OnShard& here);
  void read(OnShard& here);
  void wait(OnShard& here);
  void finish(OnShard& here, const Detection& record);
  void fail(OnShard& here, const Detection& found);
  // The reading is over; the stream goes back when it goes out of scope at the caller.
  struct Ended {
    FlowIterationPtr iteration;
    StreamLease stream;
  };
  Ended end(OnShard& here);

  ReceiveNode* node_ = nullptr;
  FlowIterationPtr iteration_;
  StreamLease stream_;
  std::optional<RecordDetector> detector_;
  TimePoint overall_ = kNever;  // what the message allows for all of it
  bool began_ = false;          // the first byte is there
  io::Deadline deadline_;
};

}  // namespace connmgr::nodes

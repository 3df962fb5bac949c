// What of one flow lives on one shard: iterations and parked operations to be used again, the log of
// failures, figures. Every call on its shard, except where it says so.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "connmgr/io/shard.h"
#include "nodes/failure_log.h"
#include "nodes/flow.h"
#include "nodes/flow_iteration.h"
#include "nodes/input_session.h"
#include "nodes/parked_send.h"
#include "nodes/record_reading.h"
#include "nodes/recycled.h"

namespace connmgr::nodes {

class FlowShard {
 public:
  FlowShard(Flow& flow, io::Shard& shard);

  Flow& flow() const noexcept { return flow_; }
  io::Shard& shard() const noexcept { return shard_; }

  // The caller has an instance of the flow, which is the iteration's from now on.
  FlowIterationPtr start_iteration(InputNode& input, InputSession* session);
  void iteration_ended(OnShard& here, FlowIteration& iteration) noexcept;
  void iteration_came_home(OnShard& here, FlowIteration& iteration) noexcept;

  ParkedSend& park_send() { return sends_.take(); }
  void send_over(ParkedSend& send) noexcept;
  RecordReading& start_reading() { return readings_.take(); }
  void reading_over(RecordReading& reading) noexcept { readings_.give_back(reading); }

  InputSession& start_session() { return sessions_.take(); }
  void session_over(InputSession& session) noexcept;
  // Sessions that hold a stream of `manager` (of one connection, or of any) without working on it let go.
  void let_go(OnShard& here, const ConnectionManager& manager, const ConnectionId& id);

  // A failure on a failure route, and one that no terminal took.
  void count_failed() noexcept { add(failed_); }
  void unrouted(OnShard& here, const std::string& node, const Failure& failure) noexcept;

  void begin_round(OnShard& here, Flow::Round round) noexcept;
  void add_figures_to(FlowFigures& figures) const noexcept;  // any thread

 private:
  // Written by this shard only, read by any thread.
  using Counter = std::atomic<std::uint64_t>;
  static void add(Counter& counter) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  void look_for_end_of_round() noexcept;
  void end_by_force(OnShard& here);

  Flow& flow_;
  io::Shard& shard_;
  FailureLog log_;
  Recycled<FlowIteration> iterations_;
  Recycled<InputSession> sessions_;
  Recycled<ParkedSend> sends_;
  Recycled<RecordReading> readings_;
  std::uint64_t iteration_count_ = 0;
  Flow::Round round_ = Flow::Round::running;
  std::optional<io::Deadline> force_deadline_;  // while undeploying
  bool round_finished_ = true;
  Counter started_{0};
  Counter ended_{0};
  Counter failed_{0};
  Counter unrouted_{0};
};

}  // namespace connmgr::nodes

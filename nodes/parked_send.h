// A record on its way out: stands for its iteration until the kernel has it, or it has failed.
//
// On the shard of the connection. Used again.
#pragma once

#include "connmgr/connection_manager.h"
#include "connmgr/io/connection.h"
#include "connmgr/io/shard.h"
#include "nodes/flow_iteration.h"

namespace connmgr::nodes {

class OutputNode;

class ParkedSend final : public io::SendWaiter {
 public:
  ParkedSend();

  // Before the record is queued.
  void prepare(OutputNode& node, FlowIterationPtr iteration, ConnectionManager& manager,
               io::Connection& connection, const Reservation& undone_on_failure);
  FlowIteration& iteration() noexcept { return *iteration_; }
  // It could not be queued: as if it had never been.
  FlowIterationPtr withdraw() noexcept;
  // Nothing waits for its end.
  void let_iteration_end() noexcept { iteration_.reset(); }
  void wait_until(OnShard& here, TimePoint when);
  // The send is cancelled, if there is one; its report follows.
  void give_up(OnShard& here, const Failure& why);

 private:
  void on_sent(OnShard& here, const io::SendReport& report) override;

  OutputNode* node_ = nullptr;
  FlowIterationPtr iteration_;  // none: nothing waits for this record
  ConnectionManager* manager_ = nullptr;
  io::Connection* connection_ = nullptr;
  Reservation undone_on_failure_;
  io::Deadline deadline_;
};

}  // namespace connmgr::nodes

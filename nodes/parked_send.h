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
  // It could not be queued, or nobody waits for its end: the iteration is somebody else's again.
  FlowIterationPtr take_iteration() noexcept { return std::move(iteration_); }
  void wait_until(OnShard& here, TimePoint when);

 private:
  void on_sent(OnShard& here, const io::SendReport& report) override;
  void on_timeout(OnShard& here);

  OutputNode* node_ = nullptr;
  FlowIterationPtr iteration_;  // none: nothing waits for this record
  ConnectionManager* manager_ = nullptr;
  io::Connection* connection_ = nullptr;
  Reservation undone_on_failure_;
  io::Deadline deadline_;
};

}  // namespace connmgr::nodes

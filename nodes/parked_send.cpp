#include "nodes/parked_send.h"

#include <utility>

#include "nodes/flow.h"
#include "nodes/flow_shard.h"
#include "nodes/output_node.h"

namespace connmgr::nodes {

ParkedSend::ParkedSend()
    : deadline_([this](OnShard& here) { give_up(here, node_->send_timeout_failure(*manager_)); }) {}

void ParkedSend::prepare(OutputNode& node, FlowIterationPtr iteration, ConnectionManager& manager,
                         io::Connection& connection, const Reservation& undone_on_failure) {
  node_ = &node;
  iteration_ = std::move(iteration);
  manager_ = &manager;
  connection_ = &connection;
  undone_on_failure_ = undone_on_failure;
}

FlowIterationPtr ParkedSend::withdraw() noexcept {
  connection_ = nullptr;
  return std::move(iteration_);
}

void ParkedSend::wait_until(OnShard& here, TimePoint when) {
  deadline_.set(here, when);
}

void ParkedSend::give_up(OnShard& here, const Failure& why) {
  if (connection_) connection_->cancel_send(here, *this, why);
}

void ParkedSend::on_sent(OnShard& here, const io::SendReport& report) {
  deadline_.clear();
  connection_ = nullptr;
  OutputNode& node = *node_;
  FlowIterationPtr iteration = std::move(iteration_);
  if (report.outcome != io::SendOutcome::handed && undone_on_failure_) manager_->release(undone_on_failure_);
  FlowShard& side = node.flow().side(here);
  if (iteration) {
    side.send_over(*this);  // it may be used again by what follows
    return node.sent(here, std::move(iteration), report);
  }
  if (report.outcome != io::SendOutcome::handed) node.tell_lost(here, report);
  side.send_over(*this);
}

}  // namespace connmgr::nodes

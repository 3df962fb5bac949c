#include "nodes/flow_iteration.h"

#include "nodes/flow.h"
#include "nodes/flow_shard.h"
#include "nodes/input_node.h"
#include "nodes/node.h"

namespace connmgr::nodes {

void EndOfPath::operator()(FlowIteration* iteration) const noexcept {
  iteration->path_ended();
}

Holder FlowIteration::holder(const Node& node) const noexcept {
  Holder holder = node.holder();
  holder.iteration = number_;
  return holder;
}

void FlowIteration::remember_use(const ConnectionManager& manager, const ConnectionId& id) {
  for (Used& used : used_) {
    if (used.manager != &manager) continue;
    used.id = id;
    return;
  }
  used_.push_back({&manager, id});
}

ConnectionId FlowIteration::last_used(const ConnectionManager& manager) const noexcept {
  for (const Used& used : used_) {
    if (used.manager == &manager) return used.id;
  }
  return {};
}

void FlowIteration::release_at_end(ConnectionManager& manager, const Reservation& reservation) {
  if (reservation) held_.push_back({&manager, reservation});
}

void FlowIteration::remember_wait(ConnectionManager& manager, Ticket ticket) noexcept {
  ticket_.store(0);
  asked_.store(&manager);
  ticket_.store(ticket.number);
}

void FlowIteration::cancel_wait(OnShard& here) {
  const std::uint64_t ticket = ticket_.exchange(0);
  if (ticket != 0) asked_.load()->cancel(here, Ticket{ticket});
}

bool FlowIteration::failure_is_routed() const noexcept {
  return input_->keeps_original();
}

void FlowIteration::save_branch(const Terminal& terminal, std::size_t next) {
  if (branch_count_ == branches_.size()) branches_.emplace_back();
  Branch& branch = branches_[branch_count_++];
  branch.terminal = &terminal;
  branch.next = next;
  message_.save(branch.message);
}

void FlowIteration::take_next_branch(OnShard& here, FlowIterationPtr iteration) {
  Branch& branch = iteration->branches_[--iteration->branch_count_];
  const Terminal& terminal = *branch.terminal;
  const std::size_t next = branch.next;
  iteration->message_.restore(branch.message);
  terminal.propagate_from(here, std::move(iteration), next);
}

void FlowIteration::path_ended() noexcept {
  OnShard* const here = io::Shard::current();
  if (branch_count_ > 0) {
    // Not from here: the frames of the branch that ended are still below us.
    io::ShardTask next = [iteration = FlowIterationPtr(this)](OnShard& there) mutable {
      take_next_branch(there, std::move(iteration));
    };
    if (here) return here->shard().defer(*here, std::move(next));
    return home_.shard().post(std::move(next));
  }
  if (here) return end(*here);
  home_.shard().post([this](OnShard& at_home) { end(at_home); });
}

void FlowIteration::end(OnShard& here) noexcept {
  for (const Held& held : held_) held.manager->release(held.reservation);
  held_.clear();
  if (&here.shard() == &home_.shard()) return home_.iteration_ended(here, *this);
  // Another message may start now; only the memory goes home.
  home_.flow().instances().give_back(here);
  home_.shard().post([this](OnShard& at_home) { home_.iteration_came_home(at_home, *this); });
}

}  // namespace connmgr::nodes

#include <string>
#include <utility>

#include "connmgr/manager_shard.h"

namespace connmgr {
ConnectionManager::PoolCall::PoolCall(ConnectionManager& manager)
    : manager_(manager), here_(io::Shard::current()), lock_(manager.mutex_, std::defer_lock) {
  // A thread may be in a frame of another group's shard (two groups in one simulated world).
  if (here_ && (here_->shard().index() >= manager.shards_.size() ||
                manager.shards_[here_->shard().index()] != &here_->shard())) {
    here_ = nullptr;
  }
  now_ = here_ ? here_->now() : manager.shards_.front()->now();
  lock_.lock();
}

// Runs for every record several times, and hardly ever has anything to do: what is rare is asked for first.
ConnectionManager::PoolCall::~PoolCall() {
  if (const auto actions = manager_.pool_.actions(); !actions.empty()) {
    for (const Action& action : actions) dispatch(action);
    manager_.pool_.clear_actions();
  }
  if (manager_.follows_pool_) manager_.pool_changed(*this);
  if (const TimePoint next = manager_.pool_.next_deadline(); next < manager_.armed_for_) arm(next);
  if (manager_.stopping_) quit_when_empty();
  lock_.unlock();
  if (to_wake_ != 0) wake_shards();
}

void ConnectionManager::PoolCall::wake_shards() {
  for (ShardIndex i = 0; to_wake_ != 0; ++i, to_wake_ >>= 1) {
    if (to_wake_ & 1) manager_.shards_[i]->wake();
  }
}

void ConnectionManager::PoolCall::park(Ticket ticket, Granted done, ShardIndex asked_on) {
  auto& spare = manager_.spare_pending_;
  if (spare.empty()) {
    manager_.pending_.emplace(ticket.number, Pending{std::move(done), asked_on, now_});
    return;
  }
  auto node = std::move(spare.back());  // the nodes of earlier waits: waiting does not allocate
  spare.pop_back();
  node.key() = ticket.number;
  node.mapped() = Pending{std::move(done), asked_on, now_};
  manager_.pending_.insert(std::move(node));
}

ConnectionManager::Pending ConnectionManager::PoolCall::unpark(Ticket ticket) {
  auto node = manager_.pending_.extract(ticket.number);
  check(!node.empty(), "a ticket without a waiting request");
  Pending pending = std::move(node.mapped());
  manager_.spare_pending_.push_back(std::move(node));
  return pending;
}

void ConnectionManager::PoolCall::subscribe(SubscriptionId id, std::shared_ptr<InputSubscriber> subscriber) {
  manager_.subscribers_.emplace(id.number, std::move(subscriber));
}

std::shared_ptr<InputSubscriber> ConnectionManager::PoolCall::unsubscribe(SubscriptionId id) {
  auto node = manager_.subscribers_.extract(id.number);
  return node.empty() ? nullptr : std::move(node.mapped());
}

void ConnectionManager::PoolCall::deliver(ShardIndex to, Delivery::What what) {
  ShardSide& side = *manager_.sides_[to];
  const bool own = here_ && here_->shard().index() == to;
  if (own && side.arrived.empty()) {
    side.local.push_back(std::move(what));
    if (!std::exchange(side.local_drain_scheduled, true)) {
      side.shard.defer(*here_, [&side](OnShard& here) { side.drain_local(here); });
    }
    return;
  }
  side.arrived.push_back(std::move(what));
  if (std::exchange(side.drain_scheduled, true)) return;
  side.shard.post_without_wake([&side](OnShard& here) { side.drain(here); });
  to_wake_ |= std::uint64_t{1} << to;
}

void ConnectionManager::PoolCall::dispatch(const Action& action) {
  switch (action.kind) {
    case Action::Kind::grant:
      return deliver(action.grant.shard, Delivery::Grant{action.grant, unpark(action.ticket).done});
    case Action::Kind::refuse: {
      Pending pending = unpark(action.ticket);
      return deliver(pending.asked_on, Delivery::Refusal{refusal(action.refusal, now_ - pending.since),
                                                         std::move(pending.done)});
    }
    case Action::Kind::offer: {
      const auto found = manager_.subscribers_.find(action.subscription.number);
      return deliver(
          action.grant.shard,
          Delivery::Offer{action.grant, found == manager_.subscribers_.end() ? nullptr : found->second});
    }
    case Action::Kind::want_permit:
    case Action::Kind::return_permit:
      check(false, "a permit is asked for, but the service has no budget");
      return;
    case Action::Kind::open:
    case Action::Kind::abandon:
    case Action::Kind::close:
    case Action::Kind::abort:
      return deliver(action.grant.shard,
                     Delivery::Command{action.kind, action.grant.connection, action.cause});
  }
}

// The pool has one clock: the timer of the manager's home shard, set only when it has to ring earlier.
void ConnectionManager::PoolCall::arm(TimePoint next) {
  manager_.armed_for_ = next;
  ConnectionManager* manager = &manager_;
  deliver(0, io::ShardTask([manager, next](OnShard& here) {
            auto& deadline = manager->sides_.front()->pool_deadline;
            if (!deadline) {
              deadline.emplace(io::ShardTask([manager](OnShard& then) {
                PoolCall pool(*manager);
                manager->armed_for_ = kNever;
                pool->on_time(then.now());
              }));
            }
            deadline->set(here, std::min(next, deadline->when()));
          }));
}

void ConnectionManager::PoolCall::quit_when_empty() {
  if (manager_.quitting_ || !manager_.pool_.idle()) return;
  manager_.quitting_ = true;
  for (ShardIndex i = 0; i < manager_.sides_.size(); ++i) {
    ShardSide* side = manager_.sides_[i].get();
    deliver(i, io::ShardTask([side](OnShard& here) { side->quit(here); }));
  }
}

RefusalFacts ConnectionManager::PoolCall::refusal(Errc why, Duration waited) const {
  RefusalFacts facts;
  facts.why = why;
  facts.waited = waited;
  facts.settings = manager_.pool_.settings();
  facts.patience = facts.settings.connection_timeout;
  facts.gauges = manager_.pool_.gauges();
  facts.last_failure = manager_.last_failure_;
  // Where others are the cause. With thousands of requests refused at once for one of these reasons, each
  // walks the connections: a refusal is rare, and a pool small.
  if (why == Errc::pool_exhausted || why == Errc::stream_busy || why == Errc::too_many_waiters) {
    add_holders(facts, manager_.name_, manager_.pool_, now_);
  }
  return facts;
}

}  // namespace connmgr

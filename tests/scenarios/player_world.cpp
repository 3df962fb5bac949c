// The shell of the pool: carries out what it asks for, and answers as the peer of the scenario does.
#include "connmgr/core/check.h"
#include "tests/scenarios/enum_names.h"
#include "tests/scenarios/player.h"

namespace connmgr::scenarios {

// After each call of the pool. Nothing here calls it again: what follows is planned.
void Player::carry_out() {
  const std::vector<Action> actions(pool_.actions().begin(), pool_.actions().end());
  pool_.clear_actions();
  pool_.check_invariants();
  for (const Action& action : actions) carry_out(action);
}

void Player::carry_out(const Action& action) {
  switch (action.kind) {
    case Action::Kind::grant: return grant(action);
    case Action::Kind::refuse: return refuse(action);
    case Action::Kind::offer: return offer(action);
    case Action::Kind::open: return begin_attempt(action, true);
    case Action::Kind::want_permit: return begin_attempt(action, false);
    case Action::Kind::return_permit: --permits_out_; return record("PermitReturned", {});
    case Action::Kind::abandon:
    case Action::Kind::close:
    case Action::Kind::abort: return begin_end(action);
  }
}

void Player::grant(const Action& action) {
  granted(label_of(action.ticket), action.grant, now_ - action.waited_since);
}

void Player::granted(const std::string& label, const Grant& grant, Duration waited) {
  Use& use = uses_[label];
  use.state = Use::State::granted;
  use.grant = grant;
  if (use.other == StreamChange::reserve_until_flow_end)
    use.until_flow_end.push_back(grant.other_reservation);
  record("StreamGranted", {label, std::to_string(number_of(grant.connection)),
                           std::string(name_of(grant.direction)), to_text(waited)});
  wake(Running::Waits::for_request, label);
}

void Player::refuse(const Action& action) {
  const std::string label = label_of(action.ticket);
  uses_[label].state = Use::State::refused;
  record("RequestRefused",
         {label, std::string(name_of(action.refusal)), to_text(now_ - action.waited_since)});
  wake(Running::Waits::for_request, label);
}

// Its label is that of the node with the number of the offer: orders.1, orders.2 ...
void Player::offer(const Action& action) {
  for (const auto& [node, subscription] : nodes_) {
    if (subscription != action.subscription) continue;
    const std::string label = node + '.' + std::to_string(++offers_[subscription.number]);
    uses_[label] = {Use::State::granted, StreamChange::leave_unchanged, {}, action.grant, {}};
    record("Offered", {node, std::to_string(number_of(action.grant.connection)), label});
    wake(Running::Waits::for_request, label);
    return;
  }
  fail({1, 1}, "the pool offered a stream to a node that has not subscribed");
}

// With a permit to ask for first, the attempt begins when it has been granted.
void Player::begin_attempt(const Action& action, bool with_answer) {
  const std::uint64_t number = meet(action.grant);
  if (!with_answer) return record("PermitWanted", {std::to_string(number)});
  record("ConnectionOpening", {std::to_string(number), std::to_string(action.grant.shard)});
  wires_[number].attempting = true;
  const ConnectAnswer& next = peer_.connects[std::min(next_answer_, peer_.connects.size() - 1)];
  ++next_answer_;
  if (next.kind == ConnectAnswer::Kind::hangs) return;
  const bool succeeds = next.kind == ConnectAnswer::Kind::succeeds;
  plan(next.after, [this, number, succeeds, reason = next.reason] { answer(number, succeeds, reason); });
}

void Player::answer(std::uint64_t number, bool succeeds, Errc reason) {
  Wire& wire = wires_.at(number);
  if (!wire.attempting) return;  // given up meanwhile, or answered by a step
  wire.attempting = false;
  if (succeeds) {
    record("ConnectionOpened", {std::to_string(number)});
    pool_.opened(wire.connection, now_);
  } else {
    record("ConnectionFailed", {std::to_string(number), std::string(name_of(reason))});
    pool_.open_failed(wire.connection, reason, now_);
  }
  carry_out();
}

void Player::begin_end(const Action& action) {
  const std::uint64_t number = number_of(action.grant.connection);
  Wire& wire = wires_.at(number);
  const bool orderly = action.kind == Action::Kind::close;
  const char* const how = orderly ? "orderly" : action.kind == Action::Kind::abort ? "abort" : "abandon";
  record("ConnectionClosing", {std::to_string(number), std::string(name_of(action.cause)), how});
  wire.attempting = false;
  if (!wire.closing) wire.cause = action.cause;
  wire.closing = true;
  const Duration after = orderly ? *peer_.closes_in : *peer_.aborts_in;
  const int plan_number = ++wire.ends;
  if (after == kForever) return;
  plan(after, [this, number, plan_number] {
    const Wire& ending = wires_.at(number);
    if (ending.ends != plan_number) return;  // by force meanwhile
    record("ConnectionClosed", {std::to_string(number), std::string(name_of(ending.cause))});
    pool_.closed(ending.connection, now_);
    carry_out();
  });
}

std::uint64_t Player::meet(const Grant& grant) {
  for (const auto& [number, wire] : wires_) {
    if (wire.connection == grant.connection) return number;
  }
  const std::optional<ConnectionView> view = pool_.connection(grant.connection);
  // Its slot may be empty again when a permit was wanted and no longer wanted in one call.
  const std::uint64_t number = view ? view->number : wires_.empty() ? 1 : wires_.rbegin()->first + 1;
  wires_[number] = {grant.connection, grant.id};
  return number;
}

std::uint64_t Player::number_of(ConnectionRef connection) const {
  for (const auto& [number, wire] : wires_) {
    if (wire.connection == connection) return number;
  }
  fail({1, 1}, "the pool named a connection that it has neither opened nor admitted");
}

std::string Player::label_of(Ticket ticket) const {
  for (const auto& [label, use] : uses_) {
    if (use.ticket == ticket && use.state == Use::State::waiting) return label;
  }
  fail({1, 1}, "the pool ended a request that does not wait (any more)");
}

}  // namespace connmgr::scenarios

#include "connmgr/manager_shard.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace connmgr {

ConnectionHome::ConnectionHome(OnShard& here, ConnectionManager::ShardSide& on,
                               std::unique_ptr<io::Channel> channel, ConnectionRef ref,
                               std::shared_ptr<const ConfigurableService> opened_with)
    : side(on),
      connection(here, std::move(channel), ref, on, {.close_timeout = opened_with->socket.close_timeout}),
      service(std::move(opened_with)) {}

ConnectionHome& ConnectionManager::ShardSide::adopt(OnShard& here, std::unique_ptr<io::Channel> channel,
                                                    const Newcomer& newcomer) {
  const SlotIndex slot = newcomer.connection.slot;
  if (homes.size() <= slot) homes.resize(slot + 1);
  check(homes[slot] == nullptr, "a slot is used again before its connection has ended");
  auto home = std::make_unique<ConnectionHome>(here, *this, std::move(channel), newcomer.connection,
                                               newcomer.service);
  auto details = std::make_shared<ConnectionDetails>();
  details->id = newcomer.id;
  details->public_name = public_name(manager.name(), newcomer.number, newcomer.id);
  details->type = manager.kind();
  details->service = newcomer.service->name;
  details->local = home->connection.local();
  details->peer = home->connection.peer();
  const bool client = manager.kind() == ServiceKind::client;
  details->hostname = client ? newcomer.service->hostname : details->local.address;
  details->port = client ? details->peer.port : details->local.port;
  details->opened = std::chrono::system_clock::now();
  home->details = std::move(details);
  homes[slot] = std::move(home);
  return *homes[slot];
}

ConnectionHome* ConnectionManager::ShardSide::home(ConnectionRef ref) noexcept {
  if (ref.slot >= homes.size() || !homes[ref.slot]) return nullptr;
  ConnectionHome& found = *homes[ref.slot];
  return found.connection.ref() == ref ? &found : nullptr;
}

void ConnectionManager::ShardSide::lease_returned(OnShard& here, ConnectionHome& home) {
  --home.leases;
  end_when_unused(here, home);
}

// Never from inside the connection's own callback: the frame ends it.
void ConnectionManager::ShardSide::end_when_unused(OnShard& here, ConnectionHome& home) {
  if (!home.closed || home.leases != 0) return;
  std::shared_ptr<ConnectionHome> ending(std::move(homes[home.connection.ref().slot]));
  shard.defer(here, [ending = std::move(ending)](OnShard&) {});
}

// --- deliveries ------------------------------------------------------------------------------------

void ConnectionManager::ShardSide::drain_local(OnShard& here) {
  check(draining_.empty(), "deliveries are carried out one after the other");
  local_drain_scheduled = false;
  draining_.swap(local);
  carry_out_all(here);
}

void ConnectionManager::ShardSide::drain(OnShard& here) {
  drain_local(here);
  {
    const std::lock_guard lock(manager.mutex_);
    if (!drain_scheduled) return;
    drain_scheduled = false;
    draining_.swap(arrived);
  }
  carry_out_all(here);
}

void ConnectionManager::ShardSide::carry_out_all(OnShard& here) {
  for (Delivery::What& what : draining_) carry_out(here, what);
  draining_.clear();
}

void ConnectionManager::ShardSide::carry_out(OnShard& here, Delivery::What& what) {
  if (auto* offer = std::get_if<Delivery::Offer>(&what)) {
    ConnectionHome* at = home(offer->grant.connection);
    check(at != nullptr, "offered a connection that its shard does not have");
    StreamLease lease(manager, *at, offer->grant);
    if (offer->subscriber) offer->subscriber->on_stream(here, std::move(lease));
  } else if (auto* grant = std::get_if<Delivery::Grant>(&what)) {
    ConnectionHome* at = home(grant->grant.connection);
    check(at != nullptr, "granted a connection that its shard does not have");
    grant->done(here, StreamLease(manager, *at, grant->grant));
  } else if (auto* refusal = std::get_if<Delivery::Refusal>(&what)) {
    refusal->done(here, manager.in_words(refusal->facts));
  } else if (auto* task = std::get_if<io::ShardTask>(&what)) {
    (*task)(here);
  } else {
    carry_out(here, std::get<Delivery::Command>(what));
  }
}

void ConnectionManager::ShardSide::carry_out(OnShard& here, const Delivery::Command& command) {
  const ConnectionRef ref = command.connection;
  if (command.kind == Action::Kind::open) return manager.open(here, *this, ref);
  if (command.kind == Action::Kind::abandon) {
    const auto attempt = attempts.extract(ref.slot);  // destroying it cancels it
    PoolCall pool(manager, here);
    pool->closed(ref, here.now());
    return;
  }
  ConnectionHome* at = home(ref);
  if (!at || at->closed) return;  // it ended by itself before this arrived
  if (command.kind == Action::Kind::close) {
    at->connection.close(here);
  } else {
    at->connection.abort(here,
                         Failure(Errc::stale_connection, at->details->public_name + ": closed by force (" +
                                                             std::string(to_string(command.cause)) + ")"));
  }
}

void ConnectionManager::ShardSide::quit(OnShard& here) {
  acceptor.reset();
  pool_deadline.reset();
  force_deadline.reset();
  check(attempts.empty(), "a manager ends while it still connects");
  // After what this frame still has to end.
  shard.defer(here, [keep = manager.shared_from_this()](OnShard&) { keep->side_quit(); });
}

// --- what happens to connections --------------------------------------------------------------------

void ConnectionManager::ShardSide::on_data(OnShard& here, io::Connection& connection) {
  // Called first in a frame, by the loop: so what comes of it (the offer to an Input node) need not wait for
  // the run list.
  const bool drains_here = !std::exchange(local_drain_scheduled, true);
  {
    PoolCall pool(manager, here);
    pool->data_arrived(connection.ref(), here.now());
  }
  if (drains_here) drain_local(here);
}

void ConnectionManager::ShardSide::on_input_ended(OnShard& here, io::Connection& connection) {
  const ConnectionHome* at = home(connection.ref());
  const bool unread = at && at->readable();
  PoolCall pool(manager, here);
  pool->input_ended(connection.ref(), unread, here.now());
  if (!unread && at && !at->service->half_close) pool->close(connection.ref(), CloseCause::peer, here.now());
}

void ConnectionManager::ShardSide::on_broken(OnShard& here, io::Connection& connection, CloseCause cause) {
  PoolCall pool(manager, here);
  pool->broken(connection.ref(), cause, here.now());
}

void ConnectionManager::ShardSide::on_closed(OnShard& here, io::Connection& connection) {
  ConnectionHome* at = home(connection.ref());
  check(at != nullptr, "an unknown connection has closed");
  at->closed = true;
  // The slot is free to be used again when the pool hears of it: the home must be out of it by then.
  end_when_unused(here, *at);
  PoolCall pool(manager, here);
  pool->closed(connection.ref(), here.now());
}

void ConnectionManager::ShardSide::on_accepted(OnShard& here, std::unique_ptr<io::Channel> channel) {
  manager.accepted(here, *this, std::move(channel));
}

void ConnectionManager::ShardSide::on_accept_trouble(OnShard&, const Failure& failure) {
  manager.say_failure(failure.text);
}

}  // namespace connmgr

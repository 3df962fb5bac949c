#include "connmgr/stream_lease.h"

#include <utility>

#include "connmgr/manager_shard.h"

namespace connmgr {

StreamLease::StreamLease(ConnectionManager& manager, ConnectionHome& home, const Grant& grant) noexcept
    : manager_(&manager),
      home_(&home),
      direction_(grant.direction),
      other_reservation_(grant.other_reservation) {
  ++home.leases;
}

void StreamLease::give_back_anywhere() noexcept {
  io::Shard& owner = home_->side.shard;
  if (OnShard* here = io::Shard::current(); here && &here->shard() == &owner) {
    give_back(*here);
  } else {
    owner.post([lease = std::move(*this)](OnShard& there) mutable { lease.give_back(there); });
  }
}

Reserved StreamLease::give_back(OnShard& here) {
  ConnectionHome& home = *std::exchange(home_, nullptr);
  const bool input = direction_ == Direction::input;
  if (input) {
    home.connection.set_reader(nullptr);
    how_.unread = home.readable();
  }
  if (how_.own == StreamChange::release || how_.other == StreamChange::release) home.reply_id.clear();
  Reserved reserved;
  {
    ConnectionManager::PoolCall pool(*manager_, here);
    reserved = pool->give_back(home.connection.ref(), direction_, how_, here.now());
    const bool read_out = input && !how_.unread && home.connection.input_end() == io::ChannelEnd::clean;
    if (read_out && !home.service->half_close) {
      pool->close(home.connection.ref(), CloseCause::peer, here.now());
    }
  }
  home.side.lease_returned(here, home);
  return reserved;
}

const ConnectionId& StreamLease::id() const noexcept {
  return home_->details->id;
}
const std::shared_ptr<const ConnectionDetails>& StreamLease::details() const noexcept {
  return home_->details;
}
io::Connection& StreamLease::connection() const noexcept {
  return home_->connection;
}
std::string_view StreamLease::unread() const noexcept {
  return home_->connection.unread();
}
io::ChannelEnd StreamLease::input_end() const noexcept {
  return home_->connection.input_end();
}
void StreamLease::consume(OnShard& here, std::size_t bytes) {
  home_->connection.consume(here, bytes);
}
void StreamLease::set_reader(io::InputReader* reader) noexcept {
  home_->connection.set_reader(reader);
}
bool StreamLease::owes_piece() const noexcept {
  return home_->owes_piece;
}
void StreamLease::set_owes_piece(bool owes) noexcept {
  home_->owes_piece = owes;
}
const std::string& StreamLease::reply_id() const noexcept {
  return home_->reply_id;
}
void StreamLease::set_reply_id(std::string_view reply_id) {
  home_->reply_id = reply_id;
}

namespace {

// Written by one shard only: a plain store is enough, and cheaper than a locked add.
void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace

std::uint64_t StreamLease::count_input_record(std::size_t bytes) noexcept {
  add(home_->side.records_in, 1);
  add(home_->side.bytes_in, bytes);
  return ++home_->records_in;
}

Result<std::uint64_t> StreamLease::send(OnShard& here, const RecordDefinition& definition,
                                        std::string_view body, io::SendWaiter* waiter) {
  RecordFrame& frame = home_->side.frame;
  if (auto framed = frame_record(definition, body, home_->records_out == 0, frame); !framed) {
    return framed.error();
  }
  home_->connection.send(here, frame.before, frame.body, frame.after, waiter);
  add(home_->side.records_out, 1);
  add(home_->side.bytes_out, frame.size());
  return ++home_->records_out;
}

void StreamLease::close_connection(OnShard& here, CloseCause cause) {
  ConnectionManager::PoolCall pool(*manager_, here);
  pool->close(home_->connection.ref(), cause, here.now());
}

}  // namespace connmgr

// The right to use one stream of one connection, for one step. Move-only; its destructor gives the stream
// back. Ids travel, leases do not: keep the id, not the lease (DESIGN 2.3).
//
// Threads: made, used and destroyed on the shard that owns the connection. (Destroyed elsewhere, it posts
// itself home.) A lease outlives its connection: on a broken one input_end() or the send's report says so.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include "connmgr/connection_details.h"
#include "connmgr/core/pool.h"
#include "connmgr/core/record_writer.h"
#include "connmgr/io/connection.h"
#include "connmgr/io/shard.h"

namespace connmgr {

using io::OnShard;

class ConnectionManager;
struct ConnectionHome;  // a connection on its shard, as its manager keeps it

class StreamLease {
 public:
  StreamLease() = default;
  StreamLease(StreamLease&& other) noexcept { take(other); }
  StreamLease& operator=(StreamLease&& other) noexcept {
    if (this == &other) return *this;
    if (home_) StreamLease given_back(std::move(*this));
    take(other);
    return *this;
  }
  ~StreamLease() {
    if (home_) give_back_anywhere();
  }

  explicit operator bool() const noexcept { return home_ != nullptr; }
  Direction direction() const noexcept { return direction_; }
  const ConnectionId& id() const noexcept;
  const std::shared_ptr<const ConnectionDetails>& details() const noexcept;
  ConnectionManager& manager() const noexcept { return *manager_; }
  io::Connection& connection() const noexcept;

  // What happens to the streams when this use ends (S4). `reserve` of the other stream belongs into the
  // Ask, so that it takes effect before any I/O; here it is for streams that this use has not touched.
  void then(StreamChange own) noexcept { how_.own = own; }
  void then_other(StreamChange other) noexcept { how_.other = other; }
  // The reservation of the other stream that came with the grant: for the iteration to end, or to undo.
  const Reservation& other_reservation() const noexcept { return other_reservation_; }

  // Gives back now; what was reserved comes back, so that `reserve_until_flow_end` can be ended.
  Reserved give_back(OnShard& here);

  // Input: bytes that came and nobody has consumed; how the stream ended.
  std::string_view unread() const noexcept;
  io::ChannelEnd input_end() const noexcept;
  void consume(OnShard& here, std::size_t bytes);
  // Infix records: the detector of the last use has still to give the piece behind the last delimiter, also
  // when that is empty (D3). Kept with the connection, so that the next use goes on where this one ended.
  bool owes_piece() const noexcept;
  void set_owes_piece(bool owes) noexcept;
  // Counts a record in and returns its sequence number on this connection, from 1.
  std::uint64_t count_input_record(std::size_t bytes) noexcept;
  void set_reader(io::InputReader* reader) noexcept;  // cleared when the use ends

  // Output: queues one framed record; `waiter` is told how it went. Returns its sequence number on this
  // connection, from 1. The use may end at once: the record stands whole in the queue (DESIGN 3.4).
  // Fails where the body does not fit the definition; then nothing was queued.
  Result<std::uint64_t> send(OnShard& here, const RecordDefinition& definition, std::string_view body,
                             io::SendWaiter* waiter);

  // The stream cannot be read on, or a node wants the connection closed: ends with the use.
  void close_connection(OnShard& here, CloseCause cause);

  // Reply id (S10): kept with the connection; `release` forgets it.
  const std::string& reply_id() const noexcept;
  void set_reply_id(std::string_view reply_id);

 private:
  friend class ConnectionManager;
  StreamLease(ConnectionManager& manager, ConnectionHome& home, const Grant& grant) noexcept;

  void take(StreamLease& other) noexcept {
    manager_ = other.manager_;
    home_ = std::exchange(other.home_, nullptr);
    direction_ = other.direction_;
    how_ = other.how_;
    other_reservation_ = other.other_reservation_;
  }
  void give_back_anywhere() noexcept;

  ConnectionManager* manager_ = nullptr;
  ConnectionHome* home_ = nullptr;
  Direction direction_ = Direction::input;
  Return how_;
  Reservation other_reservation_;
};

}  // namespace connmgr

// One open connection on its shard: a channel, what has been read and not consumed, what is to be sent.
// It knows nothing of pools, reservations or records; its owner (a connection manager) and whoever holds
// its streams do.
//
// Reading: one own buffer. While nobody reads, the connection reads ahead up to one buffer and then stops
// (back-pressure); consuming starts it again. Sending: a bounded, ordered queue; what is queued during a
// frame leaves in one gather write at the end of it (DESIGN 2.8, 3.4).
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "connmgr/core/close_cause.h"
#include "connmgr/core/error.h"
#include "connmgr/core/ids.h"
#include "connmgr/io/network.h"
#include "connmgr/io/shard.h"

namespace connmgr::io {

class Connection;

// The owner's side: called on the connection's shard.
class ConnectionOwner {
 public:
  virtual void on_data(OnShard& here, Connection& connection) = 0;   // unread() grew and nobody reads
  virtual void on_input_ended(OnShard& here, Connection& connection) = 0;  // FIN; unread() may hold bytes
  // Dead: reset, timeout, error. Unread bytes stay readable until the owner lets it go. Said once.
  virtual void on_broken(OnShard& here, Connection& connection, CloseCause cause) = 0;
  virtual void on_closed(OnShard& here, Connection& connection) = 0;  // after close or abort; destroy it later

 protected:
  ~ConnectionOwner() = default;
};

// Whoever has the input stream now.
class InputReader {
 public:
  // Bytes came, or the stream ended (clean or broken). May consume, let go of the stream, close.
  virtual void on_input(OnShard& here) = 0;

 protected:
  ~InputReader() = default;
};

// What is known about a send (SPEC N9).
enum class SendOutcome : std::uint8_t {
  not_sent,      // no byte of it has left
  handed,        // the kernel has all of it
  unknown        // some of it may have gone
};
std::string_view to_string(SendOutcome outcome);

struct SendReport {
  SendOutcome outcome = SendOutcome::not_sent;
  std::size_t bytes = 0;        // of the record, with what frames it
  std::size_t handed = 0;       // of those, taken by the kernel
  Failure failure;              // why it is not `handed`
};

// Whoever waits for the end of a send. Told exactly once, in order of sending, never from inside send().
class SendWaiter {
 public:
  virtual void on_sent(OnShard& here, const SendReport& report) = 0;

 protected:
  ~SendWaiter() = default;
};

class Connection final : private ChannelEvents, private Flushable {
 public:
  struct Limits {
    std::size_t read_buffer = 64 * 1024;      // most that is read ahead when nobody consumes
    std::size_t send_queue = 256 * 1024;      // bytes queued above which room() is false
    Duration close_timeout = std::chrono::seconds(5);
  };

  // Starts reading. `owner` outlives the connection.
  Connection(OnShard& here, std::unique_ptr<Channel> channel, ConnectionRef ref, ConnectionOwner& owner,
             const Limits& limits);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  ConnectionRef ref() const noexcept { return ref_; }
  const Endpoint& local() const noexcept { return local_; }
  const Endpoint& peer() const noexcept { return peer_; }

  // --- input -------------------------------------------------------------------------------------
  std::string_view unread() const noexcept;
  ChannelEnd input_end() const noexcept { return input_end_; }
  void consume(OnShard& here, std::size_t bytes);
  // A record larger than the read buffer is on its way: unread() may grow up to `bytes` (bounded by
  // max_record_bytes, asked for as the bytes come, never for a length that a peer merely claims: Z3).
  void expect(OnShard& here, std::size_t bytes);
  void set_reader(InputReader* reader) noexcept { reader_ = reader; }

  // --- output ------------------------------------------------------------------------------------
  bool room() const noexcept;                       // the queue takes another record
  void on_room(ShardTask task) { on_room_ = std::move(task); }  // once, when room() becomes true or it breaks
  // Queues one record, made of pieces that are copied; `waiter` may be null. A record of any size is
  // taken whole. On a broken or closing connection: reported as not_sent at the end of the frame.
  void send(OnShard& here, std::string_view before, std::string_view body, std::string_view after,
            SendWaiter* waiter);
  void forget(SendWaiter& waiter) noexcept;         // the waiter goes away before its report
  // Ends the send of a record that takes too long: the connection breaks with send_cut when part of it
  // has gone (N9); otherwise the record leaves the queue. Its report follows.
  void cancel_send(OnShard& here, SendWaiter& waiter, const Failure& why);
  std::size_t queued() const noexcept { return queued_bytes_; }

  // --- end ---------------------------------------------------------------------------------------
  bool broken() const noexcept { return broken_; }
  const Failure& failure() const noexcept { return failure_; }   // why, when broken
  void half_close(OnShard& here);                   // FIN after the queue has gone; input goes on
  // Never blocks, and loses nothing that was queued: flush, FIN, read on until the peer's end or
  // close_timeout, then close; at once when nothing is queued, unacknowledged or unread (SPEC section 8).
  void close(OnShard& here);
  void abort(OnShard& here, const Failure& why);    // reset, now; sends end as they stand

 private:
  struct QueuedSend {
    std::size_t bytes = 0;
    std::size_t handed = 0;
    SendWaiter* waiter = nullptr;
  };

  void on_read(OnShard& here, const ReadOutcome& outcome) override;
  void on_writable(OnShard& here) override;
  void flush(OnShard& here) override;

  ConnectionRef ref_;
  std::unique_ptr<Channel> channel_;
  ConnectionOwner& owner_;
  Limits limits_;
  Endpoint local_;
  Endpoint peer_;
  InputReader* reader_ = nullptr;
  ChannelEnd input_end_ = ChannelEnd::none;
  bool broken_ = false;
  Failure failure_;
  std::size_t queued_bytes_ = 0;
  ShardTask on_room_;
};

}  // namespace connmgr::io

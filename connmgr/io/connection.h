// One open connection on its shard: a channel, what has been read and not consumed, what is to be sent.
// It knows nothing of pools, reservations or records; its owner (a connection manager) and whoever holds
// its streams do.
//
// Reading: one own buffer. While nobody reads, the connection reads ahead up to one buffer and then stops
// (back-pressure); consuming starts it again. Sending: a bounded, ordered queue; what is queued during a
// frame leaves in one gather write at the end of it (DESIGN 2.8, 3.4).
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "connmgr/core/close_cause.h"
#include "connmgr/core/error.h"
#include "connmgr/core/ids.h"
#include "connmgr/io/network.h"
#include "connmgr/io/read_buffer.h"
#include "connmgr/io/send_queue.h"
#include "connmgr/io/shard.h"

namespace connmgr::io {

class Connection;

// The owner's side: called on the connection's shard.
class ConnectionOwner {
 public:
  // unread() grew and no reader is set.
  virtual void on_data(OnShard& here, Connection& connection) = 0;
  // FIN; unread() may hold bytes. Said before the reader, if there is one, is told.
  virtual void on_input_ended(OnShard& here, Connection& connection) = 0;
  // Dead: reset, timeout, error. Unread bytes stay readable until the owner lets it go. Said once, and
  // before the reader is told.
  virtual void on_broken(OnShard& here, Connection& connection, CloseCause cause) = 0;
  // After close or abort, when every send has been reported. Destroy it later, not from inside this.
  virtual void on_closed(OnShard& here, Connection& connection) = 0;

 protected:
  ~ConnectionOwner() = default;
};

// Whoever has the input stream now.
class InputReader {
 public:
  // Bytes came, or the stream ended: input_end() says how. May consume, let go of the stream, close.
  virtual void on_input(OnShard& here) = 0;

 protected:
  ~InputReader() = default;
};

// What is known about a send (SPEC N9).
enum class SendOutcome : std::uint8_t {
  not_sent,  // no byte of it has left
  handed,    // the kernel has all of it
  unknown    // some of it may have gone
};
std::string_view to_string(SendOutcome outcome);

struct SendReport {
  SendOutcome outcome = SendOutcome::not_sent;
  std::size_t bytes = 0;   // of the record, with what frames it
  std::size_t handed = 0;  // of those, taken by the kernel
  Failure failure;         // why it is not `handed`
};

// Whoever waits for the end of a send. Told exactly once, at the end of a frame, never from inside send();
// in order of sending, except that a cancelled or refused send does not wait for those before it.
class SendWaiter {
 public:
  virtual void on_sent(OnShard& here, const SendReport& report) = 0;

 protected:
  ~SendWaiter() = default;
};

class Connection final : private ChannelEvents, private Flushable {
 public:
  struct Limits {
    std::size_t read_buffer = 64 * 1024;  // most that is read ahead when nobody consumes
    std::size_t send_queue = 256 * 1024;  // bytes queued above which room() is false
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
  std::string_view unread() const noexcept { return input_.unread(); }  // valid until this frame ends
  ChannelEnd input_end() const noexcept { return input_end_; }
  void consume(OnShard& here, std::size_t bytes);
  // A record larger than the read buffer is on its way: unread() may grow up to `bytes` (bounded by
  // max_record_bytes, asked for as the bytes come, never for a length that a peer merely claims: Z3).
  void expect(OnShard& here, std::size_t bytes);
  void set_reader(InputReader* reader) noexcept { reader_ = reader; }

  // --- output ------------------------------------------------------------------------------------
  bool room() const noexcept;                                   // the queue takes another record
  void on_room(ShardTask task) { on_room_ = std::move(task); }  // once, when room() becomes true or it breaks
  // Queues one record, made of pieces that are copied; `waiter` may be null. A record of any size is
  // taken whole. On a broken or closing connection: reported as not_sent at the end of the frame.
  void send(OnShard& here, std::string_view before, std::string_view body, std::string_view after,
            SendWaiter* waiter);
  void forget(SendWaiter& waiter) noexcept;  // the waiter goes away before its report
  // Ends the send of a record that takes too long: the connection breaks with send_cut when part of it
  // has gone (N9); otherwise the record leaves the queue. Its report follows.
  void cancel_send(OnShard& here, SendWaiter& waiter, const Failure& why);
  std::size_t queued() const noexcept { return queued_bytes_; }

  // --- end ---------------------------------------------------------------------------------------
  bool broken() const noexcept { return broken_; }
  const Failure& failure() const noexcept { return failure_; }  // why, when broken or aborted
  void half_close(OnShard& here);                               // FIN after the queue has gone; input goes on
  // Never blocks, and loses nothing that was queued: flush, FIN, read on until the peer's end or
  // close_timeout, then close; at once when nothing is queued, unacknowledged or unread (SPEC section 8).
  void close(OnShard& here);
  void abort(OnShard& here, const Failure& why);  // reset, now; sends end as they stand

 private:
  enum class Stage : std::uint8_t {
    open,
    flushing,   // close(): what is queued goes first
    lingering,  // FIN sent; reading on, so that what comes does not turn the close into a reset
    ending,     // the descriptor is closed; the last reports go out, then the owner is told
    closed
  };
  struct QueuedSend {
    std::size_t bytes = 0;
    std::size_t handed = 0;
    SendWaiter* waiter = nullptr;
  };
  struct FinishedSend {
    QueuedSend send;
    SendOutcome outcome = SendOutcome::not_sent;
    std::unique_ptr<Failure> why;  // only of those that failed: the others cost no string
  };

  void on_read(OnShard& here, const ReadOutcome& outcome) override;
  void on_writable(OnShard& here) override;
  void flush(OnShard& here) override;

  std::string what() const { return "connection to " + to_string(peer_); }
  bool discards_input() const noexcept { return stage_ != Stage::open; }
  bool descriptor_open() const noexcept { return stage_ < Stage::ending; }
  std::size_t read_limit() const noexcept { return std::max(limits_.read_buffer, expected_); }
  void read_on(OnShard& here);
  void on_input_end(OnShard& here, ChannelEnd end, const std::error_code& error);

  bool takes_sends() const noexcept {
    return stage_ == Stage::open && !broken_ && !output_dead_ && !half_close_;
  }
  Failure why_not_sent() const;
  void write(OnShard& here);
  void taken_by_kernel(std::size_t bytes);
  void on_write_failed(OnShard& here, const WriteOutcome& outcome);
  void finish_send(const QueuedSend& send);
  void fail_send(const QueuedSend& send, const Failure& why);
  void fail_sends(const Failure& why);
  void report_sends(OnShard& here);
  void tell_of_room(OnShard& here);

  void shut_output(OnShard& here);
  void go_on_closing(OnShard& here);
  void on_close_timeout(OnShard& here);
  void end(OnShard& here);  // closes the descriptor
  void say_closed(OnShard& here);
  void break_with(OnShard& here, CloseCause cause, Failure why);

  Shard& shard_;
  ConnectionRef ref_;
  std::unique_ptr<Channel> channel_;
  ConnectionOwner& owner_;
  const Limits limits_;
  const Endpoint local_;
  const Endpoint peer_;

  Stage stage_ = Stage::open;
  bool broken_ = false;
  Failure failure_;
  Deadline close_by_;

  ReadBuffer input_;
  std::size_t expected_ = 0;  // unread() may grow to this for the record under way
  InputReader* reader_ = nullptr;
  ChannelEnd input_end_ = ChannelEnd::none;
  bool reading_ = false;

  ByteQueue output_;
  Fifo<QueuedSend> sends_;
  Fifo<FinishedSend> finished_;
  std::size_t queued_bytes_ = 0;
  bool waiting_writable_ = false;
  bool half_close_ = false;                       // asked for
  bool output_shut_ = false;                      // and done
  bool output_dead_ = false;                      // sending failed; what the peer sent before may still come
  CloseCause output_death_ = CloseCause::failed;  // of that
  ShardTask on_room_;
};

}  // namespace connmgr::io

// What of one connection manager lives on one shard: its connections there, its attempts to connect, its
// acceptor, and the deliveries that other shards have sent. Private to the managers.
//
// Threads: everything here belongs to the shard, except `arrived`, which the manager's mutex guards.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "connmgr/connection_manager.h"
#include "connmgr/core/record_writer.h"
#include "connmgr/refusal.h"

namespace connmgr {

// A connection on its shard. Stays until its descriptor is closed and the last lease is back, so that a
// lease outlives its connection.
struct ConnectionHome {
  ConnectionHome(OnShard& here, ConnectionManager::ShardSide& on, std::unique_ptr<io::Channel> channel,
                 ConnectionRef ref, std::shared_ptr<const ConfigurableService> opened_with);

  ConnectionManager::ShardSide& side;
  io::Connection connection;
  std::shared_ptr<const ConnectionDetails> details;
  std::shared_ptr<const ConfigurableService> service;  // the version it was opened with (DESIGN 2.11)
  // Something to read: bytes, or with the stream's end the last infix piece, which may be empty (D3).
  bool readable() const noexcept {
    return !connection.unread().empty() ||
           (owes_piece && connection.input_end() == io::ChannelEnd::clean);
  }

  std::string reply_id;
  bool owes_piece = false;
  std::uint64_t records_in = 0;
  std::uint64_t records_out = 0;
  unsigned leases = 0;
  bool closed = false;
};

// A request that waits: what to call, and where when it is refused.
struct ConnectionManager::Pending {
  Granted done;
  ShardIndex asked_on = 0;
  TimePoint since{};
};

// One thing for a shard to do, decided under the manager's lock and carried out after it, in the order of
// decision (DESIGN 3.1).
struct Delivery {
  struct Grant {
    connmgr::Grant grant;
    Granted done;
  };
  struct Refusal {
    RefusalFacts facts;
    Granted done;
  };
  struct Offer {
    connmgr::Grant grant;
    std::shared_ptr<InputSubscriber> subscriber;
  };
  struct Command {
    Action::Kind kind;
    ConnectionRef connection;
    CloseCause cause;
  };
  using What = std::variant<Command, Grant, Refusal, Offer, io::ShardTask>;
};

class ConnectionManager::ShardSide final : public io::ConnectionOwner, public io::AcceptEvents {
 public:
  ShardSide(ConnectionManager& owner, io::Shard& on) : manager(owner), shard(on) {}

  // A connection has come to be: made by connecting, or admitted. It starts reading.
  struct Newcomer {
    ConnectionRef connection;
    ConnectionId id;
    std::uint64_t number = 0;
    std::shared_ptr<const ConfigurableService> service;  // it was opened with
  };
  ConnectionHome& adopt(OnShard& here, std::unique_ptr<io::Channel> channel, const Newcomer& newcomer);
  ConnectionHome* home(ConnectionRef ref) noexcept;
  void lease_returned(OnShard& here, ConnectionHome& home);

  // The deliveries: `local` holds what this shard decided itself while nothing had arrived from others, so
  // everything in it was decided before everything in `arrived`. The first needs no lock.
  void drain_local(OnShard& here);
  void drain(OnShard& here);

  // Lets go of everything that belongs to the shard; the manager is empty.
  void quit(OnShard& here);

  void on_data(OnShard& here, io::Connection& connection) override;
  void on_input_ended(OnShard& here, io::Connection& connection) override;
  void on_broken(OnShard& here, io::Connection& connection, CloseCause cause) override;
  void on_closed(OnShard& here, io::Connection& connection) override;
  void on_accepted(OnShard& here, std::unique_ptr<io::Channel> channel) override;
  void on_accept_trouble(OnShard& here, const Failure& failure) override;

  ConnectionManager& manager;
  io::Shard& shard;
  std::vector<std::unique_ptr<ConnectionHome>> homes;  // by slot
  std::unordered_map<SlotIndex, std::unique_ptr<io::ConnectAttempt>> attempts;
  std::unique_ptr<io::Acceptor> acceptor;
  std::optional<io::Deadline> pool_deadline;   // home shard of the manager only: Pool::next_deadline
  std::optional<io::Deadline> force_deadline;  // likewise: the end of drain_timeout

  RecordFrame frame;  // for StreamLease::send: its room stays, so padding is not allocated anew each time

  // Written here, read by snapshots.
  std::atomic<std::uint64_t> records_in{0};
  std::atomic<std::uint64_t> records_out{0};
  std::atomic<std::uint64_t> bytes_in{0};
  std::atomic<std::uint64_t> bytes_out{0};

  std::vector<Delivery::What> local;
  bool local_drain_scheduled = false;
  std::vector<Delivery::What> arrived;  // guarded by the manager's mutex
  bool drain_scheduled = false;         // likewise

 private:
  void carry_out(OnShard& here, Delivery::What& what);
  void carry_out(OnShard& here, const Delivery::Command& command);
  void carry_out_all(OnShard& here);  // what is in draining_
  void end_when_unused(OnShard& here, ConnectionHome& home);

  std::vector<Delivery::What> draining_;
};

// The manager's lock around its pool. When it ends, the pool's actions are on their way to their shards;
// the shards are woken after the lock is let go.
class ConnectionManager::PoolCall {
 public:
  explicit PoolCall(ConnectionManager& manager);  // from any thread
  PoolCall(ConnectionManager& manager, OnShard& here) noexcept
      : manager_(manager), here_(&here), now_(here.now()), lock_(manager.mutex_) {}
  ~PoolCall();
  PoolCall(const PoolCall&) = delete;
  PoolCall& operator=(const PoolCall&) = delete;

  Pool* operator->() noexcept { return &manager_.pool_; }
  TimePoint now() const noexcept { return now_; }
  void park(Ticket ticket, Granted done, ShardIndex asked_on);
  Pending unpark(Ticket ticket);
  void subscribe(SubscriptionId id, std::shared_ptr<InputSubscriber> subscriber);
  std::shared_ptr<InputSubscriber> unsubscribe(SubscriptionId id);
  void deliver(ShardIndex to, Delivery::What what);
  RefusalFacts refusal(Errc why, Duration waited) const;  // put into words after the lock

 private:
  void dispatch(const Action& action);
  void arm(TimePoint next);
  void quit_when_empty();
  void wake_shards();

  ConnectionManager& manager_;
  OnShard* here_;  // the frame this thread is in, when it is one of this manager's shards
  TimePoint now_;
  std::unique_lock<std::mutex> lock_;
  std::uint64_t to_wake_ = 0;  // shards, one bit each
};

}  // namespace connmgr

// The pool for one remote address (client) or one local port (server): hands out the input and output
// streams of its connections. Made by an ExecutionGroup, shared by every flow in it.
//
// Lifetime: from the first use to the end of the last (SPEC G1); it ends by itself when stop() has been
// called and the last lease is back. Threads: as the signatures say; without OnShard any thread may call.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "connmgr/configurable_service.h"
#include "connmgr/connection_details.h"
#include "connmgr/core/pool.h"
#include "connmgr/holder_names.h"
#include "connmgr/io/network.h"
#include "connmgr/io/shard.h"
#include "connmgr/snapshot.h"
#include "connmgr/stream_lease.h"

namespace connmgr {

// Runs exactly once: with a lease on the shard of the chosen connection, or with a failure on the asking
// shard; inside the call when it can be told at once and no hop is needed, otherwise later.
using Granted = UniqueFunction<void(OnShard&, Result<StreamLease>)>;

// An Input node's standing request (SPEC N2): called on the shard of the connection, never under a lock.
class InputSubscriber {
 public:
  virtual ~InputSubscriber() = default;
  // An input stream with at least one byte to read (or an end). Dropping the lease gives it back; bytes
  // left unread are then offered again.
  virtual void on_stream(OnShard& here, StreamLease stream) = 0;
};

struct RefusalFacts;

// Where a manager lives; all of it outlives the manager.
struct ManagerSurroundings {
  std::vector<io::Shard*> shards;
  io::Network& network;
  const HolderNames& names;
};

class ConnectionManager : public std::enable_shared_from_this<ConnectionManager> {
 public:
  virtual ~ConnectionManager();
  ConnectionManager(const ConnectionManager&) = delete;
  ConnectionManager& operator=(const ConnectionManager&) = delete;

  const std::string& name() const noexcept { return name_; }
  std::shared_ptr<const ConfigurableService> service() const;
  ServiceKind kind() const noexcept { return kind_; }
  virtual std::string address() const = 0;  // for people: where it connects to or listens
  virtual std::uint16_t port() const = 0;   // the real one, also for `auto`

  // --- streams -----------------------------------------------------------------------------------
  // `ask.shard` is filled in. A waiting request can be cancelled by its ticket; an empty ticket: `done`
  // has run or will run for sure.
  Ticket acquire(OnShard& here, Ask ask, Granted done);
  bool cancel(OnShard& here, Ticket ticket);

  // An offer that is on its way when unsubscribe() returns still arrives; dropping it is right.
  SubscriptionId subscribe(const Holder& holder, std::shared_ptr<InputSubscriber> subscriber);
  void unsubscribe(SubscriptionId subscription);

  // A reservation that a node made ends (end of flow iteration, S5). Any thread; nothing if it is over.
  void release(const Reservation& reservation);
  // Any node may change a stream that it does not use (S4).
  // Nothing: no such connection (any more).
  std::optional<Reservation> modify(const ConnectionId& id, Direction direction, StreamChange change);

  // --- life --------------------------------------------------------------------------------------
  // Listens, or opens the minimum. port_in_use and the like: nothing is left behind.
  virtual Result<void> start() = 0;
  void pause();
  void resume();
  // No new streams; unused connections close now, used ones as they come back, at `drain_timeout` by
  // force (G9). Returns at once.
  void stop(Errc why, CloseCause cause, Duration drain_timeout);
  bool ended() const noexcept { return ended_.load(); }  // stopped, and nothing is left on any shard
  // Called once when that has come to be, on some shard. Set before start().
  void on_ended(UniqueFunction<void()> told) { told_ = std::move(told); }
  void apply(std::shared_ptr<const ConfigurableService> service, bool has_client_input_node);

  ManagerSnapshot snapshot() const;

 protected:
  ConnectionManager(std::string name, std::shared_ptr<const ConfigurableService> service,
                    const PoolSettings& settings, const ManagerSurroundings& around);

  struct Pending;   // a waiting request's callback
  class PoolCall;   // the lock, the pool, and its actions sent on their way
  class ShardSide;  // what of this manager lives on one shard
  friend class StreamLease;
  friend struct ConnectionHome;

  // What client and server do differently; on the shard named by `side`.
  virtual void open(OnShard& here, ShardSide& side, ConnectionRef connection) = 0;
  virtual void accepted(OnShard& here, ShardSide& side, std::unique_ptr<io::Channel> channel) = 0;
  // Under the lock, after each call of the pool, if `follows_pool_`: no log, no system call.
  virtual void pool_changed(PoolCall&) {}
  virtual void stop_listening() {}         // server: the port is free when it returns; not under the lock
  virtual void stop_sources(PoolCall&) {}  // under the lock

  ShardSide& side_of(OnShard& here) noexcept;
  Failure in_words(const RefusalFacts& facts) const;
  void say_failure(const std::string& text);  // kept for refusals and snapshots; logged, repeats counted
  void forget_failure();                      // it works again

  std::string name_;
  std::string address_text_;  // as address() was when it started
  ServiceKind kind_;
  std::vector<io::Shard*> shards_;
  io::Network& network_;
  const HolderNames& names_;
  std::vector<std::unique_ptr<ShardSide>> sides_;
  bool follows_pool_ = false;  // wants pool_changed(); under the mutex

 private:
  friend class PoolCall;

  void side_quit();

  mutable std::mutex mutex_;  // the manager's one mutex: around the pool and what is declared below
  Pool pool_;
  std::shared_ptr<const ConfigurableService> service_;
  std::string last_failure_;  // empty: the last attempt went well
  TimePoint failure_said_at_{};
  unsigned failure_repeats_ = 0;
  std::unordered_map<std::uint64_t, Pending> pending_;  // by ticket
  std::vector<std::unordered_map<std::uint64_t, Pending>::node_type> spare_pending_;
  std::unordered_map<std::uint32_t, std::shared_ptr<InputSubscriber>> subscribers_;
  TimePoint armed_for_ = kNever;  // what the home shard's timer is set to, or on its way to
  bool stopping_ = false;
  bool quitting_ = false;

  std::atomic<std::size_t> sides_left_;
  std::atomic<bool> ended_{false};
  UniqueFunction<void()> told_;
};

}  // namespace connmgr

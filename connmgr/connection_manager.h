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

class ConnectionManager : public std::enable_shared_from_this<ConnectionManager> {
 public:
  virtual ~ConnectionManager();
  ConnectionManager(const ConnectionManager&) = delete;
  ConnectionManager& operator=(const ConnectionManager&) = delete;

  const std::string& name() const noexcept { return name_; }
  std::shared_ptr<const ConfigurableService> service() const;
  ServiceKind kind() const noexcept { return kind_; }
  std::string address() const;     // for people: where it connects to or listens

  // --- streams -----------------------------------------------------------------------------------
  // `ask.shard` is filled in. A waiting request can be cancelled by its ticket; an empty ticket: `done`
  // has run or will run for sure.
  Ticket acquire(OnShard& here, Ask ask, Granted done);
  bool cancel(OnShard& here, Ticket ticket);

  std::shared_ptr<InputSubscriber> subscribe(const Holder& holder, std::shared_ptr<InputSubscriber> subscriber);
  void unsubscribe(const std::shared_ptr<InputSubscriber>& subscriber);

  // A reservation that a node made ends (end of flow iteration, S5). Any thread; nothing if it is over.
  void release(const Reservation& reservation);
  // Any node may change a stream that it does not use (S4). False: the id is unknown.
  Reservation modify(const ConnectionId& id, Direction direction, StreamChange change);

  // --- life --------------------------------------------------------------------------------------
  // Listens, or opens the minimum. port_in_use and the like: nothing is left behind.
  virtual Result<void> start();
  void pause();
  void resume();
  // No new streams; unused connections close now, used ones as they come back, at `drain_timeout` by
  // force (G9). Returns at once.
  void stop(Errc why, CloseCause cause, Duration drain_timeout);
  bool idle() const;               // stopped, and nothing is left on any shard
  void apply(std::shared_ptr<const ConfigurableService> service, bool has_client_input_node);

  ManagerSnapshot snapshot() const;

 protected:
  ConnectionManager(std::string name, std::shared_ptr<const ConfigurableService> service,
                    const PoolSettings& settings, std::vector<io::Shard*> shards, io::Network& network);

  struct Pending;                  // a waiting request's callback
  class PoolCall;                  // the lock, the pool, and its actions sent on their way
  class ShardSide;                 // what of this manager lives on one shard
  friend class StreamLease;
  friend struct ConnectionHome;

  // Which of the two carries these out.
  virtual void open(OnShard& here, ShardSide& side, ConnectionRef connection) = 0;
  virtual void abandon(OnShard& here, ShardSide& side, ConnectionRef connection) = 0;
  virtual void stop_sources() {}   // server: the port is closed at once

  std::string name_;
  ServiceKind kind_;
  std::vector<io::Shard*> shards_;
  io::Network& network_;
  std::vector<std::unique_ptr<ShardSide>> sides_;

 private:
  friend class PoolCall;

  mutable std::mutex mutex_;       // the manager's one mutex: around the pool and what is declared below
  Pool pool_;
  std::shared_ptr<const ConfigurableService> service_;
  std::string last_failure_;
};

}  // namespace connmgr

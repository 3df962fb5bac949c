// One message's way through a flow, from its Input node to the end, errors included.
//
// Who holds the FlowIterationPtr is the current node. Dropping it ends that way: the next branch is taken,
// where a terminal was wired to several nodes; else the iteration ends, and with it, on every path, the
// reservations made until flow end (SPEC S5) and the use of an instance (N7). Iterations are used again.
//
// Threads: one holder at a time, on whatever shard; dropping it is allowed anywhere.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "connmgr/connection_manager.h"
#include "connmgr/core/error.h"
#include "connmgr/core/pool.h"
#include "connmgr/io/shard.h"
#include "nodes/message.h"

namespace connmgr::nodes {

using io::OnShard;

class FlowIteration;
class FlowShard;
class InputNode;
class InputSession;
class MidFlowNode;
class Node;
class Terminal;

struct EndOfPath {
  void operator()(FlowIteration* iteration) const noexcept;
};
using FlowIterationPtr = std::unique_ptr<FlowIteration, EndOfPath>;

class FlowIteration {
 public:
  explicit FlowIteration(FlowShard& home) : home_(home) {}
  FlowIteration(const FlowIteration&) = delete;
  FlowIteration& operator=(const FlowIteration&) = delete;

  Message& message() noexcept { return message_; }
  LocalEnvironment& local_environment() noexcept { return message_.local_environment(); }
  std::uint64_t number() const noexcept { return number_; }
  Holder holder(const Node& node) const noexcept;

  // The connection used last, manager by manager: where `automatic` goes (N10).
  void remember_use(const ConnectionManager& manager, const ConnectionId& id);
  ConnectionId last_used(const ConnectionManager& manager) const noexcept;

  // A reservation that ends with this iteration (S5); an empty one is ignored.
  void release_at_end(ConnectionManager& manager, const Reservation& reservation);

  // It waits for a stream under this ticket. Said after the fact, when it may run already: so a cancelled
  // ticket may be an old one, which does nothing.
  void remember_wait(ConnectionManager& manager, Ticket ticket) noexcept;
  void cancel_wait(OnShard& here);

  // Whether other branches of this message are still to be taken.
  bool has_more_branches() const noexcept { return branch_count_ > 0; }
  // Whether the Input node has a terminal for a failure of this message.
  bool failure_is_routed() const noexcept;

 private:
  friend struct EndOfPath;
  friend class FlowShard;
  friend class InputNode;
  friend class InputSession;
  friend class Terminal;

  enum class Route : std::uint8_t { normal, in_catch, in_failure };

  struct Used {
    const ConnectionManager* manager = nullptr;
    ConnectionId id;
  };
  struct Held {
    ConnectionManager* manager = nullptr;
    Reservation reservation;
  };
  struct Branch {
    const Terminal* terminal = nullptr;
    std::size_t next = 0;  // of the terminal's targets
    Message::Saved message;
  };

  void save_branch(const Terminal& terminal, std::size_t next);
  static void take_next_branch(OnShard& here, FlowIterationPtr iteration);
  void path_ended() noexcept;
  void end(OnShard& here) noexcept;  // on any shard

  FlowShard& home_;  // where it started and where its memory belongs
  InputNode* input_ = nullptr;
  InputSession* session_ = nullptr;  // if that one wants to know the end; touched at home only
  Message message_;
  std::uint64_t number_ = 0;
  Route route_ = Route::normal;
  std::atomic<std::uint64_t> ticket_{0};  // of its last wait; any shard
  std::atomic<ConnectionManager*> asked_{nullptr};
  std::vector<Used> used_;
  std::vector<Held> held_;
  std::vector<Branch> branches_;  // the first branch_count_ of it: entries are used again
  std::size_t branch_count_ = 0;
};

}  // namespace connmgr::nodes

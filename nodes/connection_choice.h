// Which connection an Output or Receive node uses (SPEC N10), and its request to the manager.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connmgr/connection_manager.h"
#include "connmgr/core/error.h"
#include "connmgr/core/pool.h"
#include "connmgr/execution_group.h"
#include "nodes/flow_iteration.h"
#include "nodes/local_environment.h"

namespace connmgr::nodes {

enum class ConnectionChoice : std::uint8_t {
  automatic,  // the id in the node's override; else what this iteration used last on that manager; else any
  any,        // any available connection
  by_id,      // the id at `id_location`; none there: any
  required    // the id at `id_location`; none there: the failure id_required
};

// Where a node's messages go, in words of its settings, and what becomes of that for one message.
//
// A message may name another address (SPEC 15): the manager for it, with the properties of the node's
// service, is made at its first use and stays until the flow is undeployed; at most kMostAddresses of them.
class ConnectionChooser {
 public:
  static constexpr std::size_t kMostAddresses = 1000;

  // Takes the manager. `own_override`: where the id is, if `id_location` does not say.
  Result<void> prepare(ExecutionGroup& group, ServiceKind kind, std::string_view connection_details,
                       ConnectionChoice choice, std::string_view id_location, std::string_view own_override);
  void end() noexcept;

  ConnectionManager& manager() const noexcept { return *use_; }  // of the settings
  // Of one message.
  Result<ConnectionManager*> manager_for(OnShard& here, const Destination& told);

  struct Chosen {
    ConnectionId id;           // empty: any
    bool used_before = false;  // `automatic` found it in this iteration
  };
  // Why a request for it was refused, in the words of N10: a connection that this iteration has used and
  // that is gone is closed, not unknown.
  static Failure refusal(bool used_before, Failure why);
  Result<Chosen> choose(const FlowIteration& iteration, const ConnectionManager& on, const Destination& told,
                        const LocalEnvironment& environment) const;

 private:
  struct Elsewhere {
    std::string hostname;
    std::uint16_t port = 0;
    ManagerUse use;
  };

  ExecutionGroup* group_ = nullptr;
  ManagerUse use_;
  std::shared_ptr<const ConfigurableService> service_;
  std::vector<std::vector<Elsewhere>> elsewhere_;  // by shard, each touched by its own shard alone
  std::atomic<std::size_t> addresses_{0};
  ConnectionChoice choice_ = ConnectionChoice::automatic;
  EnvironmentPath id_location_;
  std::string id_location_text_;
};

// The earlier of a setting and what a message says.
std::optional<Duration> shorter(std::optional<Duration> setting, std::optional<Duration> told);

}  // namespace connmgr::nodes

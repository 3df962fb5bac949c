// Which connection an Output or Receive node uses (SPEC N10), and its request to the manager.
#pragma once

#include <optional>
#include <string>
#include <string_view>

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
class ConnectionChooser {
 public:
  // Takes the manager. `own_override`: where the id is, if `id_location` does not say.
  Result<void> prepare(ExecutionGroup& group, ServiceKind kind, std::string_view connection_details,
                       ConnectionChoice choice, std::string_view id_location, std::string_view own_override);
  void end() noexcept { use_.end(); }

  ConnectionManager& manager() const noexcept { return *use_; }

  struct Chosen {
    ConnectionId id;           // empty: any
    bool used_before = false;  // `automatic` found it in this iteration
  };
  // Why a request for it was refused, in the words of N10: a connection that this iteration has used and
  // that is gone is closed, not unknown.
  static Failure refusal(bool used_before, Failure why);
  Result<Chosen> choose(const FlowIteration& iteration, const Destination& told,
                        const LocalEnvironment& environment) const;

 private:
  ManagerUse use_;
  ConnectionChoice choice_ = ConnectionChoice::automatic;
  EnvironmentPath id_location_;
  std::string id_location_text_;
};

// The earlier of a setting and what a message says.
std::optional<Duration> shorter(std::optional<Duration> setting, std::optional<Duration> told);

}  // namespace connmgr::nodes

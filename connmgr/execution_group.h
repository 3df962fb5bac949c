// The process-wide owner of shards, configurable services and connection managers (SPEC section 2).
//
// One per process, made first and destroyed last. Nodes ask it for a manager by connection details; all
// nodes with the same details share one (G2). Any thread may call.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "connmgr/configurable_service.h"
#include "connmgr/connection_details_text.h"
#include "connmgr/connection_manager.h"
#include "connmgr/io/network.h"
#include "connmgr/io/shard.h"

namespace connmgr {

struct ExecutionGroupSettings {
  unsigned shards = 0;  // I/O threads; 0: one for each core, at most 8
  std::string name = "default";
};

// A node's hold on its manager (G1): the manager lives while one of these does. Moved, not copied.
class ManagerUse {
 public:
  ManagerUse() = default;
  ManagerUse(ManagerUse&&) noexcept = default;
  ManagerUse& operator=(ManagerUse&& other) noexcept;
  ~ManagerUse() { end(); }

  ConnectionManager* operator->() const noexcept { return manager_.get(); }
  ConnectionManager& operator*() const noexcept { return *manager_; }
  explicit operator bool() const noexcept { return manager_ != nullptr; }
  void end() noexcept;  // the last one stops the manager

 private:
  friend class ExecutionGroup;
  std::shared_ptr<ConnectionManager> manager_;
  class ExecutionGroup* group_ = nullptr;
};

class ExecutionGroup {
 public:
  // With the real network, or the one given (tests: a simulated world).
  explicit ExecutionGroup(const ExecutionGroupSettings& settings = {},
                          std::unique_ptr<io::Network> network = nullptr);
  explicit ExecutionGroup(const ExecutionGroupSettings& settings, io::Network& network);
  ~ExecutionGroup();  // stop() with the longest drain_timeout of its services
  ExecutionGroup(const ExecutionGroup&) = delete;
  ExecutionGroup& operator=(const ExecutionGroup&) = delete;

  // The services by name; `Default` of both kinds are always there. Before the first deployment.
  void set_services(std::vector<std::shared_ptr<const ConfigurableService>> services);
  std::shared_ptr<const ConfigurableService> find_service(ServiceKind kind, std::string_view name) const;

  // The manager behind connection details (G4): name of a service, `host:port` or `port`, or
  // `name@host:port`. Starts it when this is its first use; a failure (unknown_service, port_in_use,
  // invalid_configuration) says which. `for_input`: by a client Input node (G7).
  Result<ManagerUse> use(ServiceKind kind, std::string_view connection_details, bool for_input = false);

  std::vector<io::Shard*> shards() const;
  io::Network& network() noexcept { return *network_; }
  std::vector<ManagerSnapshot> snapshots() const;
  // Flows and nodes have numbers, as in Holder; messages say their names.
  HolderNames& holder_names() noexcept { return holder_names_; }

  // Blocks the calling thread until SIGINT or SIGTERM, and returns which. The caller then removes its
  // flows and destroys the group. The two signals are blocked in every thread of the group, so that only
  // this call takes them. `on_signal` runs before they are let through again.
  int run_until_signal(UniqueFunction<void()> on_signal = nullptr);
  // Stops every manager; used connections have until their drain_timeout. stopped(): nothing is left.
  void begin_stop();
  bool stopped() const;
  void stop();  // both, blocking; not in a simulated world, never on a shard

 private:
  friend class ManagerUse;
  struct Entry {
    std::shared_ptr<ConnectionManager> manager;
    unsigned uses = 0;
    std::uint64_t unused_since = 0;  // which end of use this is, for keep_manager
  };
  using ServicePointer = std::shared_ptr<const ConfigurableService>;
  struct Wanted {
    std::string key;         // of the manager (DESIGN 3.12)
    ServicePointer service;  // with the address it is to have
  };

  void run_threads();
  Result<Wanted> resolve(ServiceKind kind, const ConnectionText& text) const;
  ServicePointer find_by_name(ServiceKind kind, std::string_view name) const;
  ServicePointer find_by_address(ServiceKind kind, std::string_view host, std::uint16_t port) const;
  Result<std::uint16_t> port_of(const std::string& server_service) const;
  void end_use(const std::shared_ptr<ConnectionManager>& manager) noexcept;
  void stop_later(const std::string& key, std::uint64_t unused_since, Duration after);
  void stop_manager(std::map<std::string, Entry>::iterator entry);
  std::vector<std::shared_ptr<ConnectionManager>> take_ended();

  HolderNames holder_names_;  // outlives the managers, as the network does
  std::unique_ptr<io::Network> own_network_;
  io::Network* network_ = nullptr;
  std::vector<std::unique_ptr<io::Shard>> shards_;
  std::vector<std::thread> threads_;
  std::vector<std::unique_ptr<io::Deadline>> keeping_;  // keep_manager; on shard 0
  mutable std::mutex mutex_;  // the registry; before any manager's mutex (DESIGN 3.2)
  std::condition_variable manager_ended_;
  std::map<std::string, Entry> managers_;                     // by manager key
  std::vector<std::shared_ptr<ConnectionManager>> draining_;  // without users, not yet idle
  std::vector<ServicePointer> services_;
  std::uint64_t ends_of_use_ = 0;
  std::size_t not_ended_ = 0;  // managers that have threads' tasks left: in the registry or draining
  bool stopping_ = false;
};

}  // namespace connmgr

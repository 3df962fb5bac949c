// The pool for one local port: listens as soon as it is started, admits up to the maximum and turns the
// rest away or lets them wait in the backlog (SPEC G6, L9). It never opens a connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "connmgr/connection_manager.h"

namespace connmgr {

class ServerConnectionManager final : public ConnectionManager {
 public:
  ServerConnectionManager(std::string name, std::shared_ptr<const ConfigurableService> service,
                          const ManagerSurroundings& around);
  ~ServerConnectionManager() override;

  Result<void> start() override;  // port_in_use, address_unavailable: nothing is left behind
  std::string address() const override;
  std::uint16_t port() const override;

 private:
  void open(OnShard& here, ShardSide& side, ConnectionRef connection) override;
  void accepted(OnShard& here, ShardSide& side, std::unique_ptr<io::Channel> channel) override;
  void pool_changed(PoolCall& pool) override;
  void stop_listening() override;
  void stop_sources(PoolCall& pool) override;

  std::shared_ptr<io::Listener> listener_;  // set by start(); shared with acceptors that are on their way
  std::uint16_t port_ = 0;
  WhenFull when_full_ = WhenFull::refuse;  // under the manager's mutex, as is the next
  bool accepting_ = true;
};

}  // namespace connmgr

// The pool for one remote address: opens connections up to its minimum and on demand (SPEC G7), tries a
// peer that is down again by schedule (C2).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connmgr/connection_manager.h"

namespace connmgr {

class ClientConnectionManager final : public ConnectionManager {
 public:
  // `service` has the address to connect to; a `port_of` has been looked up by whoever makes this.
  ClientConnectionManager(std::string name, std::shared_ptr<const ConfigurableService> service,
                          bool has_client_input_node, const ManagerSurroundings& around);

  Result<void> start() override;
  std::string address() const override;
  std::uint16_t port() const override;

 private:
  void open(OnShard& here, ShardSide& side, ConnectionRef connection) override;
  void accepted(OnShard& here, ShardSide& side, std::unique_ptr<io::Channel> channel) override;
  void attempt_ended(OnShard& here, ShardSide& side, ConnectionRef connection,
                     std::shared_ptr<const ConfigurableService> settings,
                     Result<std::unique_ptr<io::Channel>> channel);
};

}  // namespace connmgr

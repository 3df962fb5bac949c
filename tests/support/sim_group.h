// An execution group in a simulated world, for tests of managers: services by a few words, requests as
// values that remember how they ended, and a check at the end that nothing is left.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connmgr/execution_group.h"
#include "tests/support/sim_peer.h"

namespace connmgr::testing {

// A request and what became of it. A lease is kept until give_back(), which runs on its shard.
struct SimRequest {
  std::optional<Failure> failure;
  StreamLease lease;
  Ticket ticket;
  int answers = 0;  // must end as 1
  ShardIndex answered_on = 0;
  TimePoint answered_at{};

  bool granted() const { return answers == 1 && !failure; }
  bool waiting() const { return answers == 0; }
};

class SimGroup : public ::testing::Test {
 protected:
  explicit SimGroup(unsigned shards = 2, std::uint64_t seed = 1)
      : world(seed),
        group_(std::make_unique<ExecutionGroup>(ExecutionGroupSettings{.shards = shards}, world)) {}

  void TearDown() override {
    requests_.clear();
    uses_.clear();
    group_->begin_stop();
    EXPECT_TRUE(world.run_until([this] { return group_->stopped(); }, std::chrono::minutes(10)));
    world.run_until_quiet();
    group_.reset();
    EXPECT_EQ(world.leaks(), "");
  }

  ExecutionGroup& group() { return *group_; }

  static ConfigurableService client_service(std::string name, std::string host, std::uint16_t port) {
    ConfigurableService service;
    service.name = std::move(name);
    service.hostname = std::move(host);
    service.port = port;
    return service;
  }
  static ConfigurableService server_service(std::string name, std::uint16_t port) {
    ConfigurableService service;
    service.name = std::move(name);
    service.kind = ServiceKind::server;
    service.port = port;
    return service;
  }
  void set_services(const std::vector<ConfigurableService>& services) {
    std::vector<std::shared_ptr<const ConfigurableService>> pointers;
    for (const auto& service : services) pointers.push_back(std::make_shared<ConfigurableService>(service));
    group_->set_services(std::move(pointers));
  }

  // Deploys; the use lives until the end of the test.
  ConnectionManager& use(ServiceKind kind, std::string_view details, bool for_input = false) {
    auto used = group_->use(kind, details, for_input);
    if (!used) throw std::runtime_error(used.error().text);
    uses_.push_back(*std::move(used));
    return *uses_.back();
  }

  void on_shard(ShardIndex shard, io::ShardTask task) {
    group_->shards()[shard]->post(std::move(task));
    world.run_until_quiet();
  }

  // Asks from a shard and lets the world come to rest; time passes only as far as things are under way.
  SimRequest& ask(ConnectionManager& manager, const Ask& what, ShardIndex from = 0) {
    SimRequest& request = requests_.emplace_back();
    on_shard(from, [&manager, &request, what](OnShard& here) {
      request.ticket = manager.acquire(here, what, [&request](OnShard& there, Result<StreamLease> granted) {
        ++request.answers;
        request.answered_on = there.shard().index();
        request.answered_at = there.now();
        if (granted) {
          request.lease = *std::move(granted);
        } else {
          request.failure = granted.error();
        }
      });
    });
    return request;
  }

  void give_back(SimRequest& request, StreamChange own = StreamChange::leave_unchanged,
                 StreamChange other = StreamChange::leave_unchanged) {
    on_shard(request.answered_on, [&request, own, other](OnShard& here) {
      request.lease.then(own);
      request.lease.then_other(other);
      request.lease.give_back(here);
    });
  }

  SimNetwork world;

 private:
  std::unique_ptr<ExecutionGroup> group_;
  std::deque<SimRequest> requests_;
  std::vector<ManagerUse> uses_;
};

}  // namespace connmgr::testing

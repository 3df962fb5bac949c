// What a test in the simulated world starts from: the world, shards by number, a listener and its acceptor.
// At its end nothing may be left of them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/support/sim_end.h"
#include "tests/support/sim_network.h"
#include "tests/support/sim_peer.h"

namespace connmgr::testing {

class SimTest : public ::testing::Test {
 protected:
  explicit SimTest(std::uint64_t seed = 1) : world(seed) {}
  ~SimTest() override {
    shards_.clear();
    EXPECT_EQ(world.leaks(), "");
  }

  io::Shard& shard(ShardIndex index = 0) {
    while (shards_.size() <= index) {
      shards_.push_back(std::make_unique<io::Shard>(static_cast<ShardIndex>(shards_.size()), world));
    }
    return *shards_[index];
  }
  std::unique_ptr<io::Listener> listen(std::uint16_t port = 0, int backlog = 16) {
    auto result = world.listen({.port = port, .backlog = backlog});
    EXPECT_TRUE(result);
    return *std::move(result);
  }
  std::unique_ptr<io::Acceptor> accept(io::Listener& listener, io::AcceptEvents& events,
                                       ShardIndex index = 0) {
    std::unique_ptr<io::Acceptor> acceptor;
    shard(index).enter([&](io::OnShard& here) { acceptor = listener.accept_on(here, events); });
    return acceptor;
  }

  SimNetwork world;

 private:
  std::vector<std::unique_ptr<io::Shard>> shards_;
};

}  // namespace connmgr::testing

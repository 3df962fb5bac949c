// The loop of a real shard.
#include <gtest/gtest.h>

#include "tests/io/loopback.h"

namespace connmgr::io {
namespace {

// A group that is destroyed at once stops its loops perhaps before their threads run them.
TEST(Loop, ServesNothingAfterItWasStoppedBeforeItRan) {
  RealShard world;
  bool ran = false;
  world.shard->post([&](OnShard&) {
    ran = true;
    world.happened();  // so that a loop that does run ends
  });
  world.shard->loop().stop();

  world.shard->loop().run();

  EXPECT_FALSE(ran);
}

TEST(Loop, ServesAgainAfterItWasStopped) {
  RealShard world;
  world.shard->loop().stop();
  world.shard->loop().run();

  world.settle();
}

}  // namespace
}  // namespace connmgr::io

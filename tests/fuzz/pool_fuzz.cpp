// Any bytes as events: the pool and the reference pool must agree. The bytes of a finding are a walk, and
// pool_walk_test replays them.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/support/pool_walk.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (const auto difference = connmgr::test::walk({data, size})) {
    for (const std::string& event : difference->events) std::fprintf(stderr, "  %s\n", event.c_str());
    std::fprintf(stderr, "step %zu: %s\n", difference->step, difference->text.c_str());
    std::abort();
  }
  return 0;
}

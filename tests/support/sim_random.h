// The dice of a simulated world: splitmix64 (Steele, Lea and Flood, 2014). One seed, one sequence, the
// same on every machine and with every standard library.
#pragma once

#include <cstdint>

#include "connmgr/core/time.h"

namespace connmgr::testing {

class SimRandom {
 public:
  explicit SimRandom(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // low..high, both included. The bias of the remainder does not matter here.
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low >= high ? low : low + next() % (high - low + 1 == 0 ? 1 : high - low + 1);
  }
  Duration between(Duration low, Duration high) {
    return low >= high ? low : low + Duration(next() % static_cast<std::uint64_t>((high - low).count() + 1));
  }
  bool chance(int percent) { return next() % 100 < static_cast<std::uint64_t>(percent); }

 private:
  std::uint64_t state_;
};

}  // namespace connmgr::testing

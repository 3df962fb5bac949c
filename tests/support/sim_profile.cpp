#include "tests/support/sim_profile.h"

#include <array>

namespace connmgr::testing {
namespace {

template <class T, std::size_t N>
T one_of(SimRandom& random, const std::array<T, N>& choices) {
  return choices[random.between(0, N - 1)];
}

}  // namespace

SimProfile draw_profile(SimRandom& random, const SimChaos& chaos) {
  using namespace std::chrono_literals;
  SimProfile profile;
  profile.latency_min = 0ns;
  profile.latency_max = one_of<Duration>(random, std::array<Duration, 5>{0ns, 1us, 100us, 2ms, 20ms});
  profile.split_min = 1;
  profile.split_max = one_of<std::size_t>(random, std::array<std::size_t, 5>{1, 16, 1460, 65536, kAllBytes});
  if (profile.split_max == kAllBytes && random.chance(50)) profile.split_min = kAllBytes;
  constexpr std::array<std::size_t, 5> kBuffers{16, 512, 4096, 65536, 256 * 1024};
  profile.send_buffer = one_of(random, kBuffers);
  profile.receive_buffer = one_of(random, kBuffers);

  const auto place = [&] { return static_cast<std::size_t>(random.between(0, chaos.fault_within)); };
  SimFaults& faults = random.chance(50) ? profile.to_server : profile.to_client;
  if (random.chance(chaos.resets)) faults.reset_after = place();
  if (random.chance(chaos.ends)) faults.end_after = place();
  if (random.chance(chaos.silences)) faults.silent_after = place();
  if (random.chance(chaos.refusals)) profile.way = SimWay::refuse;
  if (random.chance(chaos.hangs)) profile.way = SimWay::hang;
  return profile;
}

}  // namespace connmgr::testing

// SimNetwork: a whole world behind the seam connmgr/io/network.h, played in one thread, in made-up time,
// from one seed. An execution group of several shards runs over it unchanged; what would take hours takes
// milliseconds, and what happened once happens again with the same seed.
//
//   SimNetwork world(seed);                         // before, so that it outlives, everything that uses it
//   SimServer bank(world, "bank", 7000);            // the far end, scripted (sim_peer.h)
//   bank.on_bytes = [](SimPeer& peer) { peer.send(peer.take()); };
//   world.at("bank", 7000).to_client.reset_after = 3;   // a fault (sim_profile.h)
//   io::Shard shard(0, world);                      // what is tested
//   ...
//   world.run_until_quiet();
//   EXPECT_EQ(world.leaks(), "");                   // when shards, managers, connections are gone
//
// Nothing happens outside the run_ functions; they are called from the test, never from inside the world.
// A test that fails while a SimNetwork exists gets its seed and its last events printed when it goes.
// Hosts: any name resolves to an address of its own; "localhost" is where connmgr runs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "connmgr/io/network.h"
#include "tests/support/sim_census.h"
#include "tests/support/sim_hosts.h"
#include "tests/support/sim_link.h"
#include "tests/support/sim_profile.h"
#include "tests/support/sim_schedule.h"

namespace connmgr::testing {

// Seeds 1 to `count`; with CONNMGR_SIM_SEED in the environment that one alone, to play a failure again.
std::vector<std::uint64_t> sim_seeds(int count);

class SimNetwork final : public io::Network {
 public:
  explicit SimNetwork(std::uint64_t seed = 1);
  ~SimNetwork() override;

  // --- running ---
  // Until nothing is under way: deliveries, wakes, connects, what after() planned. Deadlines that fall
  // into that time come; later ones do not count. Throws, with the story, when it does not come to rest.
  void run_until_quiet();
  void run_for(Duration time);
  // Until `done()` holds (asked after each event): true. False when it does not within `limit`.
  bool run_until(UniqueFunction<bool()> done, Duration limit);
  // Something that a test wants to happen in the middle.
  void after(Duration wait, SimAction action);
  TimePoint now() const noexcept { return schedule_.now(); }
  void set_step_limit(std::uint64_t steps) { step_limit_ = steps; }  // of one run_ call

  // --- the world ---
  SimProfile& profile() noexcept { return hosts_.profile(); }  // of connections from now on
  SimProfile& at(const std::string& host, std::uint16_t port) { return hosts_.at(host, port); }
  SimHost& host(const std::string& name) { return hosts_.host(name); }
  // From now on the seed draws a profile for each connection to an address without one of its own, and
  // wakes come late.
  void chaos(const SimChaos& chaos = {});
  void set_wake_delay(Duration most) { wake_delay_ = most; }
  // A program outside has this port of the host (where connmgr runs, if it is not named).
  void hold_port(std::uint16_t port, const std::string& holder, const std::string& host = "localhost");
  void add_local_address(const std::string& address) { hosts_.add_local_address(address); }
  void set_descriptor_limit(std::size_t most) {
    descriptor_limit_ = most;
  }  // of channels, attempts, listeners
  std::shared_ptr<SimLink> link(std::uint32_t number) const { return hosts_.link(number); }  // from 1
  std::uint32_t links() const noexcept { return hosts_.links(); }                            // made so far

  // --- looking ---
  // What connmgr has not given back: channels, attempts, listeners, acceptors, armed timers. Empty: nothing.
  std::string leaks() const { return census_.text(); }
  std::string trace() const { return schedule_.trace(); }                         // seed and last events
  std::uint64_t fingerprint() const noexcept { return schedule_.fingerprint(); }  // of all events
  std::uint64_t steps() const noexcept { return schedule_.steps(); }

  // --- io::Network ---
  std::unique_ptr<io::EventLoop> make_loop(io::EventLoopClient& client, ShardIndex index) override;
  std::unique_ptr<io::ConnectAttempt> connect(io::OnShard& here, const io::ConnectTarget& target,
                                              io::Connected done) override;
  Result<std::unique_ptr<io::Listener>> listen(const io::ListenTarget& target) override;
  bool wants_threads() const override { return false; }
  IdKey make_id_key() override;

  // For the parts of the world.
  SimSchedule& schedule() noexcept { return schedule_; }
  SimHosts& hosts() noexcept { return hosts_; }
  SimCensus& census() noexcept { return census_; }
  Duration wake_delay() const noexcept { return wake_delay_; }
  bool out_of_descriptors() const noexcept { return census_.descriptors() >= descriptor_limit_; }
  Failure descriptor_failure(const std::string& act) const;

 private:
  void check_run(std::uint64_t first_step) const;

  SimCensus census_;
  SimSchedule schedule_;
  SimHosts hosts_;
  Duration wake_delay_{0};
  std::size_t descriptor_limit_ = ~std::size_t{0};
  std::uint64_t step_limit_ = 2'000'000;
  bool failed_before_ = false;
};

}  // namespace connmgr::testing

#include "tests/support/sim_network.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <utility>

#include "connmgr/core/check.h"
#include "tests/support/sim_listener.h"

namespace connmgr::testing {
namespace {

class SimLoop final : public io::EventLoop {
 public:
  SimLoop(SimNetwork& world, io::EventLoopClient& client, ShardIndex index)
      : world_(world), client_(client), index_(index) {}

  TimePoint now() const override { return world_.now(); }

  void wake() override {
    if (wake_.pending()) return;
    SimSchedule& schedule = world_.schedule();
    const Duration delay = schedule.random().between(Duration(0), world_.wake_delay());
    wake_ = schedule.at(schedule.now() + delay, SimSchedule::Kind::work, [this] {
      world_.schedule().note({"shard", index_}, "wakes");
      client_.on_wake();
    });
  }

  void arm(TimePoint when) override {
    timer_.cancel();
    entry_.reset();
    if (when == kNever) return;
    entry_ = {world_.census(), "armed timer of shard " + std::to_string(index_), false};
    timer_ = world_.schedule().at(when, SimSchedule::Kind::timer, [this] {
      entry_.reset();
      world_.schedule().note({"shard", index_}, "sees its timer");
      client_.on_timer();
    });
  }

  void run() override {}  // the world drives it
  void stop() override {}

 private:
  SimNetwork& world_;
  io::EventLoopClient& client_;
  const ShardIndex index_;
  SimEvent wake_;
  SimEvent timer_;
  SimCensus::Entry entry_;
};

}  // namespace

std::vector<std::uint64_t> sim_seeds(int count) {
  if (const char* one = std::getenv("CONNMGR_SIM_SEED")) return {std::strtoull(one, nullptr, 10)};
  std::vector<std::uint64_t> seeds;
  for (int i = 1; i <= count; ++i) seeds.push_back(static_cast<std::uint64_t>(i));
  return seeds;
}

SimNetwork::SimNetwork(std::uint64_t seed)
    : schedule_(seed), hosts_(schedule_), failed_before_(::testing::Test::HasFailure()) {}

SimNetwork::~SimNetwork() {
  if (!failed_before_ && ::testing::Test::HasFailure()) std::cerr << trace();
}

// --- running -------------------------------------------------------------------------------------------

void SimNetwork::run_until_quiet() {
  for (const std::uint64_t first = steps(); !schedule_.quiet();) {
    check_run(first);
    schedule_.step();
  }
}

void SimNetwork::run_for(Duration time) {
  const TimePoint end = deadline_after(now(), time);
  for (const std::uint64_t first = steps(); schedule_.next_time() <= end && !schedule_.idle();) {
    check_run(first);
    schedule_.step();
  }
  schedule_.pass_to(end);
}

bool SimNetwork::run_until(UniqueFunction<bool()> done, Duration limit) {
  const TimePoint end = deadline_after(now(), limit);
  const std::uint64_t first = steps();
  while (!done()) {
    if (schedule_.idle() || schedule_.next_time() > end) {
      if (end != kNever) schedule_.pass_to(end);
      return false;
    }
    check_run(first);
    schedule_.step();
  }
  return true;
}

void SimNetwork::check_run(std::uint64_t first_step) const {
  check(io::Shard::current() == nullptr, "the world is run from outside of it");
  if (steps() - first_step < step_limit_) return;
  throw std::runtime_error("the simulated world does not come to rest; " + trace());
}

void SimNetwork::after(Duration wait, SimAction action) {
  schedule_.surely_at(deadline_after(now(), wait), SimSchedule::Kind::work, std::move(action));
}

// --- the world -----------------------------------------------------------------------------------------

void SimNetwork::chaos(const SimChaos& chaos) {
  hosts_.set_chaos(chaos);
  wake_delay_ = std::chrono::microseconds(50);
}

void SimNetwork::hold_port(std::uint16_t port, const std::string& holder, const std::string& host) {
  hosts_.host(host).held[port] = holder;
}

Failure SimNetwork::descriptor_failure(const std::string& act) const {
  return Failure(Errc::descriptor_limit,
                 act + ": too many open files, the limit is " + std::to_string(descriptor_limit_));
}

// --- io::Network ---------------------------------------------------------------------------------------

std::unique_ptr<io::EventLoop> SimNetwork::make_loop(io::EventLoopClient& client, ShardIndex index) {
  return std::make_unique<SimLoop>(*this, client, index);
}

std::unique_ptr<io::ConnectAttempt> SimNetwork::connect(io::OnShard& here, const io::ConnectTarget& target,
                                                        io::Connected done) {
  return std::make_unique<SimAttempt>(*this, here.shard(), target, std::move(done));
}

Result<std::unique_ptr<io::Listener>> SimNetwork::listen(const io::ListenTarget& target) {
  auto listening = std::make_shared<SimListening>(*this);
  if (Result<void> opened = listening->open(target); !opened) return opened.error();
  return std::unique_ptr<io::Listener>(std::make_unique<SimListener>(std::move(listening)));
}

IdKey SimNetwork::make_id_key() {
  return {schedule_.random().next(), schedule_.random().next()};
}

}  // namespace connmgr::testing

// A loop without a thread, in made-up time: the test says when it wakes and when time passes.
#pragma once

#include <memory>

#include "connmgr/io/network.h"
#include "connmgr/io/shard.h"

namespace connmgr::io {

class ManualLoop final : public EventLoop {
 public:
  explicit ManualLoop(EventLoopClient& client) : client_(client) {}

  TimePoint now() const override { return now_; }
  void wake() override { ++wakes; }
  void arm(TimePoint when) override {
    ++arms;
    armed = when;
  }
  void run() override {}
  void stop() override {}

  // Serves the wakes asked for so far.
  void serve() {
    if (std::exchange(wakes, 0) > 0) client_.on_wake();
  }
  // Time passes, and with it every armed time up to `when`.
  void advance_to(TimePoint when) {
    while (armed <= when) {
      now_ = std::max(now_, std::exchange(armed, kNever));
      ++timers;
      client_.on_timer();
    }
    now_ = when;
  }

  int wakes = 0;  // asked for and not served
  int arms = 0;
  int timers = 0;  // times on_timer was called
  TimePoint armed = kNever;

 private:
  EventLoopClient& client_;
  TimePoint now_{};
};

// Just enough of a network for a shard: it has no sockets.
class LoopOnlyNetwork final : public Network {
 public:
  std::unique_ptr<EventLoop> make_loop(EventLoopClient& client, ShardIndex) override {
    auto made = std::make_unique<ManualLoop>(client);
    loop = made.get();
    return made;
  }
  std::unique_ptr<ConnectAttempt> connect(OnShard&, const ConnectTarget&, Connected) override {
    return nullptr;
  }
  Result<std::unique_ptr<Listener>> listen(const ListenTarget&) override { return Errc::not_allowed; }
  IdKey make_id_key() override { return {}; }
  bool wants_threads() const override { return false; }

  ManualLoop* loop = nullptr;  // of the one shard made on it
};

constexpr TimePoint at(Duration since_start) {
  return TimePoint(since_start);
}

}  // namespace connmgr::io

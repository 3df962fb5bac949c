// The event loop of a real shard: one io_context for one thread, and the machine's monotonic clock.
#pragma once

#include <asio/detail/reactor.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>

#include "connmgr/io/asio/handler_memory.h"
#include "connmgr/io/event_loop.h"
#include "connmgr/io/shard.h"

namespace connmgr::io {

class AsioLoop final : public EventLoop {
 public:
  using Executor = asio::io_context::executor_type;

  explicit AsioLoop(EventLoopClient& client);
  ~AsioLoop() override;

  TimePoint now() const override;
  void wake() override;
  void arm(TimePoint when) override;
  void run() override;
  void stop() override;

  Executor executor() noexcept { return io_.get_executor(); }
  asio::detail::reactor& reactor() noexcept { return reactor_; }
  static AsioLoop& of(Shard& shard) noexcept { return static_cast<AsioLoop&>(shard.loop()); }

 private:
  class WakeHandler;
  class TimerHandler;

  EventLoopClient& client_;
  SharedHandlerMemory wake_memory_;  // before io_: what is posted and never runs gives it back at the end
  HandlerMemory timer_memory_;
  // Hint 1: one thread runs it. Not one of the UNSAFE hints, which drop the locks that wake() of other
  // threads needs.
  asio::io_context io_{1};
  asio::detail::reactor& reactor_;
  asio::executor_work_guard<Executor> keeps_running_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      timer_;
  std::uint64_t armings_ = 0;  // an expiry of an earlier one is not passed on
};

}  // namespace connmgr::io

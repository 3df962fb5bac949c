#include <asio/post.hpp>

#include "connmgr/io/asio/loop.h"

namespace connmgr::io {

// What wake() posts. The shard wakes once per emptied inbox, so this is rare beside the records.
class AsioLoop::WakeHandler {
 public:
  using allocator_type = HandlerAllocator<void*, SharedHandlerMemory>;

  explicit WakeHandler(AsioLoop& loop) : loop_(&loop) {}
  allocator_type get_allocator() const noexcept { return allocator_type(loop_->wake_memory_); }
  void operator()() const { loop_->client_.on_wake(); }

 private:
  AsioLoop* loop_;
};

class AsioLoop::TimerHandler {
 public:
  using allocator_type = HandlerAllocator<void*>;

  TimerHandler(AsioLoop& loop, std::uint64_t arming) : loop_(&loop), arming_(arming) {}
  allocator_type get_allocator() const noexcept { return allocator_type(loop_->timer_memory_); }
  void operator()(const std::error_code& error) const {
    if (!error && arming_ == loop_->armings_) loop_->client_.on_timer();
  }

 private:
  AsioLoop* loop_;
  std::uint64_t arming_;
};

AsioLoop::AsioLoop(EventLoopClient& client)
    : client_(client),
      reactor_(asio::use_service<asio::detail::reactor>(io_)),
      keeps_running_(io_.get_executor()),
      timer_(io_.get_executor()) {
  reactor_.init_task();
}

AsioLoop::~AsioLoop() = default;

TimePoint AsioLoop::now() const {
  return TimePoint(std::chrono::steady_clock::now().time_since_epoch());
}

void AsioLoop::wake() {
  asio::post(io_, WakeHandler(*this));
}

void AsioLoop::arm(TimePoint when) {
  ++armings_;
  timer_.cancel();
  if (when == kNever) return;
  timer_.expires_at(std::chrono::steady_clock::time_point(when.time_since_epoch()));
  timer_.async_wait(TimerHandler(*this, armings_));
}

void AsioLoop::run() {
  io_.run();
  io_.restart();  // not before: a stop() that came first, from the thread that made this one, must hold
}

void AsioLoop::stop() {
  io_.stop();
}

}  // namespace connmgr::io

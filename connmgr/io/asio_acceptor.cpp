#include <fcntl.h>

#include <asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <chrono>
#include <utility>

#include "connmgr/io/asio/acceptor.h"
#include "connmgr/io/asio/channel.h"
#include "connmgr/io/asio/handler_memory.h"
#include "connmgr/io/asio/loop.h"
#include "connmgr/io/asio/ref_counted.h"

namespace connmgr::io {
namespace {

// So that one shard does not take them all, and its connections are served in between.
constexpr int kBatch = 16;
// After the system refused in a way that would be repeated at once.
constexpr Duration kPause = std::chrono::milliseconds(100);

using Watched = asio::posix::basic_stream_descriptor<AsioLoop::Executor>;

Descriptor open_spare() {
  return Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

class AcceptLoop : public RefCounted<AcceptLoop> {
 public:
  AcceptLoop(Shard& shard, std::uint16_t port, AcceptEvents& events)
      : shard_(shard), port_(port), events_(&events), socket_(AsioLoop::of(shard).executor()) {}

  void start(OnShard& here, Descriptor socket);
  void stop() noexcept;
  void pause() noexcept { paused_ = true; }
  void resume() {
    paused_ = false;
    wait();
  }

 private:
  class ReadyHandler;
  enum class After : std::uint8_t { go_on, wait, pause, stop };

  void wait();
  void on_ready(OnShard& here);
  After accept_one(OnShard& here);
  After shed_one(OnShard& here, const std::error_code& error);
  void trouble(OnShard& here, const Failure& failure);
  std::string what() const { return "accept on port " + std::to_string(port_); }

  Shard& shard_;
  const std::uint16_t port_;
  AcceptEvents* events_;  // nothing: stopped
  HandlerMemory memory_;
  Watched socket_;
  Descriptor spare_ = open_spare();  // given up for a moment to turn somebody away at the descriptor limit
  Deadline retry_;
  bool paused_ = false;
  bool waiting_ = false;
  bool in_trouble_ = false;
};

class AcceptLoop::ReadyHandler {
 public:
  using allocator_type = HandlerAllocator<void*>;

  explicit ReadyHandler(Ref<AcceptLoop> loop) noexcept : loop_(std::move(loop)) {}
  allocator_type get_allocator() const noexcept { return allocator_type(loop_->memory_); }

  void operator()(const std::error_code& error) const {
    loop_->waiting_ = false;
    if (error || !loop_->events_) return;
    loop_->shard_.enter([&](OnShard& here) { loop_->on_ready(here); });
  }

 private:
  Ref<AcceptLoop> loop_;
};

void AcceptLoop::start(OnShard& here, Descriptor socket) {
  retry_.set_task([this](OnShard&) { wait(); });
  std::error_code error;
  if (socket) socket_.assign(socket.get(), error);
  if (!socket || error) {
    here.shard().defer(here, [self = Ref(this)](OnShard& later) {
      self->trouble(later, descriptor_failure(self->what(), {EMFILE, std::system_category()}));
    });
    return;
  }
  socket.release();
  wait();
}

// The descriptor leaves the epoll set by name: closing alone would not take it out, because duplicates of
// the listening socket live on in other shards.
void AcceptLoop::stop() noexcept {
  events_ = nullptr;
  retry_.clear();
  std::error_code ignored;
  socket_.close(ignored);
}

void AcceptLoop::wait() {
  if (paused_ || !events_ || !socket_.is_open() || std::exchange(waiting_, true)) return;
  socket_.async_wait(Watched::wait_read, ReadyHandler(Ref(this)));
}

void AcceptLoop::on_ready(OnShard& here) {
  After after = After::go_on;
  for (int i = 0; i < kBatch && after == After::go_on && events_ && !paused_; ++i) after = accept_one(here);
  if (!events_) return;
  if (after == After::stop) return;
  if (after == After::pause) return retry_.set(here, here.now() + kPause);
  wait();
}

AcceptLoop::After AcceptLoop::accept_one(OnShard& here) {
  Descriptor socket(::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket) {
    const std::error_code error = last_error();
    switch (error.value()) {
      case EAGAIN: return After::wait;  // another shard had it
      case EINVAL: return After::stop;  // the listener is closed
      case EMFILE:
      case ENFILE: return shed_one(here, error);
      case ENOBUFS:
      case ENOMEM:
        trouble(here, {Errc::descriptor_limit, what() + ": " + text_of(error)});
        return After::pause;
      default: return After::go_on;  // an error of the connection that was to be accepted
    }
  }
  if (within_reserve(socket.get())) {
    trouble(here, descriptor_failure(what(), {EMFILE, std::system_category()}));
    return After::go_on;  // and so it is turned away
  }
  Result<std::unique_ptr<Channel>> channel = make_asio_channel(here, std::move(socket));
  if (!channel) {
    trouble(here, channel.error());
    return After::go_on;
  }
  in_trouble_ = false;
  events_->on_accepted(here, *std::move(channel));
  return After::go_on;
}

// Left in the backlog, the connection would make the socket ready for ever, and the shard spin.
AcceptLoop::After AcceptLoop::shed_one(OnShard& here, const std::error_code& error) {
  trouble(here, descriptor_failure(what(), error));
  if (!events_) return After::wait;
  if (!spare_ && !(spare_ = open_spare())) return After::pause;
  spare_.reset();
  const bool shed =
      static_cast<bool>(Descriptor(::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC)));
  spare_ = open_spare();
  return shed && spare_ ? After::go_on : After::pause;
}

void AcceptLoop::trouble(OnShard& here, const Failure& failure) {
  if (events_ && !std::exchange(in_trouble_, true)) events_->on_accept_trouble(here, failure);
}

class AsioAcceptor final : public Acceptor {
 public:
  explicit AsioAcceptor(Ref<AcceptLoop> loop) : loop_(std::move(loop)) {}
  ~AsioAcceptor() override { loop_->stop(); }

  void pause(OnShard&) override { loop_->pause(); }
  void resume(OnShard&) override { loop_->resume(); }

 private:
  Ref<AcceptLoop> loop_;
};

}  // namespace

std::unique_ptr<Acceptor> make_asio_acceptor(OnShard& here, Descriptor socket, std::uint16_t port,
                                             AcceptEvents& events) {
  Ref<AcceptLoop> loop(new AcceptLoop(here.shard(), port, events));
  loop->start(here, std::move(socket));
  return std::make_unique<AsioAcceptor>(std::move(loop));
}

}  // namespace connmgr::io

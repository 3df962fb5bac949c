#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <asio/buffer.hpp>
#include <asio/ip/tcp.hpp>
#include <cerrno>
#include <utility>

#include "connmgr/core/check.h"
#include "connmgr/io/asio/channel.h"
#include "connmgr/io/asio/handler_memory.h"
#include "connmgr/io/asio/loop.h"
#include "connmgr/io/asio/ref_counted.h"

namespace connmgr::io {
namespace {

using Socket = asio::basic_stream_socket<asio::ip::tcp, AsioLoop::Executor>;

// What outstanding handlers hold: the channel itself may be gone before they are called.
struct ChannelState : RefCounted<ChannelState> {
  ChannelState(Shard& owner, AsioLoop::Executor executor) : shard(owner), socket(executor) {}

  Shard& shard;
  ChannelEvents* events = nullptr;
  ChannelEnd write_end = ChannelEnd::none;  // how sending failed: see on_read
  std::error_code write_error;
  bool reading = false;
  bool waiting_writable = false;
  HandlerMemory read_memory;  // before the socket: its last handlers give it back
  HandlerMemory write_memory;
  Socket socket;
};
using StateRef = Ref<ChannelState>;

ReadOutcome outcome_of(const ChannelState& state, const std::error_code& error, std::size_t bytes) {
  if (!error) return {.bytes = bytes};
  if (error != asio::error::eof) return {.end = end_of(error), .error = error};
  // The system tells an error of the connection once. A send that got it leaves an end of stream behind
  // for recv, and a reset would pass for a clean end.
  if (state.write_end != ChannelEnd::none) return {.end = state.write_end, .error = state.write_error};
  return {.end = ChannelEnd::clean};
}

class ReadHandler {
 public:
  using allocator_type = HandlerAllocator<void*>;

  explicit ReadHandler(StateRef state) noexcept : state_(std::move(state)) {}
  allocator_type get_allocator() const noexcept { return allocator_type(state_->read_memory); }

  void operator()(const std::error_code& error, std::size_t bytes) const {
    if (!state_->socket.is_open()) return;
    state_->reading = false;
    state_->shard.enter(
        [&](OnShard& here) { state_->events->on_read(here, outcome_of(*state_, error, bytes)); });
  }

 private:
  StateRef state_;
};

class WritableHandler {
 public:
  using allocator_type = HandlerAllocator<void*>;

  explicit WritableHandler(StateRef state) noexcept : state_(std::move(state)) {}
  allocator_type get_allocator() const noexcept { return allocator_type(state_->write_memory); }

  // An error shows at the next write, with its cause.
  void operator()(const std::error_code&) const {
    if (!state_->socket.is_open()) return;
    state_->waiting_writable = false;
    state_->shard.enter([&](OnShard& here) { state_->events->on_writable(here); });
  }

 private:
  StateRef state_;
};

class AsioChannel final : public Channel {
 public:
  explicit AsioChannel(StateRef state) : state_(std::move(state)) {}
  ~AsioChannel() override { close_socket(); }

  void set_events(ChannelEvents& events) override { state_->events = &events; }

  void read_some(OnShard&, std::span<char> into) override {
    check(state_->events && !into.empty() && !std::exchange(state_->reading, true), "one read at a time");
    state_->socket.async_read_some(asio::buffer(into.data(), into.size()), ReadHandler(state_));
  }

  WriteOutcome try_write(OnShard& here, std::span<const std::string_view> pieces) override;

  void wait_writable(OnShard&) override {
    check(state_->events && !std::exchange(state_->waiting_writable, true), "one wait at a time");
    state_->socket.async_wait(Socket::wait_write, WritableHandler(state_));
  }

  void shutdown_output(OnShard&) override { ::shutdown(descriptor(), SHUT_WR); }
  void close(OnShard&) override { close_socket(); }

  // SO_LINGER with zero time never waits: it drops what is unsent and resets.
  void abort(OnShard&) override {
    if (!state_->socket.is_open()) return;
    const linger drop_all{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor(), SOL_SOCKET, SO_LINGER, &drop_all, sizeof(drop_all));
    close_socket();
  }

  Endpoint local() const override { return endpoint_of(local_address_of(descriptor())); }
  Endpoint peer() const override { return endpoint_of(peer_address_of(descriptor())); }
  std::size_t unsent() const override { return queued_in_kernel(SIOCOUTQ); }
  std::size_t unread() const override { return queued_in_kernel(SIOCINQ); }

 private:
  int descriptor() const { return state_->socket.native_handle(); }
  std::size_t queued_in_kernel(unsigned long direction) const {
    int bytes = 0;
    return ::ioctl(descriptor(), direction, &bytes) == 0 && bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
  }
  void close_socket() noexcept {
    std::error_code ignored;
    state_->socket.close(ignored);
  }

  StateRef state_;
};

WriteOutcome AsioChannel::try_write(OnShard&, std::span<const std::string_view> pieces) {
  constexpr std::size_t kMostPieces = 64;
  iovec vector[kMostPieces];
  msghdr message{};
  message.msg_iov = vector;
  for (const std::string_view piece : pieces.first(std::min(pieces.size(), kMostPieces))) {
    if (piece.empty()) continue;
    vector[message.msg_iovlen++] = {const_cast<char*>(piece.data()), piece.size()};
  }
  for (;;) {
    const ssize_t sent = ::sendmsg(descriptor(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return {.bytes = static_cast<std::size_t>(sent)};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
    const std::error_code error = last_error();
    state_->write_end = end_of(error);
    state_->write_error = error;
    return {.end = state_->write_end, .error = error};
  }
}

}  // namespace

Result<std::unique_ptr<Channel>> make_asio_channel(OnShard& here, Descriptor socket) {
  Shard& shard = here.shard();
  StateRef state(new ChannelState(shard, AsioLoop::of(shard).executor()));
  std::error_code error;
  state->socket.assign(asio::ip::tcp::v6(), socket.get(), error);
  if (error) return Failure{Errc::descriptor_limit, "watch a connection (epoll): " + text_of(error)};
  socket.release();
  state->socket.native_non_blocking(true, error);  // it is: tells Asio so
  return std::unique_ptr<Channel>(std::make_unique<AsioChannel>(std::move(state)));
}

}  // namespace connmgr::io

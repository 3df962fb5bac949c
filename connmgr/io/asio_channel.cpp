#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <cerrno>
#include <utility>

#include "connmgr/core/check.h"
#include "connmgr/io/asio/channel.h"
#include "connmgr/io/asio/loop.h"
#include "connmgr/io/asio/reactor_socket.h"

namespace connmgr::io {
namespace {

// What outstanding operations hold: the channel itself may be gone before they end.
class ChannelState final : public ReactorSocket {
 public:
  explicit ChannelState(Shard& shard) : ReactorSocket(AsioLoop::of(shard)), shard_(shard) {}

  ChannelEvents* events = nullptr;
  ChannelEnd write_end = ChannelEnd::none;  // how sending failed
  std::error_code write_error;
  bool reading = false;
  bool waiting_writable = false;

 private:
  void on_read(const std::error_code& error, std::size_t bytes) override {
    reading = false;
    shard_.enter([&](OnShard& here) { events->on_read(here, outcome_of(error, bytes)); });
  }
  void on_writable() override {
    waiting_writable = false;
    shard_.enter([&](OnShard& here) { events->on_writable(here); });
  }
  ReadOutcome outcome_of(const std::error_code& error, std::size_t bytes) const {
    if (error) return {.end = end_of(error), .error = error};
    if (bytes > 0) return {.bytes = bytes};
    // The system tells an error of the connection once. A send that got it leaves an end of stream behind
    // for recv, and a reset would pass for a clean end.
    if (write_end != ChannelEnd::none) return {.end = write_end, .error = write_error};
    return {.end = ChannelEnd::clean};
  }

  Shard& shard_;
};
using StateRef = Ref<ChannelState>;

class AsioChannel final : public Channel {
 public:
  explicit AsioChannel(StateRef state) : state_(std::move(state)) {}
  ~AsioChannel() override { state_->close(); }

  void set_events(ChannelEvents& events) override { state_->events = &events; }

  void read_some(OnShard&, std::span<char> into) override {
    check(state_->events && !into.empty() && !std::exchange(state_->reading, true), "one read at a time");
    state_->read(into);
  }

  WriteOutcome try_write(OnShard& here, std::span<const std::string_view> pieces) override;

  void wait_writable(OnShard&) override {
    check(state_->events && !std::exchange(state_->waiting_writable, true), "one wait at a time");
    state_->wait_writable();
  }

  void shutdown_output(OnShard&) override { ::shutdown(descriptor(), SHUT_WR); }
  void close(OnShard&) override { state_->close(); }

  // SO_LINGER with zero time never waits: it drops what is unsent and resets.
  void abort(OnShard&) override {
    if (!state_->is_open()) return;
    const linger drop_all{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor(), SOL_SOCKET, SO_LINGER, &drop_all, sizeof(drop_all));
    state_->close();
  }

  Endpoint local() const override { return endpoint_of(local_address_of(descriptor())); }
  Endpoint peer() const override { return endpoint_of(peer_address_of(descriptor())); }
  std::size_t unsent() const override { return queued_in_kernel(SIOCOUTQ); }
  std::size_t unread() const override { return queued_in_kernel(SIOCINQ); }

 private:
  int descriptor() const { return state_->descriptor(); }
  std::size_t queued_in_kernel(unsigned long direction) const {
    int bytes = 0;
    return ::ioctl(descriptor(), direction, &bytes) == 0 && bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
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
    // One piece is the usual case, and cheaper without the vector.
    const ssize_t sent =
        message.msg_iovlen == 1
            ? ::send(descriptor(), vector[0].iov_base, vector[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT)
            : ::sendmsg(descriptor(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
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
  StateRef state(new ChannelState(here.shard()));
  if (const std::error_code error = state->open(std::move(socket))) {
    return Failure{Errc::descriptor_limit, "watch a connection (epoll): " + text_of(error)};
  }
  return std::unique_ptr<Channel>(std::make_unique<AsioChannel>(std::move(state)));
}

}  // namespace connmgr::io

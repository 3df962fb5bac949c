#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "connmgr/core/check.h"
#include "connmgr/io/asio/reactor_socket.h"

namespace connmgr::io {
namespace {

// Of tcp(7) since Linux 4.18; the C library's headers do not have it yet.
constexpr int kTcpInq = 36;

// Nothing is left to read, and no end of stream either, which TCP_INQ counts as one byte.
bool read_out(const msghdr& message) {
  auto* each = CMSG_FIRSTHDR(&message);
  if (!each || each->cmsg_level != IPPROTO_TCP || each->cmsg_type != kTcpInq) return false;
  int left = 1;
  std::memcpy(&left, CMSG_DATA(each), sizeof(left));
  return left == 0;
}

}  // namespace

std::error_code ReactorSocket::open(Descriptor socket) {
  if (const int error = reactor_.register_descriptor(socket.get(), registration_)) {
    return {error, std::system_category()};
  }
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, kTcpInq, &on, sizeof(on));
  socket_ = std::move(socket);
  return {};
}

void ReactorSocket::close() noexcept {
  if (!socket_) return;
  reactor_.deregister_descriptor(socket_.get(), registration_, false);
  socket_.reset();
  reactor_.cleanup_descriptor_data(registration_);
}

void ReactorSocket::read(std::span<char> into) {
  read_.into = into;
  start(read_, Reactor::read_op, true);
}

void ReactorSocket::wait_writable() {
  start(writable_, Reactor::write_op, false);
}

void ReactorSocket::start(Operation& operation, int kind, bool try_at_once) {
  operation.socket = Ref<ReactorSocket>(this);
  operation.ec_ = {};
  operation.bytes_transferred_ = 0;
  reactor_.start_op(kind, socket_.get(), registration_, &operation, true, try_at_once);
}

ReactorSocket::Operation::status ReactorSocket::receive(asio::detail::reactor_op* base) {
  auto& operation = *static_cast<Operation*>(base);
  iovec into{operation.into.data(), operation.into.size()};
  alignas(cmsghdr) char facts[64];
  msghdr message{};
  message.msg_iov = &into;
  message.msg_iovlen = 1;
  message.msg_control = facts;
  message.msg_controllen = sizeof(facts);
  for (;;) {
    const ssize_t got = ::recvmsg(operation.socket->descriptor(), &message, 0);
    if (got > 0) {
      operation.bytes_transferred_ = static_cast<std::size_t>(got);
      return read_out(message) ? Operation::done_and_exhausted : Operation::done;
    }
    if (got == 0) return Operation::done_and_exhausted;
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Operation::not_done;
    operation.ec_ = last_error();
    return Operation::done;
  }
}

// `owner` is nothing when the loop ends with the operation still under way.
void ReactorSocket::read_done(void* owner, asio::detail::operation* base, const std::error_code&,
                              std::size_t) {
  auto& operation = *static_cast<Operation*>(base);
  const Ref<ReactorSocket> socket = std::exchange(operation.socket, {});
  if (owner && socket->is_open()) socket->on_read(operation.ec_, operation.bytes_transferred_);
}

void ReactorSocket::writable_done(void* owner, asio::detail::operation* base, const std::error_code&,
                                  std::size_t) {
  const Ref<ReactorSocket> socket = std::exchange(static_cast<Operation*>(base)->socket, {});
  if (owner && socket->is_open()) socket->on_writable();
}

}  // namespace connmgr::io

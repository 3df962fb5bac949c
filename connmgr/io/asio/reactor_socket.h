// A connected socket on Asio's epoll reactor, one read and one wait for room at a time.
//
// It talks to asio::detail::epoll_reactor, below Asio's public sockets, for one reason: async_read_some of
// Asio 1.22 tries a recv each time it is started, and between records that recv finds nothing: one system
// call in four. The reactor can be told that a socket is read out, so that it waits for the next edge
// without asking. That is safe only when no end of stream hides behind the bytes that were read, because
// its edge has passed; TCP_INQ (Linux 4.18) says so with each read. Where it does not, reading tries again.
// The operations are members and are used again, so that nothing is allocated either.
#pragma once

#include <asio/detail/reactor.hpp>
#include <asio/detail/reactor_op.hpp>
#include <asio/version.hpp>
#include <span>

#include "connmgr/io/asio/loop.h"
#include "connmgr/io/asio/ref_counted.h"
#include "connmgr/io/asio/sockets.h"

static_assert(ASIO_VERSION == 102201,
              "start_op and reactor_op of another Asio: see that they are still the same");

namespace connmgr::io {

class ReactorSocket : public RefCounted<ReactorSocket> {
 public:
  explicit ReactorSocket(AsioLoop& loop) : reactor_(loop.reactor()) {}
  virtual ~ReactorSocket() { close(); }

  std::error_code open(Descriptor socket);  // connected and non-blocking
  void close() noexcept;                    // nothing is called afterwards
  bool is_open() const noexcept { return static_cast<bool>(socket_); }
  int descriptor() const noexcept { return socket_.get(); }

  void read(std::span<char> into);
  void wait_writable();

 protected:
  virtual void on_read(const std::error_code& error, std::size_t bytes) = 0;  // no error, no bytes: the end
  virtual void on_writable() = 0;

 private:
  using Reactor = asio::detail::reactor;

  // While under way it keeps the socket object alive: its owner may let go.
  struct Operation : asio::detail::reactor_op {
    Operation(perform_func_type on_ready, func_type on_done) : reactor_op({}, on_ready, on_done) {}
    Ref<ReactorSocket> socket;
    std::span<char> into;
  };

  void start(Operation& operation, int kind, bool try_at_once);
  static Operation::status receive(asio::detail::reactor_op* base);
  static Operation::status is_writable(asio::detail::reactor_op*) { return Operation::done; }
  static void read_done(void* owner, asio::detail::operation* base, const std::error_code&, std::size_t);
  static void writable_done(void* owner, asio::detail::operation* base, const std::error_code&, std::size_t);

  Reactor& reactor_;
  Descriptor socket_;
  Reactor::per_descriptor_data registration_{};
  Operation read_{&receive, &read_done};
  Operation writable_{&is_writable, &writable_done};
};

}  // namespace connmgr::io

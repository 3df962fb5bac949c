#include <netinet/in.h>

#include <asio/ip/tcp.hpp>
#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

#include "connmgr/io/asio/channel.h"
#include "connmgr/io/asio/connect.h"
#include "connmgr/io/asio/loop.h"

namespace connmgr::io {
namespace {

using Socket = asio::basic_stream_socket<asio::ip::tcp, AsioLoop::Executor>;

constexpr Duration kHeadStart = std::chrono::milliseconds(250);  // of one address before the next (C5)

std::string seconds_text(Duration duration) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (milliseconds % 1000 == 0) return std::to_string(milliseconds / 1000) + "s";
  return std::to_string(milliseconds) + "ms";
}

// Families in turn, beginning with the one of the best address, so that one that leads nowhere costs one
// head start only (RFC 8305).
Resolver::Addresses alternate_families(const Resolver::Addresses& addresses) {
  Resolver::Addresses first, second, mixed;
  for (const SocketAddress& address : addresses) {
    (address.family() == addresses.front().family() ? first : second).push_back(address);
  }
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) mixed.push_back(first[i]);
    if (i < second.size()) mixed.push_back(second[i]);
  }
  return mixed;
}

// Outstanding handlers hold it weakly: when the attempt is destroyed, they find nothing.
class AsioConnect : public std::enable_shared_from_this<AsioConnect> {
 public:
  AsioConnect(Shard& shard, const ConnectTarget& target, Connected done)
      : shard_(shard), target_(target), done_(std::move(done)) {}

  void start(OnShard& here, Resolver& resolver);

 private:
  // One address that has been sent a SYN.
  struct Try {
    Socket socket;
    SocketAddress address;
  };

  std::string what() const { return "connect to " + to_string(Endpoint{target_.host, target_.port}); }
  void try_addresses(OnShard& here, Resolver::Addresses addresses);
  void try_next(OnShard& here);
  std::error_code begin(const SocketAddress& address);
  void on_writable(OnShard& here, Try& one);
  void on_failed(OnShard& here, const SocketAddress& address, const std::error_code& error);
  void on_head_start_over(OnShard& here);
  void on_timeout(OnShard& here);
  void succeed(OnShard& here, Try& one);
  void fail(OnShard& here, Failure failure);
  void finish(OnShard& here, Result<std::unique_ptr<Channel>> result);

  Shard& shard_;
  const ConnectTarget target_;
  Connected done_;
  Resolver::LookupPtr lookup_;
  Resolver::Addresses addresses_;
  std::size_t next_ = 0;  // into addresses_
  std::vector<std::unique_ptr<Try>> trying_;
  Deadline head_start_;
  Deadline timeout_;
  std::string causes_;  // of the addresses that failed so far
  Errc worst_ = Errc::connect_failed;
};

void AsioConnect::start(OnShard& here, Resolver& resolver) {
  timeout_.set_task([this](OnShard& later) { on_timeout(later); });
  timeout_.set(here, deadline_after(here.now(), target_.timeout));
  head_start_.set_task([this](OnShard& later) { on_head_start_over(later); });

  if (auto numeric = numeric_address(target_.host, target_.port)) {
    // Deferred, because `done` never runs from inside the call that started this.
    here.shard().defer(here, [weak = weak_from_this(), address = *numeric](OnShard& later) {
      if (auto self = weak.lock()) self->try_addresses(later, {address});
    });
    return;
  }
  lookup_ = resolver.resolve(here, target_.host, target_.port,
                             [this](OnShard& later, Result<Resolver::Addresses> addresses) {
                               auto self = shared_from_this();
                               if (addresses) return try_addresses(later, alternate_families(*addresses));
                               fail(later, {Errc::resolve_failed, what() + ": " + addresses.error().text});
                             });
}

void AsioConnect::try_addresses(OnShard& here, Resolver::Addresses addresses) {
  addresses_ = std::move(addresses);
  try_next(here);
}

void AsioConnect::try_next(OnShard& here) {
  while (next_ < addresses_.size()) {
    const SocketAddress& address = addresses_[next_++];
    const std::error_code error = begin(address);
    if (!error) {
      if (next_ < addresses_.size()) head_start_.set(here, here.now() + kHeadStart);
      return;
    }
    on_failed(here, address, error);
    if (!done_) return;
  }
}

// Sends the SYN. An error is of this address alone, except that descriptors are missing for all.
std::error_code AsioConnect::begin(const SocketAddress& address) {
  Descriptor socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return last_error();
  if (within_reserve(socket.get())) return {EMFILE, std::system_category()};
  set_options(socket.get(), address.family(), target_.options);
  if (!target_.local_address.empty()) {
    auto local = numeric_address(target_.local_address, 0);
    if (!local) return {EADDRNOTAVAIL, std::system_category()};
    const int on = 1;  // the port is chosen at connect, so that one port serves many peers
    ::setsockopt(socket.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (::bind(socket.get(), local->get(), local->length) != 0) return last_error();
  }
  if (::connect(socket.get(), address.get(), address.length) != 0 && errno != EINPROGRESS)
    return last_error();

  auto one = std::make_unique<Try>(Try{Socket(AsioLoop::of(shard_).executor()), address});
  std::error_code error;
  one->socket.assign(asio::ip::tcp::v6(), socket.get(), error);
  if (error) return error;
  socket.release();
  one->socket.async_wait(Socket::wait_write,
                         [weak = weak_from_this(), waiting = one.get()](std::error_code aborted) {
                           auto self = weak.lock();
                           if (!self || aborted || !self->done_) return;
                           self->shard_.enter([&](OnShard& later) { self->on_writable(later, *waiting); });
                         });
  trying_.push_back(std::move(one));
  return {};
}

// While connecting, SO_ERROR is the outcome.
void AsioConnect::on_writable(OnShard& here, Try& one) {
  int code = 0;
  socklen_t length = sizeof(code);
  ::getsockopt(one.socket.native_handle(), SOL_SOCKET, SO_ERROR, &code, &length);
  if (code == 0) return succeed(here, one);
  const SocketAddress address = one.address;
  std::erase_if(trying_, [&](const auto& each) { return each.get() == &one; });
  on_failed(here, address, {code, std::system_category()});
  if (done_) try_next(here);
}

void AsioConnect::on_failed(OnShard& here, const SocketAddress& address, const std::error_code& error) {
  if (is_descriptor_limit(error)) return fail(here, descriptor_failure(what(), error));
  if (!causes_.empty()) causes_ += "; ";
  const Endpoint endpoint = endpoint_of(address);
  if (endpoint.address != target_.host) causes_ += to_string(endpoint) + ": ";
  causes_ += text_of(error);
  if (error.value() == EADDRNOTAVAIL) {
    causes_ += target_.local_address.empty() ? " (no free local port for this peer)"
                                             : " (local_address " + target_.local_address + ")";
  }
  if (error.value() == EADDRNOTAVAIL) worst_ = Errc::address_unavailable;
  if (error.value() == ETIMEDOUT && worst_ == Errc::connect_failed) worst_ = Errc::connect_timeout;
  if (next_ == addresses_.size() && trying_.empty()) fail(here, {worst_, what() + ": " + causes_});
}

void AsioConnect::on_head_start_over(OnShard& here) {
  auto self = shared_from_this();
  try_next(here);
}

void AsioConnect::on_timeout(OnShard& here) {
  auto self = shared_from_this();
  std::string text =
      what() + (lookup_ && addresses_.empty() ? ": the name has no answer within " : ": no answer within ");
  text += seconds_text(target_.timeout) + " (connect_timeout)";
  if (!causes_.empty()) text += "; " + causes_;
  fail(here, {Errc::connect_timeout, std::move(text)});
}

// The kernel may connect a port to itself when nobody listens on it and it is chosen as the local one (C7).
void AsioConnect::succeed(OnShard& here, Try& one) {
  if (local_address_of(one.socket.native_handle()) == peer_address_of(one.socket.native_handle())) {
    fail(here, {Errc::connect_failed, what() + ": nobody listens there (the connection reached itself)"});
    return;
  }
  std::error_code error;
  Descriptor socket(one.socket.release(error));
  finish(here, make_asio_channel(here, std::move(socket)));
}

void AsioConnect::fail(OnShard& here, Failure failure) {
  finish(here, std::move(failure));
}

void AsioConnect::finish(OnShard& here, Result<std::unique_ptr<Channel>> result) {
  timeout_.clear();
  head_start_.clear();
  lookup_.reset();
  trying_.clear();
  std::exchange(done_, nullptr)(here, std::move(result));  // may destroy the attempt
}

class AsioConnectAttempt final : public ConnectAttempt {
 public:
  explicit AsioConnectAttempt(std::shared_ptr<AsioConnect> connect) : connect_(std::move(connect)) {}

 private:
  std::shared_ptr<AsioConnect> connect_;
};

}  // namespace

std::unique_ptr<ConnectAttempt> start_asio_connect(OnShard& here, Resolver& resolver,
                                                   const ConnectTarget& target, Connected done) {
  auto connect = std::make_shared<AsioConnect>(here.shard(), target, std::move(done));
  connect->start(here, resolver);
  return std::make_unique<AsioConnectAttempt>(std::move(connect));
}

}  // namespace connmgr::io

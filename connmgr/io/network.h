// The world in a few verbs: the only seam between connmgr and sockets. AsioNetwork is the real one;
// SimNetwork (tests) makes up latency, splits, resets, silence and refusals from a seed. TLS will stand
// behind the same Channel: what is read and written here is plain text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "connmgr/core/error.h"
#include "connmgr/core/time.h"
#include "connmgr/core/unique_function.h"
#include "connmgr/io/event_loop.h"
#include "connmgr/io/shard.h"

namespace connmgr::io {

struct Keepalive {
  bool on = true;
  Duration idle = std::chrono::seconds(60);
  Duration interval = std::chrono::seconds(10);
  int count = 3;
  friend bool operator==(const Keepalive&, const Keepalive&) = default;
};

// Set on each socket before it is used (SPEC section 8, C3). socket(7), tcp(7).
struct SocketOptions {
  std::uint32_t send_buffer = 0;  // bytes; 0: what the system gives
  std::uint32_t receive_buffer = 0;
  bool no_delay = true;
  Keepalive keepalive{};
  Duration user_timeout{0};  // TCP_USER_TIMEOUT; 0: what the system gives
  int traffic_class = -1;    // IP_TOS / IPV6_TCLASS; -1: unset
  friend bool operator==(const SocketOptions&, const SocketOptions&) = default;
};

// Numeric address and port of one end, as shown to people: "127.0.0.1:7777", "[::1]:7777".
struct Endpoint {
  std::string address;
  std::uint16_t port = 0;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};
std::string to_string(const Endpoint& endpoint);

// How an input stream came to its end.
enum class ChannelEnd : std::uint8_t {
  none,
  clean,      // FIN (with TLS: close alert)
  reset,      // RST
  timed_out,  // keepalive or user timeout
  truncated,  // TLS: FIN without close alert
  failed      // another error
};

struct ReadOutcome {
  std::size_t bytes = 0;  // 0 only together with an end
  ChannelEnd end = ChannelEnd::none;
  std::error_code error{};  // what the system said, for the message
};

struct WriteOutcome {
  std::size_t bytes = 0;              // taken over by the kernel, from the front
  ChannelEnd end = ChannelEnd::none;  // none and fewer bytes than given: wait until writable
  std::error_code error{};
};

class ChannelEvents {
 public:
  virtual void on_read(OnShard& here, const ReadOutcome& outcome) = 0;
  virtual void on_writable(OnShard& here) = 0;

 protected:
  ~ChannelEvents() = default;
};

// One established connection as a pair of byte streams. Lives on one shard; every call is made there.
// Destroying it closes it at once, and no event follows.
class Channel {
 public:
  virtual ~Channel() = default;

  // Who is told. Set before the first read; may change while nothing is outstanding.
  virtual void set_events(ChannelEvents& events) = 0;

  // Exactly one on_read follows, never from inside this call; one read at a time. `into` must stay until
  // then or until close/abort.
  virtual void read_some(OnShard& here, std::span<char> into) = 0;
  // Without waiting: gathers `pieces` into one write. After an end that is a reset or a time-out, a read
  // gives what had come before it and then the same end.
  virtual WriteOutcome try_write(OnShard& here, std::span<const std::string_view> pieces) = 0;
  // One on_writable follows, never from inside this call.
  virtual void wait_writable(OnShard& here) = 0;
  // FIN after what was written. Reading goes on.
  virtual void shutdown_output(OnShard& here) = 0;
  // The descriptor is closed when these return; nothing is called afterwards. close() with unread input
  // makes the kernel send a reset that can destroy sent data: the Connection sees to it that there is none.
  virtual void close(OnShard& here) = 0;
  virtual void abort(OnShard& here) = 0;  // with a reset, on purpose

  virtual Endpoint local() const = 0;
  virtual Endpoint peer() const = 0;
  // Bytes written that the peer's kernel has not acknowledged (SIOCOUTQ).
  virtual std::size_t unsent() const = 0;
  // Bytes that have come and that no read has taken (SIOCINQ): closing over them would reset.
  virtual std::size_t unread() const { return 0; }
};

struct ConnectTarget {
  std::string host;  // name or numeric address
  std::uint16_t port = 0;
  std::string local_address;                    // empty: the system chooses
  Duration timeout = std::chrono::seconds(10);  // for name, and all addresses together (SPEC C8)
  SocketOptions options{};
};

// An attempt under way. Destroying it cancels it: the callback will not run. On the shard that started it.
class ConnectAttempt {
 public:
  virtual ~ConnectAttempt() = default;
};
using Connected = UniqueFunction<void(OnShard&, Result<std::unique_ptr<Channel>>)>;

class AcceptEvents {
 public:
  virtual void on_accepted(OnShard& here, std::unique_ptr<Channel> channel) = 0;
  // Accepting goes on by itself; said once per episode, not per failed accept (descriptor limit).
  virtual void on_accept_trouble(OnShard& here, const Failure& failure) = 0;

 protected:
  ~AcceptEvents() = default;
};

// One shard's share of a listening socket. On its shard. Destroying it stops accepting there.
class Acceptor {
 public:
  virtual ~Acceptor() = default;
  virtual void pause(OnShard& here) = 0;  // leaves connections in the backlog (SPEC L9 `pause`)
  virtual void resume(OnShard& here) = 0;
};

struct ListenTarget {
  std::string bind_address;  // empty: all addresses, both families
  std::uint16_t port = 0;    // 0: the system chooses
  int backlog = 1024;
  SocketOptions options{};  // for the accepted sockets
};

// A bound and listening port. Any thread. Destroying it closes the port once the acceptors are gone too.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual std::uint16_t port() const = 0;
  // Stops listening on every shard, now: when it returns somebody else may claim the port, although the
  // acceptors still exist. shutdown(2) of a listening socket does that on Linux, for all its duplicates.
  virtual void close() = 0;
  virtual std::unique_ptr<Acceptor> accept_on(OnShard& here, AcceptEvents& events) = 0;
};

class Network {
 public:
  virtual ~Network() = default;

  virtual std::unique_ptr<EventLoop> make_loop(EventLoopClient& client, ShardIndex index) = 0;
  // `done` runs once on this shard, never from inside the call, unless the attempt is destroyed first.
  // Failures: resolve_failed, connect_failed, connect_timeout, descriptor_limit, address_unavailable; the
  // text names address and the system's reason. A connection to itself (C7) is a connect_failed.
  virtual std::unique_ptr<ConnectAttempt> connect(OnShard& here, const ConnectTarget& target,
                                                  Connected done) = 0;
  // Failures: port_in_use (with the holder where it can be found out), address_unavailable, not_allowed.
  virtual Result<std::unique_ptr<Listener>> listen(const ListenTarget& target) = 0;
  // True: each loop wants a thread that calls run(). False: the network drives its loops itself (a
  // simulated world), and nobody may block.
  virtual bool wants_threads() const = 0;
  // A key for ids: getrandom(2), or the seed.
  virtual IdKey make_id_key() = 0;
};

}  // namespace connmgr::io

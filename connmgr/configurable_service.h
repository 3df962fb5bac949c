// The settings of one connection manager as the library uses them: a plain value, checked by whoever made
// it (services/config reads it from files and reports every mistake there; code may also fill one in).
//
// Shared as `std::shared_ptr<const ConfigurableService>`: never changed, only replaced by a newer version,
// so any thread may read one. The initializers are the defaults; the schema in proto/ says the same, and
// a test compares the two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "connmgr/core/limits.h"
#include "connmgr/core/time.h"

namespace connmgr {

// A client service describes connections that are opened, a server service those that are accepted.
enum class ServiceKind : std::uint8_t { client, server };

// What a server does with a connection over its maximum (SPEC L9).
enum class WhenFull : std::uint8_t {
  refuse,  // accept it and reset it: the peer learns it at once
  pause    // stop accepting: it waits in the kernel's backlog
};

// The kernel probes a silent peer after `idle`, then each `interval`; `count` unanswered probes end the
// connection (SPEC C3). It counts whole seconds.
struct KeepaliveSettings {
  bool on = true;
  Duration idle = std::chrono::seconds(60);
  Duration interval = std::chrono::seconds(10);
  int count = 3;

  // How long a vanished peer stays unnoticed on a silent connection.
  Duration detection_time() const noexcept { return idle + interval * count; }

  friend bool operator==(const KeepaliveSettings&, const KeepaliveSettings&) = default;
};

// SPEC section 8. A connection keeps what it was opened with.
struct SocketSettings {
  std::uint32_t send_buffer = 0;  // bytes; 0: the system's own choice
  std::uint32_t receive_buffer = 0;
  bool no_delay = true;  // small records leave at once
  KeepaliveSettings keepalive{};
  // How long sent bytes may stay unacknowledged. Unset: as keepalive's detection time, so that data in
  // flight does not wait longer than silence does (C3). See effective_user_timeout().
  std::optional<Duration> user_timeout{};
  int traffic_class = -1;                            // the IP header's byte; -1: unset
  Duration close_timeout = std::chrono::seconds(5);  // graceful close reads on for the peer's end that long

  friend bool operator==(const SocketSettings&, const SocketSettings&) = default;
};

// What TCP_USER_TIMEOUT is set to; nothing: the option is left alone (keepalive is off and no value given).
std::optional<Duration> effective_user_timeout(const SocketSettings& socket) noexcept;

struct ConfigurableService {
  std::string name{};
  ServiceKind kind = ServiceKind::client;

  // The address. Port 0 without the two below: the service has none and supplies properties only (G5).
  std::string hostname = "localhost";  // client: a name or an address
  std::string bind_address{};          // server: an address of this host; empty: all
  std::uint16_t port = 0;
  bool port_auto = false;  // server: the system chooses a port
  std::string port_of{};   // client: the port of the server service of this name

  // Limits and waiting (SPEC section 4).
  std::optional<std::uint32_t> min_connections{};  // client; unset is not 0: see pool_settings() (G7)
  std::uint32_t max_connections = 100;             // 0: unlimited
  std::optional<std::uint32_t> max_kept{};         // unset: all of them (L12)
  std::uint32_t max_connecting = 2;                // client
  std::uint32_t max_waiters = 10000;
  Duration connection_timeout = std::chrono::seconds(180);  // 0: do not wait; kForever: never give up
  Duration reservation_expiry = std::chrono::minutes(15);   // kForever: a reservation never ends by itself (S8)
  Selection selection = Selection::most_recent;
  WhenFull when_full = WhenFull::refuse;  // server

  // Connecting out (SPEC section 7); client.
  Duration connect_timeout = std::chrono::seconds(10);  // one attempt, all addresses of the name
  RetrySettings retry{};

  // Listening; server. Connections that the kernel has completed and we have not taken yet. 1024 holds the
  // reconnects of a whole fleet between two wake-ups; one that finds no room costs its peer a second (the
  // SYN is sent again). The kernel cuts it to net.core.somaxconn, 4096 as delivered.
  int backlog = 1024;

  // Life of the manager (SPEC G1, G9).
  Duration drain_timeout = std::chrono::seconds(30);  // a stop waits that long for streams in use
  Duration keep_manager{0};                           // after its last node was removed

  SocketSettings socket{};
  std::size_t max_record_bytes = 100'000'000;  // a longer record fails and ends its connection (D4)
  bool half_close = true;                      // a peer that has closed its side may still be written to

  std::uint64_t version = 1;  // counts the live changes of this service

  friend bool operator==(const ConfigurableService&, const ConfigurableService&) = default;
};

// Whether the service names an address of its own, or properties only.
bool has_address(const ConfigurableService& service) noexcept;

// What the pool of this service's manager is given. An unset minimum is 1 while a client Input node uses
// the manager, because an Input node never opens a connection on demand; a written 0 stays 0 (G7).
PoolSettings pool_settings(const ConfigurableService& service, bool has_client_input_node);

}  // namespace connmgr

// The life of a connection in its pool, as one table. Streams have theirs in stream.h.
//
//   wants_permit --permit_granted--> connecting --opened--> open --close_started--> closing
//        |                               |  |                                         |
//        | permit_refused, abandoned     |  +--abandoned--> closing                   | descriptor_closed
//        v                               v                                            v
//       gone  <------ open_failed -------+         gone  <--- last_user_left ---   ended
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace connmgr {

enum class ConnectionState : std::uint8_t {
  wants_permit,  // counted as connecting
  connecting,
  open,
  closing,  // counts against the maximum until closed()
  ended,    // descriptor gone, but a stream may still be in somebody's hands
  gone      // its slot is free for the next connection
};
inline constexpr int kConnectionStates = static_cast<int>(ConnectionState::gone) + 1;
std::string_view to_string(ConnectionState state);

enum class ConnectionEvent : std::uint8_t {
  permit_granted,
  permit_refused,
  opened,
  open_failed,        // the attempt left nothing open
  abandoned,          // the attempt is no longer wanted
  close_started,      // by whomever: peer, node, settings, administrator
  descriptor_closed,  // there is room again
  last_user_left      // both streams have come back
};
inline constexpr int kConnectionEvents = static_cast<int>(ConnectionEvent::last_user_left) + 1;

// Nothing: the event cannot happen in this state. A raced one (an attempt that opens while it is being
// abandoned) is filtered by the pool before it asks.
constexpr std::optional<ConnectionState> next(ConnectionState s, ConnectionEvent event) {
  using enum ConnectionState;
  const auto from = [s](ConnectionState expected, ConnectionState to) {
    return s == expected ? std::optional(to) : std::nullopt;
  };
  switch (event) {
    case ConnectionEvent::permit_granted: return from(wants_permit, connecting);
    case ConnectionEvent::permit_refused: return from(wants_permit, gone);
    case ConnectionEvent::opened: return from(connecting, open);
    case ConnectionEvent::open_failed: return from(connecting, gone);
    case ConnectionEvent::abandoned:
      return s == wants_permit ? std::optional(gone) : from(connecting, closing);
    case ConnectionEvent::close_started: return from(open, closing);
    case ConnectionEvent::descriptor_closed: return from(closing, ended);
    case ConnectionEvent::last_user_left: return from(ended, gone);
  }
  return std::nullopt;
}

}  // namespace connmgr

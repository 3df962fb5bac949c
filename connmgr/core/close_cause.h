// Why a connection ended. One list serves messages, statistics and the trace log (SPEC section 6).
#pragma once

#include <cstdint>
#include <string_view>

namespace connmgr {

enum class CloseCause : std::uint8_t {
  peer,           // the peer closed its side and nothing was left to do
  reset,          // the peer reset the connection
  timed_out,      // keepalive or user timeout found it dead
  failed,         // another error of the system on this connection
  never_opened,   // the attempt to connect failed
  expired,        // it was reserved, and nothing moved for reservation_expiry (S8)
  over_maximum,   // more open than the (lowered) maximum
  given_up,       // idle, and another pool of its budget had a request waiting (L7)
  record_error,   // a record too long, incomplete or invalid: the stream cannot be read on
  send_cut,       // a record went out in part
  node,           // a node asked for it
  purge,          // the settings it was opened with are gone, or an administrator purged the pool
  administrator,
  shutdown,
};
inline constexpr int kCloseCauses = static_cast<int>(CloseCause::shutdown) + 1;

std::string_view to_string(CloseCause cause);

}  // namespace connmgr

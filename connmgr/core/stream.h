// One direction of a connection: the unit that is handed out (SPEC sections 1 and 3).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace connmgr {

enum class Direction : std::uint8_t { input, output };
constexpr Direction other(Direction d) { return d == Direction::input ? Direction::output : Direction::input; }
std::string_view to_string(Direction direction);

// What a node does to a stream at the end of its use (SPEC S4).
enum class StreamChange : std::uint8_t { leave_unchanged, reserve, release, reserve_until_flow_end };
std::string_view to_string(StreamChange change);

// {available, reserved} x {free, in use}: two independent facts, one state.
enum class StreamState : std::uint8_t { available_free, available_in_use, reserved_free, reserved_in_use };
std::string_view to_string(StreamState state);

constexpr bool in_use(StreamState s) {
  return s == StreamState::available_in_use || s == StreamState::reserved_in_use;
}
constexpr bool reserved(StreamState s) {
  return s == StreamState::reserved_free || s == StreamState::reserved_in_use;
}

enum class StreamEvent : std::uint8_t {
  taken,         // by a request without an id
  taken_by_id,   // by a request that names the connection
  returned,      // the user ends its use; reservation unchanged
  made_reserved, // reserve, or reserve_until_flow_end: by anybody, user or not (SPEC S4)
  made_available // release, the end of the flow iteration, expiry, or an administrator
};

// The state machine of a stream, whole: every other place asks it. Nothing: the event cannot happen.
constexpr std::optional<StreamState> next(StreamState s, StreamEvent event) {
  using enum StreamState;
  switch (event) {
    case StreamEvent::taken: return s == available_free ? std::optional(available_in_use) : std::nullopt;
    case StreamEvent::taken_by_id:
      return s == available_free ? std::optional(available_in_use)
             : s == reserved_free ? std::optional(reserved_in_use)
                                  : std::nullopt;
    case StreamEvent::returned:
      return s == available_in_use ? std::optional(available_free)
             : s == reserved_in_use ? std::optional(reserved_free)
                                    : std::nullopt;
    case StreamEvent::made_reserved: return in_use(s) ? reserved_in_use : reserved_free;
    case StreamEvent::made_available: return in_use(s) ? available_in_use : available_free;
  }
  return std::nullopt;
}

}  // namespace connmgr

#include "connmgr/core/stream.h"

namespace connmgr {

std::string_view to_string(Direction direction) { return direction == Direction::input ? "input" : "output"; }

std::string_view to_string(StreamChange change) {
  switch (change) {
    case StreamChange::leave_unchanged: return "leave_unchanged";
    case StreamChange::reserve: return "reserve";
    case StreamChange::release: return "release";
    case StreamChange::reserve_until_flow_end: return "reserve_until_flow_end";
  }
  return "?";
}

std::string_view to_string(StreamState state) {
  switch (state) {
    case StreamState::available_free: return "available";
    case StreamState::available_in_use: return "available, in use";
    case StreamState::reserved_free: return "reserved";
    case StreamState::reserved_in_use: return "reserved, in use";
  }
  return "?";
}

}  // namespace connmgr

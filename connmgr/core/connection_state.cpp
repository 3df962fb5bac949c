#include "connmgr/core/connection_state.h"

namespace connmgr {

std::string_view to_string(ConnectionState state) {
  switch (state) {
    case ConnectionState::wants_permit: return "wants a permit";
    case ConnectionState::connecting: return "connecting";
    case ConnectionState::open: return "open";
    case ConnectionState::closing: return "closing";
    case ConnectionState::ended: return "ended";
    case ConnectionState::gone: return "gone";
  }
  return "?";
}

}  // namespace connmgr

#include "connmgr/core/close_cause.h"

namespace connmgr {

std::string_view to_string(CloseCause cause) {
  switch (cause) {
    case CloseCause::peer: return "peer";
    case CloseCause::reset: return "reset";
    case CloseCause::timed_out: return "timed_out";
    case CloseCause::failed: return "failed";
    case CloseCause::never_opened: return "never_opened";
    case CloseCause::expired: return "expired";
    case CloseCause::over_maximum: return "over_maximum";
    case CloseCause::given_up: return "given_up";
    case CloseCause::record_error: return "record_error";
    case CloseCause::send_cut: return "send_cut";
    case CloseCause::node: return "node";
    case CloseCause::purge: return "purge";
    case CloseCause::administrator: return "administrator";
    case CloseCause::shutdown: return "shutdown";
  }
  return "?";
}

}  // namespace connmgr

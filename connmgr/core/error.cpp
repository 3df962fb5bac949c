#include "connmgr/core/error.h"

namespace connmgr {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "connmgr"; }

  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::pool_exhausted: return "no connection available";
      case Errc::budget_exhausted: return "the budget is used up";
      case Errc::too_many_waiters: return "too many requests wait already";
      case Errc::unknown_connection: return "no such connection";
      case Errc::reservation_expired: return "the reservation has expired";
      case Errc::stream_busy: return "the stream is used by somebody else";
      case Errc::stale_connection: return "the connection broke";
      case Errc::connection_closed: return "the connection is closed";
      case Errc::connect_failed: return "cannot reach the peer";
      case Errc::connect_timeout: return "the peer did not answer in time";
      case Errc::resolve_failed: return "the host name has no address";
      case Errc::timeout: return "timed out";
      case Errc::record_too_long: return "the record is too long";
      case Errc::record_incomplete: return "the stream ended inside a record";
      case Errc::record_invalid: return "the bytes are not a valid record";
      case Errc::manager_stopped: return "the connection manager is stopped";
      case Errc::manager_paused: return "the connection manager is paused";
      case Errc::port_in_use: return "the port is in use";
      case Errc::address_unavailable: return "the address is not one of this host";
      case Errc::descriptor_limit: return "no file descriptor left";
      case Errc::invalid_configuration: return "invalid configuration";
      case Errc::unknown_service: return "no such configurable service";
      case Errc::id_required: return "a connection id is required";
      case Errc::not_allowed: return "not allowed";
      case Errc::cancelled: return "cancelled";
      case Errc::shutting_down: return "the execution group shuts down";
      case Errc::exception: return "user code failed";
    }
    return "unknown connmgr error " + std::to_string(value);
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

std::error_code make_error_code(Errc code) noexcept { return {static_cast<int>(code), error_category()}; }

}  // namespace connmgr

// One error type for everything connmgr reports (SPEC section 6): a code of the category `connmgr`, and a
// text that names the thing, what happened, what the system said and the setting that governs it.
#pragma once

#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include "connmgr/core/check.h"

namespace connmgr {

enum class Errc {
  pool_exhausted = 1,   // connection_timeout passed, the maximum is reached
  budget_exhausted,     // connection_timeout passed, other services hold what the budget allows
  too_many_waiters,     // max_waiters requests wait already
  unknown_connection,   // the id names no connection of this manager (any more)
  reservation_expired,  // the id names a connection that was closed because nothing moved on it (S8)
  stream_busy,          // by id: somebody else used the stream until connection_timeout passed
  stale_connection,     // reset, timed out or purged while held
  connection_closed,    // the connection ended in an orderly way before the operation was done
  connect_failed,       // the peer could not be reached
  connect_timeout,      // the peer did not answer within connect_timeout
  resolve_failed,       // the peer's name has no address
  timeout,              // the node's own time limit passed (first byte, record, send)
  record_too_long,      // over max_record_bytes
  record_incomplete,    // the stream ended inside a record
  record_invalid,       // the bytes break the record format
  manager_stopped,      // an administrator stopped the manager, or its last user was removed
  manager_paused,       // paused, and connection_timeout passed
  port_in_use,          // somebody else listens on the port
  address_unavailable,  // the bind or local address is not one of this host
  descriptor_limit,     // the process has no file descriptor left
  invalid_configuration,
  unknown_service,
  id_required,
  not_allowed,          // a node asked for what its kind of manager does not do
  cancelled,
  shutting_down,
  exception,            // user code of a flow threw something that carries no code of its own
};

}  // namespace connmgr

// Before the first use of an error_code with an Errc.
template <>
struct std::is_error_code_enum<connmgr::Errc> : std::true_type {};

namespace connmgr {

const std::error_category& error_category() noexcept;
std::error_code make_error_code(Errc code) noexcept;

// What a caller gets instead of a value: the code decides, the text explains.
struct Failure {
  std::error_code code;
  std::string text;

  Failure() = default;
  Failure(std::error_code error, std::string explanation) : code(error), text(std::move(explanation)) {}
  Failure(Errc errc, std::string explanation) : code(make_error_code(errc)), text(std::move(explanation)) {}
  Failure(Errc errc) : Failure(errc, make_error_code(errc).message()) {}  // NOLINT: reads as `return Errc::x`

  bool is(Errc errc) const noexcept { return code == make_error_code(errc); }
};

// A value or the failure that came instead. Expected failures are results, never exceptions.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}                // NOLINT
  Result(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}      // NOLINT
  Result(Errc code) : state_(std::in_place_index<1>, Failure(code)) {}                 // NOLINT

  explicit operator bool() const noexcept { return state_.index() == 0; }
  bool has_value() const noexcept { return state_.index() == 0; }
  const Failure& error() const {
    check(!has_value(), "error() of a result that has a value");
    return *std::get_if<1>(&state_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& {
    check(has_value(), "value of a result that failed");
    return *std::get_if<0>(&state_);
  }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &**this; }

 private:
  T& value() {
    check(has_value(), "value of a result that failed");
    return *std::get_if<0>(&state_);
  }

  std::variant<T, Failure> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Failure failure) : failure_(std::move(failure)) {}  // NOLINT
  Result(Errc code) : failure_(Failure(code)) {}             // NOLINT

  explicit operator bool() const noexcept { return !failure_; }
  bool has_value() const noexcept { return !failure_; }
  const Failure& error() const {
    check(failure_.has_value(), "error() of a result that succeeded");
    return *failure_;
  }

 private:
  std::optional<Failure> failure_;
};

}  // namespace connmgr

// check(): an invariant of ours. When it does not hold the program is wrong, and going on could hand one
// stream to two users; so it stops, in release builds too. Never for input from outside: that is an error.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace connmgr {

[[noreturn]] inline void check_failed(const char* what, const std::source_location& where) noexcept {
  std::fprintf(stderr, "connmgr: check failed: %s, in %s (%s:%u)\n", what, where.function_name(),
               where.file_name(), static_cast<unsigned>(where.line()));
  std::abort();
}

inline void check(bool holds, const char* what = "invariant",
                  const std::source_location& where = std::source_location::current()) noexcept {
  if (!holds) [[unlikely]] check_failed(what, where);
}

}  // namespace connmgr

// check(): an invariant of ours. When it does not hold the program is wrong, and going on could hand one
// stream to two users; so it stops, in release builds too. Never for input from outside: that is an error.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace connmgr {

[[noreturn]] inline void check_failed(const char* what, const char* function, const char* file,
                                      unsigned line) noexcept {
  std::fprintf(stderr, "connmgr: check failed: %s, in %s (%s:%u)\n", what, function, file, line);
  std::abort();
}

// The place of the call comes from the builtins that std::source_location is made of: clang 14, with which we
// fuzz, has those alone.
inline void check(bool holds, const char* what = "invariant", const char* function = __builtin_FUNCTION(),
                  const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) noexcept {
  if (!holds) [[unlikely]] check_failed(what, function, file, line);
}

}  // namespace connmgr

// Reads a fuzzer's bytes as choices. When they run out every choice is 0, so any input is a case.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace connmgr::test {

class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size) : left_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return left_.empty(); }
  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(left_.front());
    left_.remove_prefix(1);
    return first;
  }
  bool flag() { return byte() & 1; }
  std::size_t below(std::size_t limit) { return byte() % limit; }  // limit: 1 to 256
  std::string_view bytes(std::size_t at_most) {
    const std::string_view taken = left_.substr(0, std::min(at_most, left_.size()));
    left_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() { return bytes(left_.size()); }

 private:
  std::string_view left_;
};

}  // namespace connmgr::test

// What a harness promises about a case. Stops the program, so that libFuzzer keeps the input.
#define FUZZ_EXPECT(holds)                                                            \
  do {                                                                                \
    if (!(holds)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds); \
      std::abort();                                                                   \
    }                                                                                 \
  } while (false)

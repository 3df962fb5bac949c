// Heap allocations of the whole program, counted by a replaced operator new. Only a program that uses this
// class links the replacement, so the others run with the usual one.
#pragma once

#include <cstdint>

namespace bench {

std::uint64_t allocations_so_far() noexcept;  // of all threads

// Counts from its construction on.
class AllocationCount {
 public:
  AllocationCount() noexcept : at_start_(allocations_so_far()) {}
  std::uint64_t count() const noexcept { return allocations_so_far() - at_start_; }

 private:
  std::uint64_t at_start_;
};

}  // namespace bench

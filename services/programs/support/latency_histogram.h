// How long things took: counts in buckets that are 1/32 of a power of two wide, so that any percentile is
// right to about 3 % over the whole range of 64 bits, and recording is a shift and an increment.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <vector>

namespace connmgr::programs {

class LatencyHistogram {
 public:
  void record(std::chrono::nanoseconds latency) noexcept {
    const auto value = latency.count() < 0 ? 0 : static_cast<std::uint64_t>(latency.count());
    ++counts_[bucket_of(value)];
    ++count_;
    if (value > max_) max_ = value;
  }

  std::uint64_t count() const noexcept { return count_; }
  std::chrono::nanoseconds max() const noexcept { return std::chrono::nanoseconds(max_); }

  // The smallest latency that `share` (0 to 1) of all were not above; the upper edge of its bucket.
  std::chrono::nanoseconds percentile(double share) const noexcept;

  // Counts between round figures (1, 2, 5, 10, 20, 50 ...), from the first to the last that is not empty: for
  // a chart. A bucket that lies across an edge counts where it begins.
  struct Range {
    std::chrono::nanoseconds from{};
    std::chrono::nanoseconds below{};
    std::uint64_t count = 0;
  };
  std::vector<Range> ranges() const;

  static constexpr int kStepBits = 5;  // 32 steps in each power of two
  static constexpr std::uint64_t kSteps = 1u << kStepBits;

  // Values below 32 have a bucket each; above, the leading bit and the 5 bits behind it say which.
  static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    if (value < kSteps) return static_cast<std::size_t>(value);
    const int shift = static_cast<int>(std::bit_width(value)) - 1 - kStepBits;
    return static_cast<std::size_t>((static_cast<std::uint64_t>(shift) << kStepBits) + (value >> shift));
  }
  static constexpr std::uint64_t lowest_of(std::size_t bucket) noexcept {
    if (bucket < 2 * kSteps) return bucket;
    const int shift = static_cast<int>(bucket >> kStepBits) - 1;
    return (kSteps + (bucket & (kSteps - 1))) << shift;
  }

 private:
  static constexpr std::size_t kBuckets = (64 - kStepBits + 1) * kSteps;

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace connmgr::programs

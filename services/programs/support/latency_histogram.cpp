#include "services/programs/support/latency_histogram.h"

#include <algorithm>
#include <cmath>

namespace connmgr::programs {

std::chrono::nanoseconds LatencyHistogram::percentile(double share) const noexcept {
  const auto wanted =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    // The last bucket has no next one; whatever is in it is the maximum.
    if (seen >= wanted && bucket + 1 < counts_.size()) {
      return std::chrono::nanoseconds(std::min(max_, lowest_of(bucket + 1) - 1));
    }
  }
  return max();
}

std::vector<LatencyHistogram::Range> LatencyHistogram::ranges() const {
  std::vector<Range> ranges;
  std::uint64_t from = 0, below = 1;
  std::uint64_t power = 1;  // of ten; below is 1, 2 or 5 times it
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    if (counts_[bucket] == 0) continue;
    while (below <= lowest_of(bucket) && power < 1'000'000'000'000'000'000) {
      if (!ranges.empty()) ranges.push_back({});
      from = below;
      below = below == power ? power * 2 : below == power * 2 ? power * 5 : power * 10;
      if (below == power * 10) power = below;
      if (!ranges.empty())
        ranges.back() = {std::chrono::nanoseconds(from), std::chrono::nanoseconds(below), 0};
    }
    if (ranges.empty())
      ranges.push_back({std::chrono::nanoseconds(from), std::chrono::nanoseconds(below), 0});
    ranges.back().count += counts_[bucket];
  }
  return ranges;
}

}  // namespace connmgr::programs

// The load of bench echo: connections that each keep `depth` records under way to a server that sends every
// record back, and check each byte that comes. One thread, epoll.
//
// A record is text that ends with a line end: a number of 16 hex digits, told apart by connection, then
// letters. So any server that echoes bytes, or lines, or records of this length can be measured.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace bench {

struct Load {
  std::uint16_t port = 0;  // on 127.0.0.1
  int connections = 64;
  int depth = 1;                        // records under way on each
  std::size_t record_size = 128;        // at least 18
  std::uint64_t records_each = 10000;   // of each connection
  std::uint64_t warm_up_each = 0;       // of those, on average: not measured
  std::chrono::seconds time_limit{60};  // without any progress for that long it ends with an error
  // At the edges of what is measured: every connection is open, and records are under way at the first.
  std::function<void()> on_begin{};
  std::function<void()> on_end{};
};

// Times in nanoseconds, kept within 1.6 %.
class Latencies {
 public:
  void add(std::uint64_t nanoseconds) noexcept;
  double percentile(double percent) const noexcept;  // of 0 to 100
  std::uint64_t count() const noexcept { return count_; }

 private:
  static constexpr unsigned kParts = 64;  // of each doubling
  static std::size_t bucket_of(std::uint64_t nanoseconds) noexcept;
  static double middle_of(std::size_t bucket) noexcept;

  std::array<std::uint64_t, kParts * 60> buckets_{};
  std::uint64_t count_ = 0;
};

struct LoadResult {
  std::uint64_t records = 0;  // that came back right, after those to warm up
  double seconds = 0;
  double cpu_seconds = 0;  // of the generator
  Latencies latencies;     // from the sending of a record to its last byte
  std::string error;       // empty: every record came back, in order, to the last byte

  double rate() const { return seconds > 0 ? static_cast<double>(records) / seconds : 0; }
};

// Runs on the calling thread until every record has come back, or something is wrong.
LoadResult generate(const Load& load);

}  // namespace bench

#include "services/programs/support/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "services/programs/support/units.h"

namespace connmgr::programs {
namespace {

constexpr auto kOnTerminal = std::chrono::milliseconds(100);
constexpr auto kElsewhere = std::chrono::seconds(2);
constexpr int kBarWidth = 24;

std::string bar(double share) {
  const int full = static_cast<int>(share * kBarWidth);
  std::string text = "[";
  for (int i = 0; i < kBarWidth; ++i) text += i < full ? '=' : i == full ? '>' : ' ';
  return text + "] ";
}

}  // namespace

Progress::Progress(std::string what, bool quiet)
    : what_(std::move(what)),
      quiet_(quiet),
      terminal_(::isatty(STDERR_FILENO) == 1),
      started_(Clock::now()),
      next_(quiet ? Time::max() : started_ + (terminal_ ? Clock::duration(kOnTerminal) : kElsewhere)),
      last_time_(started_) {}

void Progress::show(Time now, std::uint64_t records, double share) {
  if (now < next_) return;
  // The rate of a tenth of a second jumps; that of a second can be read.
  if (const double since = std::chrono::duration<double>(now - last_time_).count();
      since >= 1 || rate_ == 0) {
    rate_ = static_cast<double>(records - last_records_) / std::max(since, 1e-9);
    last_time_ = now;
    last_records_ = records;
  }
  std::string line = what_ + ": ";
  if (share >= 0) {
    share = std::min(share, 1.0);
    if (terminal_) line += bar(share);
    char percent[16];
    std::snprintf(percent, sizeof percent, "%3.0f %%  ", share * 100);
    line += percent;
  }
  line += count_text(records) + " records  " + count_text(static_cast<std::uint64_t>(rate_)) + "/s  " +
          duration_text(now - started_);
  std::fprintf(stderr, terminal_ ? "\r%s\x1b[K" : "%s\n", line.c_str());
  std::fflush(stderr);
  drawn_ = terminal_;
  next_ = now + (terminal_ ? Clock::duration(kOnTerminal) : kElsewhere);
}

void Progress::finish() {
  if (drawn_) std::fprintf(stderr, "\r\x1b[K");
  drawn_ = false;
  next_ = Time::max();
}

}  // namespace connmgr::programs

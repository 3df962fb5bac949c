// How far it is, on stderr: one line drawn over itself, at most ten times a second, when a person looks at
// it; else a line every two seconds at most.
#pragma once

#include <cstdint>
#include <string>

#include "services/programs/support/event_loop.h"

namespace connmgr::programs {

class Progress {
 public:
  Progress(std::string what, bool quiet);
  ~Progress() { finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // When show() will next draw; the loop wakes for it.
  Time next() const noexcept { return next_; }
  // `share` of what is to be done, 0 to 1; below 0: nobody knows.
  void show(Time now, std::uint64_t records, double share);
  // Takes the drawn line away.
  void finish();

 private:
  std::string what_;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  Time started_;
  Time next_;
  Time last_time_;
  std::uint64_t last_records_ = 0;
  double rate_ = 0;
};

}  // namespace connmgr::programs

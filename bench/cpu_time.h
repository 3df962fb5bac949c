// CPU seconds of one thread: what a server costs, whatever else runs on the machine.
#pragma once

#include <pthread.h>

#include <ctime>

namespace bench {

inline double seconds_on(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

inline double cpu_seconds_of_this_thread() {
  return seconds_on(CLOCK_THREAD_CPUTIME_ID);
}

// Of a thread that still runs (std::thread::native_handle()).
inline double cpu_seconds_of(pthread_t thread) {
  clockid_t clock{};
  return ::pthread_getcpuclockid(thread, &clock) == 0 ? seconds_on(clock) : 0;
}

}  // namespace bench

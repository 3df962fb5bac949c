// One thread, one epoll set: whoever owns a descriptor is told when it is ready. SIGINT and SIGTERM become
// a question, stop_asked(), instead of an end in the middle of something.
#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "services/programs/support/file_descriptor.h"

namespace connmgr::programs {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

class Watcher {
 public:
  virtual void on_ready(std::uint32_t events) = 0;

 protected:
  ~Watcher() = default;
};

class EventLoop {
 public:
  EventLoop();  // from now on SIGINT and SIGTERM are taken here; throws std::system_error
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void watch(int fd, std::uint32_t events, Watcher& watcher);
  void change(int fd, std::uint32_t events, Watcher& watcher);
  // Before the descriptor is closed. Events of it that this wake-up has still to tell are dropped.
  void forget(int fd, Watcher& watcher);

  // Tells what is ready; waits for it until `deadline` at most.
  void run_once(Time deadline);

  // Whether the last run_once() told all that was ready; else there may be more.
  bool told_all() const noexcept { return told_all_; }
  bool stop_asked() const noexcept { return stop_asked_; }

 private:
  int wait(Time deadline);
  void read_signals();

  FileDescriptor epoll_;
  FileDescriptor signals_;
  std::vector<epoll_event> ready_;
  int ready_count_ = 0;
  bool told_all_ = true;
  bool stop_asked_ = false;
};

}  // namespace connmgr::programs

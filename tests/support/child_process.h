// A program run as a user runs it: its own process, its output read through pipes, its end waited for with a
// deadline. Whatever happens to the test, no child outlives this object.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace connmgr::test {

class ChildProcess {
 public:
  // argv[0] is the path of the executable. Throws std::system_error when it cannot be started.
  explicit ChildProcess(const std::vector<std::string>& argv);
  ~ChildProcess();  // killed and waited for, if it still runs
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Reads until stderr contains `text`; what stands behind it up to the end of that line. Fails the test and
  // gives "" when the program ends, or the deadline passes, before.
  std::string wait_for_error_text(const std::string& text);

  struct Finished {
    int exit_code = -1;  // 128 + signal, as a shell tells it
    std::string out;
    std::string error;
  };
  // Reads until it has ended. Over the deadline it is killed, and the test fails.
  Finished wait();

  // Whether it runs, and its deadline has not passed. Does not wait.
  bool running();
  void signal(int number);
  pid_t pid() const noexcept { return pid_; }

 private:
  using Clock = std::chrono::steady_clock;
  // One poll(2): output that is there, or the end; waits for it until `until` at most. False: the deadline
  // has passed.
  bool step(Clock::time_point until);
  bool step() { return step(deadline_); }

  const std::string name_;
  const Clock::time_point deadline_;
  pid_t pid_ = -1;
  int ended_ = -1;  // a pidfd: readable when the process has ended
  int out_ = -1;
  int error_ = -1;
  bool running_ = true;
  int status_ = 0;
  std::string out_text_;
  std::string error_text_;
};

}  // namespace connmgr::test

#include "tests/support/child_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

namespace connmgr::test {
namespace {

// Far above what any program here needs, also under a sanitizer on a busy machine.
constexpr auto kDeadline = std::chrono::seconds(60);

[[noreturn]] void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// Reads what is there; closes at the end.
void drain(int& fd, std::string& into) {
  char bytes[16384];
  const ssize_t count = ::read(fd, bytes, sizeof bytes);
  if (count > 0) {
    into.append(bytes, static_cast<std::size_t>(count));
  } else if (count == 0 || errno != EINTR) {
    ::close(fd);
    fd = -1;
  }
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& argv)
    : name_(argv.at(0)), deadline_(Clock::now() + kDeadline) {
  int out[2], error[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(error, O_CLOEXEC) != 0) throw_errno("pipe2");
  std::vector<char*> arguments;
  for (const std::string& one : argv) arguments.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) throw_errno("fork");
  if (pid_ == 0) {
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(error[1], STDERR_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(out[1]);
  ::close(error[1]);
  out_ = out[0];
  error_ = error[0];
  // By number: the header of glibc 2.36 declares pidfd_open for C alone.
  ended_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (ended_ < 0) throw_errno("pidfd_open");
}

ChildProcess::~ChildProcess() {
  if (running_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
  }
  for (const int fd : {ended_, out_, error_}) {
    if (fd >= 0) ::close(fd);
  }
}

void ChildProcess::signal(int number) {
  if (running_) ::kill(pid_, number);
}

bool ChildProcess::running() {
  return step(Clock::now()) && running_;
}

bool ChildProcess::step(Clock::time_point until) {
  const Clock::time_point now = Clock::now();
  if (now >= deadline_) return false;
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::max(until - now, Clock::duration::zero()))
          .count();
  pollfd waited[] = {{out_, POLLIN, 0}, {error_, POLLIN, 0}, {running_ ? ended_ : -1, POLLIN, 0}};
  if (::poll(waited, 3, static_cast<int>(left)) < 0 && errno != EINTR) throw_errno("poll");
  if (waited[0].revents != 0) drain(out_, out_text_);
  if (waited[1].revents != 0) drain(error_, error_text_);
  if (waited[2].revents != 0) running_ = ::waitpid(pid_, &status_, 0) != pid_;
  return true;
}

std::string ChildProcess::wait_for_error_text(const std::string& text) {
  while (true) {
    if (const auto at = error_text_.find(text); at != std::string::npos) {
      const auto begin = at + text.size();
      if (const auto end = error_text_.find('\n', begin); end != std::string::npos) {
        return error_text_.substr(begin, end - begin);
      }
    }
    if ((!running_ && error_ < 0) || !step()) {
      ADD_FAILURE() << name_ << " never said '" << text << "', but:\n" << error_text_;
      return "";
    }
  }
}

ChildProcess::Finished ChildProcess::wait() {
  while (running_ || out_ >= 0 || error_ >= 0) {
    if (step()) continue;
    ADD_FAILURE() << name_ << " did not end in time; it said:\n" << error_text_ << out_text_;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, &status_, 0);
    running_ = false;
    break;
  }
  const int code = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  return {code, out_text_, error_text_};
}

}  // namespace connmgr::test

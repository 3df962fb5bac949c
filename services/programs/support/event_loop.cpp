#include "services/programs/support/event_loop.h"

#include <sys/signalfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>

namespace connmgr::programs {
namespace {

[[noreturn]] void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

EventLoop::EventLoop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), ready_(256) {
  if (!epoll_) throw_errno("epoll_create1");
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) throw_errno("sigprocmask");
  signals_ = FileDescriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) throw_errno("signalfd");
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, signals_.get(), &event) != 0) throw_errno("epoll_ctl");
}

void EventLoop::watch(int fd, std::uint32_t events, Watcher& watcher) {
  epoll_event event{.events = events, .data = {.ptr = &watcher}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw_errno("epoll_ctl");
}

void EventLoop::change(int fd, std::uint32_t events, Watcher& watcher) {
  epoll_event event{.events = events, .data = {.ptr = &watcher}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) throw_errno("epoll_ctl");
}

void EventLoop::forget(int fd, Watcher& watcher) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  for (int i = 0; i < ready_count_; ++i) {
    if (ready_[i].data.ptr == &watcher) ready_[i].events = 0;
  }
}

void EventLoop::run_once(Time deadline) {
  ready_count_ = wait(deadline);
  told_all_ = ready_count_ < static_cast<int>(ready_.size());
  for (int i = 0; i < ready_count_; ++i) {
    const epoll_event event = ready_[i];
    if (event.data.ptr == nullptr) {
      read_signals();
    } else if (event.events != 0) {
      static_cast<Watcher*>(event.data.ptr)->on_ready(event.events);
    }
  }
  ready_count_ = 0;
}

int EventLoop::wait(Time deadline) {
  using namespace std::chrono;
  const auto left = std::max(nanoseconds(0), duration_cast<nanoseconds>(deadline - Clock::now()));
  const auto whole = duration_cast<std::chrono::seconds>(left);
  // In nanoseconds: with a rate of 10,000 a second a millisecond is ten records.
  const timespec limit{.tv_sec = whole.count(), .tv_nsec = (left - whole).count()};
  const int count =
      ::epoll_pwait2(epoll_.get(), ready_.data(), static_cast<int>(ready_.size()), &limit, nullptr);
  if (count >= 0) return count;
  if (errno != EINTR) throw_errno("epoll_pwait2");
  return 0;
}

void EventLoop::read_signals() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) stop_asked_ = true;
}

}  // namespace connmgr::programs

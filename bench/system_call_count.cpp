#include "bench/system_call_count.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bench {
namespace {

thread_local SystemCallCounter t_counter;

void add(SystemCallCounter::Counter& counter) noexcept {  // one thread writes
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

SystemCallCounter& SystemCallCounter::of_this_thread() noexcept {
  return t_counter;
}

SystemCalls SystemCallCounter::so_far() const noexcept {
  return {sends.load(std::memory_order_relaxed), receives.load(std::memory_order_relaxed),
          waits.load(std::memory_order_relaxed), registered.load(std::memory_order_relaxed)};
}

}  // namespace bench

using bench::add;
using bench::t_counter;

// As in the C library, but no cancellation points.
extern "C" {

ssize_t send(int socket, const void* bytes, size_t count, int flags) {
  add(t_counter.sends);
  return ::syscall(SYS_sendto, socket, bytes, count, flags, nullptr, 0);
}
ssize_t sendmsg(int socket, const msghdr* message, int flags) {
  add(t_counter.sends);
  return ::syscall(SYS_sendmsg, socket, message, flags);
}
ssize_t recv(int socket, void* bytes, size_t count, int flags) {
  add(t_counter.receives);
  return ::syscall(SYS_recvfrom, socket, bytes, count, flags, nullptr, nullptr);
}
ssize_t recvmsg(int socket, msghdr* message, int flags) {
  add(t_counter.receives);
  return ::syscall(SYS_recvmsg, socket, message, flags);
}
int epoll_wait(int epoll, epoll_event* events, int most, int milliseconds) {
  add(t_counter.waits);
  return static_cast<int>(::syscall(SYS_epoll_pwait, epoll, events, most, milliseconds, nullptr, 0));
}
int epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event) noexcept {
  add(t_counter.registered);
  return static_cast<int>(::syscall(SYS_epoll_ctl, epoll, operation, descriptor, event));
}
}

// System calls for sockets, counted thread by thread: the calls of the C library are replaced by ones that
// count and then do the same. Only a program that uses this class links the replacements. Costs a store a
// call, and unlike strace slows nothing down, so what is counted is what happens at full speed.
#pragma once

#include <atomic>
#include <cstdint>

namespace bench {

struct SystemCalls {
  std::uint64_t sends = 0;       // send, sendmsg
  std::uint64_t receives = 0;    // recv, recvmsg
  std::uint64_t waits = 0;       // epoll_wait
  std::uint64_t registered = 0;  // epoll_ctl

  friend SystemCalls operator-(const SystemCalls& a, const SystemCalls& b) noexcept {
    return {a.sends - b.sends, a.receives - b.receives, a.waits - b.waits, a.registered - b.registered};
  }
  friend SystemCalls operator+(const SystemCalls& a, const SystemCalls& b) noexcept {
    return {a.sends + b.sends, a.receives + b.receives, a.waits + b.waits, a.registered + b.registered};
  }
};

// Of one thread: written by it, read by any, until the thread ends.
class SystemCallCounter {
 public:
  static SystemCallCounter& of_this_thread() noexcept;
  SystemCalls so_far() const noexcept;

  // For the replacements.
  using Counter = std::atomic<std::uint64_t>;
  Counter sends{0};
  Counter receives{0};
  Counter waits{0};
  Counter registered{0};
};

}  // namespace bench

// Room for one outstanding Asio handler, used again and again: so wakes, timers and accepting allocate
// nothing in steady state (DESIGN 2.9). A handler that does not fit, or a second one at the same time, goes
// to the heap.
#pragma once

#include <atomic>
#include <cstddef>
#include <new>

namespace connmgr::io {

class HandlerMemory {
 public:
  HandlerMemory() = default;
  HandlerMemory(const HandlerMemory&) = delete;
  HandlerMemory& operator=(const HandlerMemory&) = delete;

  void* take(std::size_t bytes) {
    if (taken_ || bytes > sizeof(room_)) return ::operator new(bytes);
    taken_ = true;
    return room_;
  }
  void give_back(void* memory) noexcept {
    if (memory == room_) {
      taken_ = false;
    } else {
      ::operator delete(memory);
    }
  }

 private:
  alignas(std::max_align_t) std::byte room_[160];
  bool taken_ = false;
};

// The same for a handler that other threads start (a wake).
class SharedHandlerMemory {
 public:
  void* take(std::size_t bytes) {
    if (bytes > sizeof(room_) || taken_.exchange(true, std::memory_order_acquire))
      return ::operator new(bytes);
    return room_;
  }
  void give_back(void* memory) noexcept {
    if (memory == room_) {
      taken_.store(false, std::memory_order_release);
    } else {
      ::operator delete(memory);
    }
  }

 private:
  alignas(std::max_align_t) std::byte room_[160];
  std::atomic<bool> taken_ = false;
};

template <class T, class Memory = HandlerMemory>
class HandlerAllocator {
 public:
  using value_type = T;
  template <class U>
  struct rebind {  // NOLINT: the name that allocators have
    using other = HandlerAllocator<U, Memory>;
  };

  explicit HandlerAllocator(Memory& memory) noexcept : memory_(&memory) {}
  template <class U>
  HandlerAllocator(const HandlerAllocator<U, Memory>& other) noexcept : memory_(other.memory_) {}  // NOLINT

  T* allocate(std::size_t n) { return static_cast<T*>(memory_->take(n * sizeof(T))); }
  void deallocate(T* memory, std::size_t) noexcept { memory_->give_back(memory); }

  friend bool operator==(const HandlerAllocator& a, const HandlerAllocator& b) noexcept {
    return a.memory_ == b.memory_;
  }

 private:
  template <class U, class M>
  friend class HandlerAllocator;
  Memory* memory_;
};

}  // namespace connmgr::io

// What is to be sent on one connection, in order: the bytes in one piece of memory, and who waits for which
// of them. Queueing a record copies it and allocates nothing in steady state.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace connmgr::io {

// First in, first out, in one vector that is used again.
template <class T>
class Fifo {
 public:
  bool empty() const noexcept { return first_ == items_.size(); }
  T& front() noexcept { return items_[first_]; }
  void push(T item) {
    if (first_ > 64 && 2 * first_ > items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(std::exchange(first_, 0)));
    }
    items_.push_back(std::move(item));
  }
  T pop() {
    T item = std::move(items_[first_]);
    if (++first_ == items_.size()) clear();
    return item;
  }
  void erase(T& item) {
    items_.erase(items_.begin() + (&item - items_.data()));
    if (first_ == items_.size()) clear();
  }
  void clear() noexcept {
    items_.clear();
    first_ = 0;
  }
  T* begin() noexcept { return items_.data() + first_; }
  T* end() noexcept { return items_.data() + items_.size(); }

 private:
  std::vector<T> items_;
  std::size_t first_ = 0;
};

// Bytes in one piece, taken from the front.
class ByteQueue {
 public:
  std::string_view bytes() const noexcept { return {memory_.get() + begin_, end_ - begin_}; }
  std::size_t size() const noexcept { return end_ - begin_; }
  bool empty() const noexcept { return begin_ == end_; }

  void append(std::string_view piece) {
    if (piece.empty()) return;
    if (piece.size() > capacity_ - end_) make_room(piece.size());
    std::memcpy(memory_.get() + end_, piece.data(), piece.size());
    end_ += piece.size();
  }

  void take_front(std::size_t count) noexcept {
    begin_ += count;
    if (begin_ == end_) clear();
  }

  // Out of the middle: what lies behind moves up.
  void erase(std::size_t offset, std::size_t count) noexcept {
    char* at = memory_.get() + begin_ + offset;
    std::memmove(at, at + count, size() - offset - count);
    end_ -= count;
    if (begin_ == end_) clear();
  }

  // The memory of an unusually large record is not kept.
  void clear() noexcept {
    begin_ = end_ = 0;
    if (capacity_ > kKept) {
      memory_.reset();
      capacity_ = 0;
    }
  }

 private:
  static constexpr std::size_t kSmallest = 512;
  static constexpr std::size_t kKept = 128 * 1024;

  void make_room(std::size_t more) {
    const std::size_t held = size();
    if (held + more <= capacity_ && 2 * held <= capacity_) {
      std::memmove(memory_.get(), memory_.get() + begin_, held);
    } else {
      std::size_t capacity = std::max(kSmallest, 2 * capacity_);
      while (capacity < held + more) capacity *= 2;
      auto memory = std::make_unique_for_overwrite<char[]>(capacity);
      if (held > 0) std::memcpy(memory.get(), memory_.get() + begin_, held);
      memory_ = std::move(memory);
      capacity_ = capacity;
    }
    begin_ = 0;
    end_ = held;
  }

  std::unique_ptr<char[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace connmgr::io

// Bytes read and not consumed: one piece of memory, 512 bytes at first. It doubles while reads come back
// full, up to 64 KiB (beyond that reading gets slower), grows further only for a record that needs it, and
// shrinks again after many small reads (DESIGN 2.8).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace connmgr::io {

class ReadBuffer {
 public:
  static constexpr std::size_t kSmallest = 512;
  static constexpr std::size_t kLargestReadAhead = 64 * 1024;

  std::string_view unread() const noexcept { return {memory_.get() + begin_, end_ - begin_}; }
  std::size_t capacity() const noexcept { return capacity_; }

  void consume(std::size_t bytes) noexcept { begin_ += bytes; }

  // Where the next read goes, so that unread() stays within `limit`; empty when that is reached. Moves what
  // is unread: not while a read is under way.
  std::span<char> room_for_read(std::size_t limit) {
    const std::size_t held = end_ - begin_;
    if (held >= limit) return {};
    const std::size_t wanted = std::min(std::max(next_capacity_, held + 1), std::max(limit, kSmallest));
    if (held == 0) {
      begin_ = end_ = 0;
      if (capacity_ != wanted) reallocate(wanted);
    } else if (wanted > capacity_) {
      reallocate(std::max(wanted, std::min(2 * capacity_, limit)));
    } else if (end_ == capacity_ || begin_ >= held) {
      std::memmove(memory_.get(), memory_.get() + begin_, held);
      begin_ = 0;
      end_ = held;
    }
    offered_ = std::min(capacity_ - end_, limit - held);
    return {memory_.get() + end_, offered_};
  }

  void came(std::size_t bytes) noexcept {
    end_ += bytes;
    if (bytes == offered_) {
      next_capacity_ = std::min(std::max(2 * capacity_, kSmallest), std::max(capacity_, kLargestReadAhead));
      small_reads_ = 0;
    } else if (4 * bytes > capacity_ || capacity_ == kSmallest) {
      small_reads_ = 0;
    } else if (++small_reads_ == kSmallReadsToShrink) {
      next_capacity_ = std::max(kSmallest, std::min(capacity_ / 4, kLargestReadAhead));
      small_reads_ = 0;
    }
  }

  // Everything unread is thrown away; not while a read is under way.
  void clear() noexcept { begin_ = end_ = 0; }

 private:
  static constexpr int kSmallReadsToShrink = 64;

  void reallocate(std::size_t capacity) {
    auto memory = std::make_unique_for_overwrite<char[]>(capacity);
    const std::size_t held = end_ - begin_;
    if (held > 0) std::memcpy(memory.get(), memory_.get() + begin_, held);
    memory_ = std::move(memory);
    capacity_ = capacity;
    begin_ = 0;
    end_ = held;
  }

  std::unique_ptr<char[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t offered_ = 0;                // to the read under way
  std::size_t next_capacity_ = kSmallest;  // to have when nothing is in the way
  int small_reads_ = 0;
};

}  // namespace connmgr::io

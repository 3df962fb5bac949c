// Bytes in order: what was read and not yet looked at, or written and not yet sent. It keeps its room, so
// that in steady state nothing is allocated.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace connmgr::programs {

class ByteBuffer {
 public:
  std::string_view bytes() const noexcept { return {room_.get() + begin_, end_ - begin_}; }
  std::size_t size() const noexcept { return end_ - begin_; }
  bool empty() const noexcept { return begin_ == end_; }

  void append(std::string_view more) {
    char* const to = room_for(more.size());
    if (!more.empty()) std::memcpy(to, more.data(), more.size());
    added(more.size());
  }

  // Room for at least `size` bytes behind those that are there; added() then says how many it became.
  char* room_for(std::size_t size) {
    if (capacity_ - end_ < size) make_room(size);
    return room_.get() + end_;
  }
  std::size_t room() const noexcept { return capacity_ - end_; }
  void added(std::size_t size) noexcept { end_ += size; }

  void consume(std::size_t size) noexcept {
    begin_ += size;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  void clear() noexcept { begin_ = end_ = 0; }

 private:
  // Moving what is left to the front costs less than what was consumed to get there, or the room doubles:
  // linear in the bytes that pass through.
  void make_room(std::size_t size) {
    const std::size_t kept = end_ - begin_;
    if (begin_ >= kept && capacity_ - kept >= size) {
      std::memcpy(room_.get(), room_.get() + begin_, kept);
    } else {
      std::size_t capacity = capacity_ < 4096 ? 4096 : capacity_ * 2;
      while (capacity - kept < size) capacity *= 2;
      std::unique_ptr<char[]> larger(new char[capacity]);
      if (kept != 0) std::memcpy(larger.get(), room_.get() + begin_, kept);
      room_ = std::move(larger);
      capacity_ = capacity;
    }
    begin_ = 0;
    end_ = kept;
  }

  std::unique_ptr<char[]> room_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace connmgr::programs

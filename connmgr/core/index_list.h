// A doubly linked list of indices into somebody's vector. The links lie in the items, so an item moves
// between lists without allocation, and the owner of the vector can be copied as a value: indices, unlike
// pointers, mean the same in the copy.
#pragma once

#include <cstdint>

namespace connmgr {

inline constexpr std::uint32_t kNoIndex = 0xffffffff;

struct IndexLinks {
  std::uint32_t before = kNoIndex;
  std::uint32_t after = kNoIndex;
};

// Each call is told where the links of an item are: `links(index)` gives IndexLinks&. An item must be in
// at most one list that uses the same links, and whoever erases it must know that it is in this one.
class IndexList {
 public:
  bool empty() const noexcept { return front_ == kNoIndex; }
  std::uint32_t front() const noexcept { return front_; }  // kNoIndex: empty
  std::uint32_t back() const noexcept { return back_; }

  template <class Links>
  void push_front(std::uint32_t index, Links&& links) {
    links(index) = {kNoIndex, front_};
    (front_ == kNoIndex ? back_ : links(front_).before) = index;
    front_ = index;
  }

  template <class Links>
  void push_back(std::uint32_t index, Links&& links) {
    links(index) = {back_, kNoIndex};
    (back_ == kNoIndex ? front_ : links(back_).after) = index;
    back_ = index;
  }

  template <class Links>
  void pop_front(Links&& links) {
    front_ = links(front_).after;
    (front_ == kNoIndex ? back_ : links(front_).before) = kNoIndex;
  }

  template <class Links>
  void erase(std::uint32_t index, Links&& links) {
    const IndexLinks old = links(index);
    (old.before == kNoIndex ? front_ : links(old.before).after) = old.after;
    (old.after == kNoIndex ? back_ : links(old.after).before) = old.before;
  }

 private:
  std::uint32_t front_ = kNoIndex;
  std::uint32_t back_ = kNoIndex;
};

}  // namespace connmgr

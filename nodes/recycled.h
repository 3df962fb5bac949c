// Nothing allocates per record: what a record needs is used again (DESIGN 2.9).
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace connmgr::nodes {

// Objects that are made once and used over and over; as many as were ever in use at once.
template <class T>
class Recycled {
 public:
  template <class... Arguments>
  T& take(Arguments&&... for_a_new_one) {
    ++in_use_;
    if (free_.empty()) {
      all_.push_back(std::make_unique<T>(std::forward<Arguments>(for_a_new_one)...));
      free_.reserve(all_.capacity());
      return *all_.back();
    }
    T* const again = free_.back();
    free_.pop_back();
    return *again;
  }
  void give_back(T& used) noexcept {
    --in_use_;
    free_.push_back(&used);
  }
  std::size_t in_use() const noexcept { return in_use_; }
  template <class Visit>
  void for_each(Visit&& visit) {  // free ones too; `visit` may take and give back
    for (std::size_t i = 0; i < all_.size(); ++i) visit(*all_[i]);
  }
  void clear() noexcept {
    free_.clear();
    all_.clear();
  }

 private:
  std::vector<std::unique_ptr<T>> all_;
  std::vector<T*> free_;
  std::size_t in_use_ = 0;
};

}  // namespace connmgr::nodes

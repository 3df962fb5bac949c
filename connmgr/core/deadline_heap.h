// Deadlines of numbered items, earliest first: a binary heap that knows where each item lies, so that a
// deadline can be changed or taken out by its item. Of equal deadlines the lower `order` comes first.
// Allocates only while it grows beyond what it has held before.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "connmgr/core/check.h"
#include "connmgr/core/index_list.h"
#include "connmgr/core/time.h"

namespace connmgr {

class DeadlineHeap {
 public:
  struct Entry {
    TimePoint at{};
    std::uint64_t order = 0;
    std::uint32_t item = kNoIndex;
  };

  bool empty() const noexcept { return entries_.empty(); }
  std::size_t size() const noexcept { return entries_.size(); }
  bool contains(std::uint32_t item) const noexcept {
    return item < places_.size() && places_[item] != kNoIndex;
  }
  TimePoint earliest() const noexcept { return entries_.empty() ? kNever : entries_.front().at; }
  // Of an item that is in.
  TimePoint at(std::uint32_t item) const {
    check(contains(item), "the deadline of an item that has none");
    return entries_[places_[item]].at;
  }
  const Entry& top() const {
    check(!entries_.empty(), "top of an empty heap");
    return entries_.front();
  }

  // Puts the item in, or moves it when it is in already.
  void set(std::uint32_t item, TimePoint at, std::uint64_t order) {
    if (item >= places_.size()) places_.resize(item + 1, kNoIndex);
    if (places_[item] == kNoIndex) {
      places_[item] = static_cast<std::uint32_t>(entries_.size());
      entries_.push_back({});
    }
    entries_[places_[item]] = {at, order, item};
    sift(places_[item]);
  }

  // Does nothing when the item is not in.
  void erase(std::uint32_t item) {
    if (!contains(item)) return;
    const std::uint32_t hole = places_[item];
    const std::uint32_t last = static_cast<std::uint32_t>(entries_.size() - 1);
    places_[item] = kNoIndex;
    if (hole != last) place(hole, entries_[last]);
    entries_.pop_back();
    if (hole != last) sift(hole);
  }

 private:
  static bool earlier(const Entry& a, const Entry& b) {
    return a.at != b.at ? a.at < b.at : a.order < b.order;
  }
  void place(std::uint32_t where, const Entry& entry) {
    entries_[where] = entry;
    places_[entry.item] = where;
  }
  void swap(std::uint32_t a, std::uint32_t b) {
    const Entry held = entries_[a];
    place(a, entries_[b]);
    place(b, held);
  }
  void sift(std::uint32_t at) {
    while (at > 0 && earlier(entries_[at], entries_[(at - 1) / 2])) {
      swap(at, (at - 1) / 2);
      at = (at - 1) / 2;
    }
    for (;;) {
      std::uint32_t least = at;
      for (std::uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < entries_.size(); ++child) {
        if (earlier(entries_[child], entries_[least])) least = child;
      }
      if (least == at) return;
      swap(at, least);
      at = least;
    }
  }

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> places_;  // by item: where in entries_; kNoIndex: not in
};

}  // namespace connmgr

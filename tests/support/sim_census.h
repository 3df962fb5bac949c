// Counts what connmgr holds of the simulated world, so that a test can see that all was given back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace connmgr::testing {

class SimCensus {
 public:
  // Lies in what is counted; leaves with it, or earlier by reset().
  class Entry {
   public:
    Entry() = default;
    Entry(SimCensus& census, std::string what, bool descriptor = true)
        : census_(&census), number_(++census.numbers_) {
      census.present_[number_] = {std::move(what), descriptor};
    }
    Entry(Entry&& other) noexcept : census_(std::exchange(other.census_, nullptr)), number_(other.number_) {}
    Entry& operator=(Entry&& other) noexcept {
      if (this != &other) {
        reset();
        census_ = std::exchange(other.census_, nullptr);
        number_ = other.number_;
      }
      return *this;
    }
    ~Entry() { reset(); }
    void reset() noexcept {
      if (SimCensus* census = std::exchange(census_, nullptr)) census->present_.erase(number_);
    }

   private:
    SimCensus* census_ = nullptr;
    std::uint64_t number_ = 0;
  };

  std::size_t descriptors() const noexcept {
    std::size_t count = 0;
    for (const auto& [number, one] : present_) count += one.descriptor ? 1 : 0;
    return count;
  }
  std::string text() const {
    std::string all;
    for (const auto& [number, one] : present_) all += one.what + '\n';
    return all;
  }

 private:
  struct One {
    std::string what;
    bool descriptor = true;
  };
  std::map<std::uint64_t, One> present_;
  std::uint64_t numbers_ = 0;
};

}  // namespace connmgr::testing

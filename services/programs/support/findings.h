// What went wrong, counted in full and described for the first few: a thousand lines of the same say less.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace connmgr::programs {

class Findings {
 public:
  static constexpr std::size_t kDescribed = 10;

  // `describe` gives the text; it is asked only for the first ones.
  template <class Describe>
  void add(Describe&& describe) {
    if (++count_ <= kDescribed) described_.push_back(describe());
  }

  std::uint64_t count() const noexcept { return count_; }
  const std::vector<std::string>& described() const noexcept { return described_; }

  // To stderr, after the progress line is gone.
  void print() const {
    for (const std::string& one : described_) std::fprintf(stderr, "difference: %s\n", one.c_str());
    if (count_ > kDescribed) {
      std::fprintf(stderr, "difference: ... and %llu more\n",
                   static_cast<unsigned long long>(count_ - kDescribed));
    }
  }

 private:
  std::uint64_t count_ = 0;
  std::vector<std::string> described_;
};

}  // namespace connmgr::programs

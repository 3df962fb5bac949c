// Names of flows and nodes by the numbers that a Holder carries, for messages to people. Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace connmgr {

class HolderNames {
 public:
  std::uint32_t add(std::string name);           // numbers from 1, never used again
  std::string name(std::uint32_t number) const;  // empty: no such number

 private:
  mutable std::mutex mutex_;  // a leaf: taken on deployment and when a refusal is put into words
  std::vector<std::string> names_;
};

}  // namespace connmgr

#include "connmgr/holder_names.h"

#include <utility>

namespace connmgr {

std::uint32_t HolderNames::add(std::string name) {
  const std::lock_guard lock(mutex_);
  names_.push_back(std::move(name));
  return static_cast<std::uint32_t>(names_.size());
}

std::string HolderNames::name(std::uint32_t number) const {
  const std::lock_guard lock(mutex_);
  return number == 0 || number > names_.size() ? std::string() : names_[number - 1];
}

}  // namespace connmgr

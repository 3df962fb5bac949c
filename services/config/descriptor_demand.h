// How many file descriptors a set of services may need, and whether the process may have them (SPEC L10).
#pragma once

#include <cstdint>
#include <string>

#include "connmgr/core/error.h"
#include "services/config/service_directory.h"

namespace connmgr::services {

struct DescriptorDemand {
  std::uint64_t connections = 0;  // the sum of the maxima; an unlimited service counts none ahead
  std::uint64_t listeners = 0;    // each server port, once for each shard
  std::uint64_t spare = 64;       // files, timers, administration
  std::string largest{};          // the service with the greatest maximum
  std::uint32_t largest_maximum = 0;

  std::uint64_t total() const noexcept { return connections + listeners + spare; }
};

// Of the services that have an address. What only supplies properties opens nothing by itself.
DescriptorDemand descriptor_demand(const ServiceSet& set, std::uint32_t shards);

// Errc::descriptor_limit with both numbers when `limit` (RLIMIT_NOFILE, after it was raised) is too low.
Result<void> check_descriptors(const DescriptorDemand& demand, std::uint64_t limit);

}  // namespace connmgr::services

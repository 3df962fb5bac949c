#include "services/config/descriptor_demand.h"

namespace connmgr::services {

DescriptorDemand descriptor_demand(const ServiceSet& set, std::uint32_t shards) {
  DescriptorDemand demand;
  for (const auto& service : set.services) {
    if (!has_address(*service)) continue;
    demand.connections += service->max_connections;
    if (service->kind == ServiceKind::server) demand.listeners += shards;
    if (service->max_connections > demand.largest_maximum) {
      demand.largest = service->name;
      demand.largest_maximum = service->max_connections;
    }
  }
  return demand;
}

Result<void> check_descriptors(const DescriptorDemand& demand, std::uint64_t limit) {
  if (demand.total() <= limit) return {};
  std::string text = "the services may need " + std::to_string(demand.total()) + " descriptors (" +
                     std::to_string(demand.connections) + " connections, " +
                     std::to_string(demand.listeners) + " listeners, " + std::to_string(demand.spare) +
                     " spare), this process may have " + std::to_string(limit) +
                     ": raise the limit (ulimit -n) or lower max_connections";
  if (demand.largest_maximum > 0) {
    text +=
        ", which is greatest in '" + demand.largest + "' (" + std::to_string(demand.largest_maximum) + ")";
  }
  return Failure(Errc::descriptor_limit, std::move(text));
}

}  // namespace connmgr::services

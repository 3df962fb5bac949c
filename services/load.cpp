#include "services/load.h"

#include <utility>

#include "connmgr/descriptor_limit.h"
#include "connmgr/execution_group.h"
#include "services/config/descriptor_demand.h"
#include "services/config/service_directory.h"

namespace connmgr::services {

Result<void> load(ExecutionGroup& group, const std::filesystem::path& path,
                  const std::vector<std::string>& overrides) {
  LoadOutcome outcome = load_services(path, overrides);
  if (!outcome) return Failure(Errc::invalid_configuration, outcome.text());
  const auto shards = static_cast<std::uint32_t>(group.shards().size());
  const DescriptorDemand demand = descriptor_demand(outcome.services, shards);
  if (auto enough = check_descriptors(demand, raise_descriptor_limit()); !enough) {
    return Failure(enough.error().code, path.string() + ": " + enough.error().text);
  }
  group.set_services(std::move(outcome.services.services));
  return {};
}

}  // namespace connmgr::services

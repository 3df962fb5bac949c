#include "services/load.h"

#include <utility>

#include "connmgr/execution_group.h"
#include "services/config/service_directory.h"

namespace connmgr::services {

Result<void> load(ExecutionGroup& group, const std::filesystem::path& path,
                  const std::vector<std::string>& overrides) {
  LoadOutcome outcome = load_services(path, overrides);
  if (!outcome) return Failure(Errc::invalid_configuration, outcome.text());
  group.set_services(std::move(outcome.services.services));
  return {};
}

}  // namespace connmgr::services

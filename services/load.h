// Configurable services from files into an execution group: the one call that a program needs (SPEC V1).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "connmgr/core/error.h"

namespace connmgr {
class ExecutionGroup;
}

namespace connmgr::services {

// `path`: a file or a directory (see config/service_directory.h, also for `overrides`). Before the first
// flow is deployed. Failure: invalid_configuration, whose text has every mistake on a line of its own,
// with file, line and column; or descriptor_limit, when they may need more descriptors than the process may
// have after its soft limit was raised to the hard one (L10). Then the group is as it was.
Result<void> load(ExecutionGroup& group, const std::filesystem::path& path,
                  const std::vector<std::string>& overrides = {});

}  // namespace connmgr::services

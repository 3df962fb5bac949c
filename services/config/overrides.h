// Values from the command line: NAME.PROPERTY=VALUE.
#pragma once

#include <string>
#include <vector>

#include "services/config/service_file.h"

namespace connmgr::services {

// Writes each into the record it names, over what its file says.
void apply_overrides(const std::vector<std::string>& overrides, std::vector<ServiceRecord>& records,
                     Mistakes& mistakes);

}  // namespace connmgr::services

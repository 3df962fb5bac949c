// What can only be seen by looking at several properties or services at once.
#pragma once

#include <string_view>
#include <vector>

#include "services/config/service_file.h"

namespace connmgr::services {

inline constexpr std::string_view kDefaultService = "Default";

// Names: one service of each kind and name. Before anything is inherited.
void check_names(const std::vector<ServiceRecord>& records, Mistakes& mistakes);

// Ranges that depend on each other, ports of other services, and addresses that two services claim (G5).
// `records` have inherited; settings[i] are those of records[i].
void check_together(const std::vector<ServiceRecord>& records,
                    const std::vector<ConfigurableService>& settings, Mistakes& mistakes);

}  // namespace connmgr::services

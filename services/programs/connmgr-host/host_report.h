// What a host says at its end of each of its managers: a table for people, JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "connmgr/snapshot.h"

namespace connmgr::programs {

std::string managers_table(const std::vector<ManagerSnapshot>& managers);
std::string managers_json(const std::vector<ManagerSnapshot>& managers);

}  // namespace connmgr::programs

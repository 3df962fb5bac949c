// The schema for people: one property with all its rules, and the table of all of them (SPEC V2, V9).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace connmgr::services {

// "max_connections" or "keepalive.idle", with what it is, allows and defaults to, in a few lines. Of an
// unknown property it says so, with the nearest known one.
std::string describe(std::string_view property);

// Each property and, after its group, each within a group, as describe() takes them.
std::vector<std::string> all_properties();

// All of them as a table in Markdown; services/README.md holds it between two markers.
std::string property_table();

}  // namespace connmgr::services

// The walls between the layers, as a table of who may include what (connmgr/README.md: arrows point down).
// The link graph of CMake holds them for symbols; this holds them for headers, where a wall usually breaks.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace connmgr::testing {

// "connmgr/core/pool.h:12: includes <asio.hpp>; allowed in connmgr/core: ..." for each include of `text`
// that the room of `path` (from the top of the tree) does not allow. A path outside every room: nothing.
std::vector<std::string> breaches_of(std::string_view path, std::string_view text);

// All .h and .cpp files of the rooms under `top`, as paths from there, sorted.
std::vector<std::string> files_of_rooms(const std::filesystem::path& top);

}  // namespace connmgr::testing

// What can be said about the bytes of a service file before anything parses them.
#pragma once

#include <string>
#include <string_view>

#include "services/config/mistake.h"

namespace connmgr::services {

// Drops a byte order mark of UTF-8. True: text in UTF-8 that a parser may be given; false: mistakes were
// added (empty, too large, another encoding, binary, tabs as indentation, nested beyond all measure).
bool check_source(std::string_view& source, const std::string& file, Mistakes& mistakes);

}  // namespace connmgr::services

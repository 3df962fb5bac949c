// Figures as people write and read them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "connmgr/core/error.h"

namespace connmgr::programs {

// "500ms", "10s", "2m", "1h"; without a unit: seconds.
Result<std::chrono::nanoseconds> parse_duration(const std::string& text);

std::string duration_text(std::chrono::nanoseconds duration);   // "12.3 us", "4.50 s"
std::string count_text(std::uint64_t count);                    // "200,000"
std::string bytes_text(std::uint64_t bytes);                    // "12.3 MB"
std::string escaped(std::string_view bytes, std::size_t most);  // printable; the rest as \xHH; "..." if cut

}  // namespace connmgr::programs

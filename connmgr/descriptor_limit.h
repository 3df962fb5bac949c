// How many descriptors this process may have (SPEC L10).
#pragma once

#include <cstdint>

namespace connmgr {

// Raises the soft limit (RLIMIT_NOFILE, `ulimit -n`) to the hard one, and tells what is in force then. A
// program calls it at its start; services::load does it for programs that load service files. Processes
// started afterwards inherit the raised limit, so a program that starts others which use select(2) sets
// their limit back.
std::uint64_t raise_descriptor_limit() noexcept;

}  // namespace connmgr

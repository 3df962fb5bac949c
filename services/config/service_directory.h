// Loads configurable services: a file, or a directory of files, and values from the command line (SPEC V1,
// V3, G5). Either the whole set is sound, or every mistake in it is told and nothing is loaded.
//
// Reads the files when called and keeps nothing; any thread may call.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connmgr/configurable_service.h"
#include "services/config/mistake.h"

namespace connmgr::services {

// The service Default of each kind, built in or from a file, and all others in the order of the files.
struct ServiceSet {
  std::vector<std::shared_ptr<const ConfigurableService>> services{};

  // nullptr: there is none of that kind and name.
  std::shared_ptr<const ConfigurableService> find(ServiceKind kind, std::string_view name) const;
};

struct LoadOutcome {
  ServiceSet services{};            // empty with any mistake
  std::vector<Mistake> mistakes{};  // by file and line
  std::size_t left_out = 0;         // mistakes beyond those listed

  explicit operator bool() const noexcept { return mistakes.empty(); }
  // One line a mistake, as it is shown to people.
  std::string text() const;
};

// `path`: a file, or a directory, of which *.yaml, *.yml and *.json are read (by name; hidden files and
// subdirectories are not).
//
// `overrides`: NAME.PROPERTY=VALUE each, as in `ledger.port=41234` or `pos.keepalive.idle=5s`; the value is
// written as in a file and wins over it. A name that both kinds have means both, where both have the
// property.
LoadOutcome load_services(const std::filesystem::path& path, const std::vector<std::string>& overrides = {});

// The same from texts that are no files.
struct ServiceText {
  std::string name{};  // stands in messages where a file's would
  std::string text{};
};
LoadOutcome load_services(const std::vector<ServiceText>& texts,
                          const std::vector<std::string>& overrides = {});

}  // namespace connmgr::services

#include "services/config/service_directory.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "services/config/overrides.h"
#include "services/config/service_checks.h"
#include "services/config/service_file.h"
#include "services/config/yaml_tree.h"

namespace connmgr::services {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kExtensions{".yaml", ".yml", ".json"};

bool is_service_file(const fs::path& path) {
  const std::string name = path.filename().string();
  return !name.starts_with('.') &&
         std::find(kExtensions.begin(), kExtensions.end(), path.extension().string()) != kExtensions.end();
}

std::string system_text(std::errc error) {
  return std::make_error_code(error).message();
}

// Sorted by name, so that the order of the services does not depend on the file system.
std::vector<fs::path> files_of(const fs::path& path, Mistakes& mistakes) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::vector<fs::path> files;
  for (fs::directory_iterator entries(path, error); !error && entries != fs::directory_iterator();
       entries.increment(error)) {
    if (is_service_file(entries->path())) files.push_back(entries->path());
  }
  std::sort(files.begin(), files.end());
  if (error) {
    mistakes.add({path.string()}, "", "cannot read the directory: " + error.message());
  } else if (files.empty()) {
    mistakes.add({path.string()}, "", "the directory holds no *.yaml, *.yml or *.json");
  }
  return files;
}

// At most one byte more than is allowed, which is enough to refuse it.
std::optional<std::string> content_of(const fs::path& path, Mistakes& mistakes) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    mistakes.add({path.string()}, "", system_text(std::errc::no_such_file_or_directory));
    return std::nullopt;
  }
  if (status.type() != fs::file_type::regular) {  // a pipe would block, a device would not end
    mistakes.add({path.string()}, "", error ? error.message() : "this is not a regular file");
    return std::nullopt;
  }
  std::string content(kMostBytes + 1, '\0');
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (file) file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (!file.is_open() || file.bad()) {
    const int cause = errno != 0 ? errno : EIO;
    mistakes.add({path.string()}, "", "cannot read the file: " + std::generic_category().message(cause));
    return std::nullopt;
  }
  content.resize(static_cast<std::size_t>(file.gcount()));
  content.shrink_to_fit();
  return content;
}

ServiceRecord built_in_default(ServiceKind kind) {
  ServiceRecord record(kind, "", {});
  Mistakes none;
  const PropertyRule& name = *find_property(properties_of(kind), "name");
  const YamlNode text{.kind = YamlNode::Kind::text, .text = std::string(kDefaultService)};
  PropertyReader("", "", record.written, none).read(text, name, "name", *record.message);
  return record;
}

// Default of both kinds first: from a file where one redefines it, else built in.
void complete_defaults(std::vector<ServiceRecord>& records) {
  for (const ServiceKind kind : {ServiceKind::server, ServiceKind::client}) {
    const auto found = std::find_if(records.begin(), records.end(), [&](const ServiceRecord& record) {
      return record.kind == kind && record.name() == kDefaultService;
    });
    if (found == records.end()) {
      records.insert(records.begin(), built_in_default(kind));
    } else {
      std::rotate(records.begin(), found, found + 1);
    }
  }
}

LoadOutcome finish(std::vector<ServiceRecord> records, const std::vector<std::string>& overrides,
                   Mistakes& mistakes) {
  check_names(records, mistakes);
  complete_defaults(records);
  apply_overrides(overrides, records, mistakes);
  for (ServiceRecord& record : records) {
    const bool client = record.kind == ServiceKind::client;
    const ServiceRecord& defaults = records[client ? 0 : 1];
    if (&record != &defaults) inherit(defaults, record);
  }
  std::vector<ConfigurableService> settings;
  settings.reserve(records.size());
  for (const ServiceRecord& record : records) settings.push_back(settings_of(record));
  check_together(records, settings, mistakes);

  LoadOutcome outcome;
  outcome.mistakes = mistakes.sorted();
  outcome.left_out = mistakes.left_out();
  if (!outcome) return outcome;
  for (ConfigurableService& service : settings) {
    outcome.services.services.push_back(std::make_shared<const ConfigurableService>(std::move(service)));
  }
  return outcome;
}

void read_into(std::vector<ServiceRecord>& records, std::string_view text, const std::string& name,
               Mistakes& mistakes) {
  for (ServiceRecord& record : read_service_file(text, name, mistakes)) records.push_back(std::move(record));
}

}  // namespace

std::shared_ptr<const ConfigurableService> ServiceSet::find(ServiceKind kind, std::string_view name) const {
  const auto found = std::find_if(services.begin(), services.end(), [&](const auto& service) {
    return service->kind == kind && service->name == name;
  });
  return found == services.end() ? nullptr : *found;
}

std::string LoadOutcome::text() const {
  std::string lines;
  for (const Mistake& mistake : mistakes) lines += to_string(mistake) + "\n";
  if (left_out > 0) lines += "and " + std::to_string(left_out) + " more\n";
  return lines;
}

LoadOutcome load_services(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  Mistakes mistakes;
  std::vector<ServiceRecord> records;
  for (const fs::path& file : files_of(path, mistakes)) {
    if (const auto content = content_of(file, mistakes))
      read_into(records, *content, file.string(), mistakes);
  }
  return finish(std::move(records), overrides, mistakes);
}

LoadOutcome load_services(const std::vector<ServiceText>& texts, const std::vector<std::string>& overrides) {
  Mistakes mistakes;
  std::vector<ServiceRecord> records;
  for (const ServiceText& text : texts) read_into(records, text.text, text.name, mistakes);
  return finish(std::move(records), overrides, mistakes);
}

}  // namespace connmgr::services

// One file of configurable services, read into the messages of the schema.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connmgr/configurable_service.h"
#include "services/config/mistake.h"
#include "services/config/property_reader.h"

namespace connmgr::services {

// A service as it was written: nothing inherited, nothing compared with others yet.
struct ServiceRecord {
  ServiceKind kind = ServiceKind::client;
  std::shared_ptr<google::protobuf::Message> message{};  // ClientService or ServerService
  std::string path{};                                    // "client_services[0]"
  Place place{};
  WrittenProperties written{};

  ServiceRecord(ServiceKind of_kind, std::string at_path, Place at);
  std::string name() const;  // empty: it has none, which was told

  // Where a property was written; the service's own place when it was not.
  const Place& place_of(std::string_view property) const;
  // The service says it itself; not its Default, not nobody.
  bool says(std::string_view property) const;
  // False: its value has a mistake, so it must not be compared with others.
  bool readable(std::string_view property) const;
  // "client_services[0].port"; on the command line, which names the service itself, "port".
  std::string path_of(std::string_view property) const;
};

// What could be read; whatever could not is among the mistakes.
std::vector<ServiceRecord> read_service_file(std::string_view source, const std::string& file,
                                             Mistakes& mistakes);

// The record's settings, with the library's defaults for what it leaves unset.
ConfigurableService settings_of(const ServiceRecord& record);

// Takes what `record` leaves unset from `defaults`, the service Default of the same kind, other than what
// belongs to a service alone (its name and address).
void inherit(const ServiceRecord& defaults, ServiceRecord& record);

}  // namespace connmgr::services

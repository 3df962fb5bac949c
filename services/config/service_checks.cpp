#include "services/config/service_checks.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <string>
#include <utility>

namespace connmgr::services {
namespace {

std::string kind_text(ServiceKind kind) {
  return kind == ServiceKind::client ? "client service" : "server service";
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// " (orders.yaml:6)", or nothing for what no file says.
std::string at(const Place& place) {
  return place.file.empty() ? "" : " (" + line_of(place) + ")";
}

class Checks {
 public:
  Checks(const std::vector<ServiceRecord>& records, const std::vector<ConfigurableService>& settings,
         Mistakes& mistakes)
      : records_(records), settings_(settings), mistakes_(mistakes) {
    for (std::size_t i = 0; i < records_.size(); ++i) {
      if (records_[i].kind == ServiceKind::server) servers_.emplace(settings_[i].name, i);
    }
  }

  void all() {
    for (std::size_t i = 0; i < records_.size(); ++i) {
      check_minimum(i);
      if (settings_[i].name == kDefaultService) {
        check_default(i);
      } else if (records_[i].kind == ServiceKind::client) {
        check_port_of(i);
        check_client_claim(i);
      } else {
        check_server_claim(i);
      }
    }
  }

 private:
  void mistake(std::size_t service, std::string_view property, std::string text) {
    const ServiceRecord& record = records_[service];
    mistakes_.add(record.place_of(property), record.path_of(property), std::move(text));
  }

  void check_minimum(std::size_t i) {
    const ServiceRecord& record = records_[i];
    const ConfigurableService& service = settings_[i];
    if (!record.readable("min_connections") || !record.readable("max_connections")) return;
    const std::uint32_t minimum = service.min_connections.value_or(0);
    const std::uint32_t maximum = service.max_connections;
    if (maximum == 0 || minimum <= maximum) return;
    // Told where this service says something itself; what it has from Default is only named as the cause,
    // and a contradiction within Default is told there alone.
    const bool minimum_is_newer = record.place_of("min_connections").line == 0;  // from the command line
    if (record.says("max_connections") && !(record.says("min_connections") && minimum_is_newer)) {
      mistake(i, "max_connections",
              std::to_string(maximum) + " is below min_connections " + std::to_string(minimum) +
                  at(record.place_of("min_connections")));
    } else if (record.says("min_connections")) {
      const bool written = record.written.contains("max_connections");
      mistake(i, "min_connections",
              std::to_string(minimum) + " is above max_connections " + std::to_string(maximum) +
                  (written ? at(record.place_of("max_connections")) : ", its default"));
    }
  }

  // Default says what holds where others say nothing; an address is nothing to share.
  void check_default(std::size_t i) {
    for (const std::string_view property : {"hostname", "port"}) {
      if (!records_[i].says(property) || !records_[i].readable(property)) continue;
      if (property == "port" && !has_address(settings_[i])) continue;
      mistake(i, property, "the service Default supplies properties only: it has no address");
    }
  }

  void check_port_of(std::size_t i) {
    const std::string& name = settings_[i].port_of;
    if (name.empty()) return;
    const auto server = servers_.find(name);
    if (server == servers_.end()) {
      std::vector<std::string> known;
      for (const auto& [server_name, index] : servers_) {
        if (server_name != kDefaultService) known.push_back(server_name);
      }
      mistake(i, "port", unknown_text("server service", name, known));
    } else if (!has_address(settings_[server->second]) && records_[server->second].readable("port")) {
      mistake(i, "port",
              "the server service '" + name + "' has no port" + at(records_[server->second].place));
    }
  }

  // Hosts are compared as written, without case. The port of a server service is its number where it has
  // one, else its name: two clients of one `auto` port claim the same address, too.
  void check_client_claim(std::size_t i) {
    const ConfigurableService& service = settings_[i];
    if (!has_address(service) || !records_[i].readable("port") || !records_[i].readable("hostname")) return;
    std::string port = std::to_string(service.port);
    if (!service.port_of.empty()) {
      const auto server = servers_.find(service.port_of);
      const std::uint16_t number = server == servers_.end() ? 0 : settings_[server->second].port;
      port = number != 0 ? std::to_string(number) : "{of: " + service.port_of + "}";
    }
    const std::string address = lower(service.hostname) + ":" + port;
    const auto [claim, first] = client_claims_.emplace(address, i);
    if (!first) claimed(i, address, claim->second);
  }

  // `all` is each address. 0.0.0.0 and :: are compared as written: whether they collide with others is
  // for the system to say, when the port is opened.
  void check_server_claim(std::size_t i) {
    const ConfigurableService& service = settings_[i];
    if (service.port == 0 || !records_[i].readable("port") || !records_[i].readable("bind_address")) return;
    auto& addresses = server_claims_[service.port];
    const std::string own = lower(service.bind_address);
    auto other = addresses.find(own);
    if (other == addresses.end()) other = own.empty() ? addresses.begin() : addresses.find("");
    if (other != addresses.end()) {
      const std::string where = own.empty() ? "" : " of " + own;
      claimed(i, "port " + std::to_string(service.port) + where, other->second);
    } else {
      addresses.emplace(own, i);
    }
  }

  void claimed(std::size_t i, const std::string& what, std::size_t by) {
    const ServiceRecord& other = records_[by];
    mistake(i, "port",
            what + " is claimed by the " + kind_text(other.kind) + " '" + settings_[by].name + "' already" +
                at(other.place_of("port")));
  }

  const std::vector<ServiceRecord>& records_;
  const std::vector<ConfigurableService>& settings_;
  Mistakes& mistakes_;
  std::map<std::string, std::size_t, std::less<>> servers_;                    // by name
  std::map<std::string, std::size_t> client_claims_;                           // by host:port
  std::map<std::uint16_t, std::map<std::string, std::size_t>> server_claims_;  // by port, then bind address
};

}  // namespace

void check_names(const std::vector<ServiceRecord>& records, Mistakes& mistakes) {
  std::map<std::pair<ServiceKind, std::string>, const ServiceRecord*> seen;
  for (const ServiceRecord& record : records) {
    const std::string name = record.name();
    if (name.empty()) continue;
    const auto [other, first] = seen.emplace(std::pair(record.kind, name), &record);
    if (first) continue;
    mistakes.add(record.place_of("name"), record.path_of("name"),
                 "there is a " + kind_text(record.kind) + " '" + name + "' already" +
                     at(other->second->place_of("name")));
  }
}

void check_together(const std::vector<ServiceRecord>& records,
                    const std::vector<ConfigurableService>& settings, Mistakes& mistakes) {
  Checks(records, settings, mistakes).all();
}

}  // namespace connmgr::services

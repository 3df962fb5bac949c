// Service files: any bytes are services or mistakes, never both or neither; each mistake has a place in the
// file and is one line of text; and what was loaded keeps the rules (SPEC V3).
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <utility>

#include "services/config/schema_rules.h"
#include "services/config/service_directory.h"
#include "services/config/values.h"
#include "tests/fuzz/input.h"

namespace {

using namespace connmgr;
using namespace connmgr::services;
using connmgr::test::FuzzInput;

// Any bytes seldom get beyond the parser, so most files are put together of these, with bytes in between.
constexpr std::array kWords{"client_services:\n",
                            "server_services:\n",
                            "- name: ",
                            "- {name: ",
                            "\n  ",
                            "\n    ",
                            "\n- ",
                            ", ",
                            ": ",
                            "{",
                            "}",
                            "[",
                            "]",
                            "a",
                            "b",
                            "Default",
                            "auto",
                            "{of: a}",
                            "off",
                            "on",
                            "never",
                            "0",
                            "1",
                            "7",
                            "-1",
                            "200",
                            "70000",
                            "99999999999999999999",
                            "0s",
                            "1s",
                            "30s",
                            "1.5s",
                            "9999d",
                            "64KiB",
                            "16GiB",
                            "20%",
                            "0.5",
                            "localhost",
                            "127.0.0.1",
                            "::1",
                            "all",
                            "pause",
                            "round_robin",
                            "\"",
                            "'",
                            "#",
                            "&a ",
                            "*a",
                            "!!x ",
                            "---\n",
                            "...\n",
                            "? ",
                            "| \n",
                            "\t",
                            "\r\n",
                            "~",
                            "\xc3\xa4",
                            "\xff"};

std::string file_from(FuzzInput& input) {
  if (input.below(8) == 0) return std::string(input.rest());
  std::string text = input.flag() ? "client_services:\n- name: a\n  " : "server_services:\n- name: a\n  ";
  const auto& client = properties_of(ServiceKind::client);
  const auto& server = properties_of(ServiceKind::server);
  while (!input.empty() && text.size() < 4096) {
    switch (input.below(4)) {
      case 0: text += client[input.below(client.size())].name + ": "; break;
      case 1: text += server[input.below(server.size())].name + ": "; break;
      case 2: text += input.flag() ? "\n  " : input.bytes(1 + input.below(4)); break;
      default: text += kWords[input.below(kWords.size())]; break;
    }
  }
  return text;
}

void check_mistake(const Mistake& mistake, const std::string& text) {
  const auto lines = 1 + std::count(text.begin(), text.end(), '\n');
  FUZZ_EXPECT(!mistake.text.empty());
  FUZZ_EXPECT(mistake.place.line >= 0 && mistake.place.line <= lines + 1);
  FUZZ_EXPECT(mistake.place.line == 0 || mistake.place.column >= 1);
  FUZZ_EXPECT(mistake.place.column <= static_cast<int>(text.size()) + 1);
  const std::string shown = to_string(mistake);
  FUZZ_EXPECT(
      std::none_of(shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }));
}

void check_service(const ConfigurableService& service) {
  FUZZ_EXPECT(is_service_name(service.name));
  FUZZ_EXPECT(is_host(service.hostname));
  FUZZ_EXPECT(service.bind_address.empty() || is_address(service.bind_address));
  FUZZ_EXPECT((service.port != 0) + service.port_auto + !service.port_of.empty() <= 1);
  FUZZ_EXPECT(service.max_connections == 0 || service.min_connections.value_or(0) <= service.max_connections);
  FUZZ_EXPECT(service.max_connections <= 1'000'000);
  FUZZ_EXPECT(service.max_connecting >= 1);
  FUZZ_EXPECT(service.connection_timeout >= Duration::zero() && service.connect_timeout > Duration::zero());
  FUZZ_EXPECT(service.retry.delay > Duration::zero() && service.retry.backoff >= 1);
  FUZZ_EXPECT(service.retry.jitter >= 0 && service.retry.jitter <= 1);
  FUZZ_EXPECT(service.backlog >= 1 && service.max_record_bytes >= 1);
  FUZZ_EXPECT(service.socket.keepalive.idle % std::chrono::seconds(1) == Duration::zero());
  FUZZ_EXPECT(service.socket.keepalive.detection_time() > Duration::zero());
}

void check_set(const ServiceSet& set) {
  std::set<std::pair<ServiceKind, std::string>> names;
  for (const auto& service : set.services) {
    check_service(*service);
    FUZZ_EXPECT(names.emplace(service->kind, service->name).second);
    FUZZ_EXPECT(set.find(service->kind, service->name) == service);
    if (service->port_of.empty()) continue;
    const auto server = set.find(ServiceKind::server, service->port_of);
    FUZZ_EXPECT(server != nullptr && has_address(*server));
  }
  FUZZ_EXPECT(set.find(ServiceKind::client, "Default") != nullptr);
  FUZZ_EXPECT(set.find(ServiceKind::server, "Default") != nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  std::vector<std::string> overrides;
  if (input.below(4) == 0) overrides.emplace_back("a." + std::string(input.bytes(input.below(32))));
  const std::string text = file_from(input);

  const LoadOutcome outcome = load_services({{"fuzz.yaml", text}}, overrides);

  FUZZ_EXPECT(outcome.mistakes.empty() != outcome.services.services.empty());
  if (outcome) {
    check_set(outcome.services);
  } else {
    for (const Mistake& mistake : outcome.mistakes) check_mistake(mistake, text);
  }
  return 0;
}

// The schema keeps its own rules, and agrees with the library's plain struct: each property is mapped, and
// both have the same default (DESIGN 3.20).
#include "services/config/schema_rules.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>

#include <limits>
#include <string>
#include <vector>

#include "services/config/values.h"
#include "tests/services/service_text.h"

namespace connmgr::services {
namespace {

using google::protobuf::FieldDescriptor;
using testing::AnyOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::IsEmpty;
using testing::Not;

struct Property {
  ServiceKind kind;
  std::string group;  // "keepalive", or empty
  const PropertyRule* rule;

  std::string shown() const { return (group.empty() ? "" : group + ".") + rule->name; }

  // A file with one service that sets it.
  std::string file_with(const std::string& value) const {
    std::string text = kind == ServiceKind::client ? "client_services:\n" : "server_services:\n";
    text += "- name: orders\n";
    if (rule->name == "min_connections") text += "  max_connections: 0\n";  // else its maximum is above
    const std::string line = rule->name + ": " + value;
    return text + (group.empty() ? "  " + line : "  " + group + ": {" + line + "}") + "\n";
  }
};

// Groups themselves are left out, what they hold is in.
std::vector<Property> every_property() {
  std::vector<Property> all;
  for (const ServiceKind kind : {ServiceKind::client, ServiceKind::server}) {
    for (const PropertyRule& rule : properties_of(kind)) {
      if (rule.kind != ValueKind::group) all.push_back({kind, "", &rule});
      for (const PropertyRule& inner : rule.properties) all.push_back({kind, rule.name, &inner});
    }
  }
  return all;
}

ConfigurableService loaded(const Property& property, const std::string& value) {
  ConfigurableService service = service_in(property.file_with(value), "orders", property.kind);
  if (property.rule->name == "min_connections") service.max_connections = 100;
  return service;
}

TEST(Schema, DescribesEachPropertyInASentence) {
  for (const Property& property : every_property()) {
    const std::string description = property.rule->description;
    EXPECT_THAT(description.substr(0, description.find('\n')), AnyOf(EndsWith("."), EndsWith("`.")))
        << property.shown();
    EXPECT_THAT(property.rule->example, Not(IsEmpty())) << property.shown();
  }
  EXPECT_THAT(find_property(properties_of(ServiceKind::client), "keepalive")->description, Not(IsEmpty()));
}

TEST(Schema, SaysOfEachPropertyWhatHoldsWithoutIt) {
  for (const Property& property : every_property()) {
    const PropertyRule& rule = *property.rule;
    const int said =
        (rule.default_text.empty() ? 0 : 1) + (rule.unset_means.empty() ? 0 : 1) + (rule.required ? 1 : 0);
    EXPECT_EQ(said, 1) << property.shown();
  }
}

TEST(Schema, AllowsItsOwnDefaultsLimitsAndExamples) {
  for (const Property& property : every_property()) {
    const PropertyRule& rule = *property.rule;
    if (rule.name == "name") continue;  // each file here has one
    for (const std::string& value : {rule.default_text, rule.minimum, rule.maximum, rule.example}) {
      if (!value.empty()) {
        EXPECT_THAT(mistakes_in(property.file_with(value)), IsEmpty()) << property.shown();
      }
    }
  }
}

TEST(Schema, LimitsEachNumberToWhatItsFieldHolds) {
  for (const Property& property : every_property()) {
    const PropertyRule& rule = *property.rule;
    const bool size = rule.kind == ValueKind::size;
    if (!size && rule.kind != ValueKind::whole_number) continue;
    ASSERT_THAT(rule.maximum, Not(IsEmpty())) << property.shown();
    const std::int64_t maximum = size ? *size_from(rule.maximum) : *whole_number_from(rule.maximum);
    const auto type = rule.field().cpp_type();
    if (type == FieldDescriptor::CPPTYPE_INT32) {
      EXPECT_LE(maximum, std::numeric_limits<std::int32_t>::max()) << property.shown();
    }
    if (type == FieldDescriptor::CPPTYPE_UINT32) {
      EXPECT_LE(maximum, std::numeric_limits<std::uint32_t>::max()) << property.shown();
      EXPECT_THAT(rule.minimum, Not(testing::StartsWith("-"))) << property.shown();
    }
  }
}

TEST(Schema, HasTheDefaultsOfTheLibrary) {
  for (const Property& property : every_property()) {
    if (property.rule->default_text.empty()) continue;
    const ConfigurableService unset{.name = "orders", .kind = property.kind};

    EXPECT_EQ(loaded(property, property.rule->default_text), unset) << property.shown();
  }
}

TEST(Schema, HasNoPropertyThatTheLibraryDoesNotTake) {
  for (const Property& property : every_property()) {
    if (property.rule->name == "name" || property.shown() == "port") continue;
    const ConfigurableService unset{.name = "orders", .kind = property.kind};

    EXPECT_FALSE(loaded(property, property.rule->example) == unset) << property.shown();
  }
}

TEST(Schema, SpellsWhatIsAllowed) {
  const auto& client = properties_of(ServiceKind::client);
  const auto& server = properties_of(ServiceKind::server);

  EXPECT_EQ(allowed_text(*find_property(client, "max_connections")), "0 to 1000000");
  EXPECT_EQ(allowed_text(*find_property(client, "connection_timeout")), "0s to 365d, or never");
  EXPECT_EQ(allowed_text(*find_property(client, "keepalive.idle")), "1s to 32767s, a multiple of 1s");
  EXPECT_EQ(allowed_text(*find_property(client, "keepalive")), "a map of on, idle, interval or count");
  EXPECT_EQ(allowed_text(*find_property(server, "when_full")), "refuse or pause");
  EXPECT_EQ(allowed_text(*find_property(server, "port")), "0 to 65535, or auto");
}

TEST(Schema, FindsPropertiesByTheirPath) {
  const auto& client = properties_of(ServiceKind::client);

  EXPECT_EQ(find_property(client, "keepalive.idle")->name, "idle");
  for (const char* path : {"", ".", "keepalive.", ".idle", "keepalive.idle.x", "idle", "port.of"}) {
    EXPECT_EQ(find_property(client, path), nullptr) << path;
  }
}

TEST(Schema, SaysWhenAChangeIsInForce) {
  const auto effect = [](ServiceKind kind, std::string_view path) {
    return find_property(properties_of(kind), path)->effect;
  };

  EXPECT_EQ(effect(ServiceKind::client, "max_connections"), Effect::now);
  EXPECT_EQ(effect(ServiceKind::client, "no_delay"), Effect::next_connection);
  EXPECT_EQ(effect(ServiceKind::client, "hostname"), Effect::reconnect);
  EXPECT_EQ(effect(ServiceKind::client, "port"), Effect::reconnect);
  EXPECT_EQ(effect(ServiceKind::server, "port"), Effect::rebind);
}

}  // namespace
}  // namespace connmgr::services

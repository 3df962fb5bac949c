#include "services/config/overrides.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "services/config/values.h"

namespace connmgr::services {
namespace {

class Override {
 public:
  Override(std::string_view text, Mistakes& mistakes)
      : option_("--set " + printable(text)), mistakes_(mistakes) {
    const std::size_t equals = text.find('=');
    const std::size_t dot = text.find('.');
    if (equals == std::string_view::npos || dot >= equals) return;
    name_ = text.substr(0, dot);
    property_ = text.substr(dot + 1, equals - dot - 1);
    value_ = text.substr(equals + 1);
  }

  void apply(std::vector<ServiceRecord>& records) const {
    if (name_.empty() || property_.empty()) {
      return mistake("", "allowed NAME.PROPERTY=VALUE, as in orders.port=7777");
    }
    std::vector<ServiceRecord*> named;
    for (ServiceRecord& record : records) {
      if (record.name() == name_) named.push_back(&record);
    }
    if (named.empty()) return mistake("", unknown_text("service", name_, names_in(records)));
    const std::optional<YamlNode> value = parsed_value();
    if (!value) return;

    // Of a client and a server of one name, those are meant that have the property.
    bool known = false;
    for (ServiceRecord* record : named) {
      const PropertyRule* rule = find_property(properties_of(record->kind), property_);
      if (rule == nullptr) continue;
      known = true;
      set(*record, *rule, *value);
    }
    if (!known)
      mistake("", unknown_text("property", property_, names_of(properties_of(named.front()->kind))));
  }

 private:
  void set(ServiceRecord& record, const PropertyRule& rule, const YamlNode& value) const {
    if (rule.name == "name") return mistake("name", "a service keeps the name that its file gives it");
    PropertyReader reader(option_, "", record.written, mistakes_);
    reader.without_lines();
    // On the way to keepalive.idle, into the message of keepalive.
    google::protobuf::Message* into = record.message.get();
    const std::size_t dot = property_.rfind('.');
    if (dot != std::string::npos) {
      const PropertyRule& group =
          *find_property(properties_of(record.kind), std::string_view(property_).substr(0, dot));
      for (const auto* field : group.fields) into = into->GetReflection()->MutableMessage(into, field);
    }
    reader.read(value, rule, property_, *into);
  }

  // As in a file; a mistake is told at the option, which has no lines.
  std::optional<YamlNode> parsed_value() const {
    if (value_.empty()) return YamlNode{};
    Mistakes in_value;
    auto value = parse_yaml(value_, option_, in_value);
    for (const Mistake& m : in_value.sorted()) mistake(printable(property_), m.text);
    return value;
  }

  static std::vector<std::string> names_in(const std::vector<ServiceRecord>& records) {
    std::vector<std::string> names;
    for (const ServiceRecord& record : records) {
      const std::string name = record.name();
      if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names;
  }

  void mistake(std::string_view path, std::string text) const {
    mistakes_.add({option_}, path, std::move(text));
  }

  std::string option_;  // as it is shown
  Mistakes& mistakes_;
  std::string name_;
  std::string property_;
  std::string value_;
};

}  // namespace

void apply_overrides(const std::vector<std::string>& overrides, std::vector<ServiceRecord>& records,
                     Mistakes& mistakes) {
  for (const std::string& text : overrides) Override(text, mistakes).apply(records);
}

}  // namespace connmgr::services

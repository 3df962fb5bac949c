#include "services/config/property_reader.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <limits>
#include <optional>

#include "connmgr/core/check.h"
#include "services/config/values.h"

namespace connmgr::services {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::string_view kDurationForm = "a number and ns, us, ms, s, m, h or d, as in 30s";
constexpr std::string_view kSizeForm =
    "a number of bytes, or a number and kB, MB, GB, TB, KiB, MiB, GiB or TiB, as in 64KiB";

std::string quoted(std::string_view text) {
  return "'" + printable(text) + "'";
}

// A number or boolean in quotes is a text, also in JSON; to take it for more would be guessing.
std::string not_this(const YamlNode& value, const PropertyRule& rule, std::string_view what = "") {
  const bool plain = rule.kind == ValueKind::boolean || rule.kind == ValueKind::whole_number ||
                     rule.kind == ValueKind::number || rule.kind == ValueKind::share ||
                     rule.kind == ValueKind::port || rule.kind == ValueKind::group;
  const std::string in_quotes = value.quoted && plain ? " in quotes" : "";
  return "found " + shown(value) + in_quotes + ", allowed " + std::string(what) + allowed_text(rule);
}

// The message that holds the field itself, behind the inlined ones.
Message& holder_of(const PropertyRule& rule, Message& message) {
  Message* holder = &message;
  for (std::size_t i = 0; i + 1 < rule.fields.size(); ++i) {
    holder = holder->GetReflection()->MutableMessage(holder, rule.fields[i]);
  }
  return *holder;
}

void set_integer(Message& message, const FieldDescriptor& field, std::int64_t value) {
  const auto* reflection = message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->SetInt32(&message, &field, static_cast<std::int32_t>(value));
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection->SetUInt32(&message, &field, static_cast<std::uint32_t>(value));
    case FieldDescriptor::CPPTYPE_INT64: return reflection->SetInt64(&message, &field, value);
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection->SetUInt64(&message, &field, static_cast<std::uint64_t>(value));
    default: check(false, "a property with a number has a field without");
  }
}

// `parse` reads the texts of the schema, too: its limits are written like values.
template <class Value, class Parse>
bool within(const PropertyRule& rule, Value value, const Parse& parse) {
  const Value minimum = rule.minimum.empty() ? Value{} : *parse(rule.minimum);
  if (value < minimum) return false;
  return rule.maximum.empty() || value <= *parse(rule.maximum);
}

bool is_multiple(const PropertyRule& rule, Duration value) {
  return rule.multiple_of.empty() || value % *duration_from(rule.multiple_of) == Duration::zero();
}

std::optional<std::int64_t> nanoseconds_from(std::string_view text) {
  const auto duration = duration_from(text);
  return duration ? std::optional(duration->count()) : std::nullopt;
}

// A property of the other kind of service is no typing mistake.
std::string unknown_property(const std::string& name, const std::vector<PropertyRule>& rules) {
  for (const ServiceKind kind : {ServiceKind::client, ServiceKind::server}) {
    const bool of_services =
        &rules == &properties_of(ServiceKind::client) || &rules == &properties_of(ServiceKind::server);
    if (of_services && find_property(properties_of(kind), name) != nullptr) {
      return quoted(name) + " is a property of " + (kind == ServiceKind::client ? "client" : "server") +
             " services only";
    }
  }
  return unknown_text("property", name, names_of(rules));
}

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

std::string unknown_text(std::string_view what, std::string_view found,
                         const std::vector<std::string>& known) {
  std::string text = "unknown " + std::string(what) + " " + quoted(found);
  if (const auto near = nearest(found, known)) {
    text += "; did you mean '" + std::string(*near) + "'?";
  } else if (!known.empty()) {
    text += ", allowed " + one_of(known);
  }
  return text;
}

Place PropertyReader::place_of(const YamlNode& node) const {
  return lines_ ? Place{file_, node.line, node.column} : Place{file_};
}

void PropertyReader::mistake(const YamlNode& at, std::string_view path, std::string text) {
  std::string full = base_;
  if (!full.empty() && !path.empty()) full += '.';
  full += path;
  mistakes_.add(place_of(at), full, std::move(text));
}

void PropertyReader::read_map(const YamlNode& map, const std::vector<PropertyRule>& rules,
                              std::string_view path, Message& into) {
  std::map<std::string_view, int> lines;  // of the properties seen
  for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
    const YamlNode& key = map.items[i];
    const YamlNode& value = map.items[i + 1];
    if (!key.is(YamlNode::Kind::text)) {
      mistake(key, path, "found " + shown(key) + " where the name of a property stands");
      continue;
    }
    if (const auto [seen, first] = lines.emplace(key.text, key.line); !first) {
      mistake(key, path,
              quoted(key.text) + " is written twice, the first time in line " + std::to_string(seen->second));
      continue;
    }
    const PropertyRule* rule = find_property(rules, key.text);
    if (rule == nullptr) {
      mistake(key, path, mistakes_.full() ? "" : unknown_property(key.text, rules));  // it is slow
      continue;
    }
    if (const std::size_t dot = key.text.rfind('.'); dot != std::string::npos) {
      mistake(key, path,
              quoted(key.text) + " is written " + key.text.substr(0, dot) + ": {" + rule->name + ": ...}");
      continue;
    }
    std::string full(path);
    if (!full.empty()) full += '.';
    full += rule->name;
    // The parser places nothing at whatever comes next; the key's place says more.
    const YamlNode nothing{.line = key.line, .column = key.column};
    read(value.is(YamlNode::Kind::nothing) ? nothing : value, *rule, full, into);
  }
}

void PropertyReader::read(const YamlNode& value, const PropertyRule& rule, const std::string& path,
                          Message& into) {
  Written& written = written_[path] = {.place = place_of(value)};
  if (rule.kind == ValueKind::group && value.is(YamlNode::Kind::map)) {
    Message& holder = holder_of(rule, into);
    read_map(value, rule.properties, path, *holder.GetReflection()->MutableMessage(&holder, &rule.field()));
    return;
  }
  const std::string wrong =
      value.is(YamlNode::Kind::nothing)
          ? "has no value, allowed " + allowed_text(rule) + " (without the line, its default holds)"
          : read_value(value, rule, holder_of(rule, into));
  if (wrong.empty()) return;
  written.readable = false;
  mistake(value, path, wrong);
}

std::string PropertyReader::read_value(const YamlNode& value, const PropertyRule& rule, Message& into) {
  const auto* reflection = into.GetReflection();
  const FieldDescriptor& field = rule.field();
  if (rule.kind == ValueKind::port) return read_port(value, rule, *reflection->MutableMessage(&into, &field));
  if (!value.is(YamlNode::Kind::text)) return not_this(value, rule);
  const std::string& text = value.text;
  const auto out_of_range = [&] { return "found " + printable(text) + ", allowed " + allowed_text(rule); };
  switch (rule.kind) {
    case ValueKind::boolean: {
      const auto on = value.quoted ? std::nullopt : boolean_from(text);
      if (!on) return not_this(value, rule);
      reflection->SetBool(&into, &field, *on);
      return {};
    }
    case ValueKind::whole_number: {
      const auto number = value.quoted ? std::nullopt : whole_number_from(text);
      if (!number) return not_this(value, rule, "a whole number, ");
      if (!within(rule, *number, whole_number_from)) return out_of_range();
      set_integer(into, field, *number);
      return {};
    }
    case ValueKind::number:
    case ValueKind::share: {
      const auto parse = rule.kind == ValueKind::share ? share_from : number_from;
      const auto number = value.quoted ? std::nullopt : parse(text);
      if (!number)
        return not_this(value, rule,
                        rule.kind == ValueKind::share ? "a share, as in 0.2 or 20%, " : "a number, ");
      if (!within(rule, *number, parse)) return out_of_range();
      reflection->SetDouble(&into, &field, *number);
      return {};
    }
    case ValueKind::duration: {
      if (rule.never_allowed && text == "never") {
        set_integer(into, field, kForever.count());
        return {};
      }
      const auto nanoseconds = nanoseconds_from(text);
      if (!nanoseconds) {
        return quoted(text) + " is not a duration (" + std::string(kDurationForm) +
               (rule.never_allowed ? ", or never)" : ")");
      }
      if (!within(rule, *nanoseconds, nanoseconds_from) || !is_multiple(rule, Duration(*nanoseconds)))
        return out_of_range();
      set_integer(into, field, *nanoseconds);
      return {};
    }
    case ValueKind::size: {
      const auto bytes = size_from(text);
      if (!bytes) return quoted(text) + " is not a size (" + std::string(kSizeForm) + ")";
      if (!within(rule, *bytes, size_from)) return out_of_range();
      set_integer(into, field, *bytes);
      return {};
    }
    case ValueKind::choice: {
      const auto chosen = std::find(rule.choices.begin(), rule.choices.end(), text);
      if (chosen == rule.choices.end()) return not_this(value, rule);
      const int index = static_cast<int>(chosen - rule.choices.begin()) + 1;  // 0 is unset
      reflection->SetEnum(&into, &field, field.enum_type()->value(index));
      return {};
    }
    case ValueKind::name:
      if (!is_service_name(text)) return not_this(value, rule);
      break;
    case ValueKind::host:
      if (!is_host(text)) return not_this(value, rule);
      break;
    case ValueKind::address:
      if (text != "all" && !is_address(text)) return not_this(value, rule);
      break;
    case ValueKind::group: {
      // `keepalive: off` is short for `keepalive: {on: false}`.
      const auto on = value.quoted ? std::nullopt : boolean_from(text);
      const FieldDescriptor* switch_field = field.message_type()->FindFieldByName("on");
      if (!on || switch_field == nullptr) return not_this(value, rule);
      Message& group = *reflection->MutableMessage(&into, &field);
      group.GetReflection()->SetBool(&group, switch_field, *on);
      return {};
    }
    case ValueKind::port: return {};
  }
  reflection->SetString(&into, &field, text);
  return {};
}

// 7777, or auto (server), or {of: NAME} (client): which ones there are is which fields the message has.
std::string PropertyReader::read_port(const YamlNode& value, const PropertyRule& rule, Message& port) {
  const auto* type = port.GetDescriptor();
  const auto* reflection = port.GetReflection();
  const FieldDescriptor* automatic = type->FindFieldByName("automatic");
  const FieldDescriptor* of = type->FindFieldByName("of");
  if (automatic != nullptr && value.is(YamlNode::Kind::text) && value.text == "auto") {
    reflection->SetBool(&port, automatic, true);
    return {};
  }
  if (of != nullptr && value.is(YamlNode::Kind::map) && value.items.size() == 2) {
    const YamlNode& key = value.items[0];
    const YamlNode& name = value.items[1];
    if (key.text != "of" || !is_service_name(name.text)) return not_this(value, rule);
    reflection->SetString(&port, of, name.text);
    return {};
  }
  const auto number = value.is(YamlNode::Kind::text) && !value.quoted && is_number(value.text)
                          ? whole_number_from(value.text)
                          : std::nullopt;
  if (!number) return not_this(value, rule);
  if (*number > std::numeric_limits<std::uint16_t>::max()) {
    return "found " + printable(value.text) + ", allowed " + allowed_text(rule);
  }
  reflection->SetUInt32(&port, type->FindFieldByName("number"), static_cast<std::uint32_t>(*number));
  return {};
}

}  // namespace connmgr::services

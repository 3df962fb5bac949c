#include "services/config/property_table.h"

#include <algorithm>

#include "services/config/property_reader.h"
#include "services/config/schema_rules.h"

namespace connmgr::services {
namespace {

// A property under its whole path, with the kinds of service that have it. Of two kinds with rules of
// their own for one name (port) there are two.
struct Entry {
  std::string path;
  const PropertyRule* rule = nullptr;
  bool client = false;
  bool server = false;
};

void append(const std::vector<PropertyRule>& rules, const std::string& before, ServiceKind kind,
            std::vector<Entry>& into) {
  for (const PropertyRule& rule : rules) {
    const std::string path = before + rule.name;
    const auto same = std::find_if(into.begin(), into.end(), [&](const Entry& entry) {
      return entry.path == path && &entry.rule->field() == &rule.field();
    });
    Entry& entry = same != into.end() ? *same : into.emplace_back(Entry{path, &rule});
    (kind == ServiceKind::client ? entry.client : entry.server) = true;
    append(rule.properties, path + ".", kind, into);
  }
}

// First what both have, then what belongs to one kind.
std::vector<Entry> entries() {
  std::vector<Entry> all;
  append(properties_of(ServiceKind::client), "", ServiceKind::client, all);
  append(properties_of(ServiceKind::server), "", ServiceKind::server, all);
  const auto rank = [](const Entry& entry) {
    return entry.client && entry.server ? 0 : entry.client ? 1 : 2;
  };
  std::stable_sort(all.begin(), all.end(), [&](const Entry& a, const Entry& b) { return rank(a) < rank(b); });
  return all;
}

std::string services_text(const Entry& entry) {
  return entry.client && entry.server ? "both" : entry.client ? "client" : "server";
}

std::string type_text(ValueKind kind) {
  switch (kind) {
    case ValueKind::boolean: return "boolean";
    case ValueKind::whole_number: return "whole number";
    case ValueKind::number: return "number";
    case ValueKind::share: return "share";
    case ValueKind::choice: return "choice";
    case ValueKind::duration: return "duration";
    case ValueKind::size: return "size";
    case ValueKind::name: return "name";
    case ValueKind::host: return "host";
    case ValueKind::address: return "address";
    case ValueKind::port: return "port";
    case ValueKind::group: return "group";
  }
  return "";
}

std::string default_text(const PropertyRule& rule) {
  if (!rule.default_text.empty()) return rule.default_text;
  if (!rule.unset_means.empty()) return rule.unset_means;
  return rule.required ? "none: it has to be there" : "";
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

// `|` would end the cell.
std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped += c == '|' ? std::string("\\|") : std::string(1, c);
  return " " + escaped + (escaped.empty() ? "|" : " |");
}

void append_lines(const std::string& lines, std::string& text) {
  std::string_view rest = lines;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    text += "  " + std::string(rest.substr(0, end)) + "\n";
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

std::string describe(const Entry& entry) {
  const PropertyRule& rule = *entry.rule;
  std::string text = entry.path + " (" + type_text(rule.kind) + "; " +
                     (entry.client && entry.server ? "client and server" : services_text(entry)) +
                     " services)\n";
  append_lines(rule.description, text);
  text += "  allowed: " + allowed_text(rule) + "\n";
  if (const std::string value = default_text(rule); !value.empty()) text += "  default: " + value + "\n";
  if (!rule.required) text += "  a change takes effect: " + std::string(effect_text(rule.effect)) + "\n";
  if (!rule.example.empty()) text += "  example: " + rule.name + ": " + rule.example + "\n";
  return text;
}

}  // namespace

std::vector<std::string> all_properties() {
  std::vector<std::string> paths;
  for (const Entry& entry : entries()) {
    if (std::find(paths.begin(), paths.end(), entry.path) == paths.end()) paths.push_back(entry.path);
  }
  return paths;
}

std::string describe(std::string_view property) {
  std::string text;
  for (const Entry& entry : entries()) {
    if (entry.path == property) text += describe(entry);
  }
  return text.empty() ? unknown_text("property", property, all_properties()) + "\n" : text;
}

std::string property_table() {
  std::string table =
      "| property | services | type | default | allowed | change | what it is |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const Entry& entry : entries()) {
    const PropertyRule& rule = *entry.rule;
    table += "|" + cell("`" + entry.path + "`") + cell(services_text(entry)) + cell(type_text(rule.kind)) +
             cell(default_text(rule)) +
             cell(rule.kind == ValueKind::group ? "a map, or on or off" : allowed_text(rule)) +
             cell(rule.required ? "" : std::string(effect_text(rule.effect))) +
             cell(first_line(rule.description)) + "\n";
  }
  return table;
}

}  // namespace connmgr::services

#include "tests/scenarios/yaml_reader.h"

#include <set>

namespace connmgr::scenarios {
namespace {

std::string in_quotes(std::string_view text) {
  return "'" + std::string(text) + "'";
}

}  // namespace

Position position_of(const YAML::Node& node) {
  return {node.Mark().line + 1, node.Mark().column + 1};
}

Written written_in(const YAML::Node& node) {
  return {node.Scalar(), position_of(node)};
}

void YamlReader::mistake(Position where, const std::string& what) {
  if (!mistakes_.empty()) mistakes_ += '\n';
  mistakes_ += file_ + ':' + std::to_string(where.line) + ':' + std::to_string(where.column) + ": " + what;
}

void YamlReader::unknown(Position where, const std::string& thing, std::string_view found,
                         const std::vector<std::string_view>& known) {
  const std::string_view meant = nearest(found, known);
  std::string text = "unknown " + thing + ' ' + in_quotes(found);
  if (!meant.empty()) text.append("; did you mean ").append(in_quotes(meant)).append("?");
  mistake(where, text);
}

void YamlReader::not_allowed(const Written& found, std::string_view name, const std::string& what_is) {
  mistake(found.where, std::string(name) + ": found " + in_quotes(found.text) + ", allowed: " + what_is);
}

bool YamlReader::is_scalar(const YAML::Node& node, std::string_view what) {
  if (node.IsScalar()) return true;
  mistake(position_of(node), std::string(what) + " must be a single value");
  return false;
}

bool YamlReader::is_list(const YAML::Node& node, std::string_view what) {
  if (node.IsSequence()) return true;
  mistake(position_of(node), std::string(what) + " must be a list");
  return false;
}

// Calls `each` for every key of a map, once a key.
void YamlReader::each_key(const YAML::Node& node, std::string_view what,
                          const std::function<void(const Written&, const YAML::Node&)>& each) {
  if (node.IsNull()) return;
  if (!node.IsMap())
    return mistake(position_of(node), std::string(what) + " must be a map of keys and values");
  std::set<std::string> seen;
  for (const auto& entry : node) {
    if (!is_scalar(entry.first, "a key")) continue;
    const Written key = written_in(entry.first);
    if (!seen.insert(key.text).second) {
      mistake(key.where, std::string(what) + ": " + in_quotes(key.text) + " stands here twice");
    } else {
      each(key, entry.second);
    }
  }
}

void YamlReader::read_keys(const YAML::Node& node, std::string_view what, const std::vector<Key>& keys) {
  each_key(node, what, [&](const Written& found, const YAML::Node& value) {
    std::vector<std::string_view> names;
    for (const Key& key : keys) {
      if (key.name == found.text) return key.read(value);
      names.push_back(key.name);
    }
    unknown(found.where, std::string(what) + " key", found.text, names);
  });
}

void YamlReader::read_number(const YAML::Node& node, std::string_view what, std::uint64_t from,
                             std::uint64_t to, const std::function<void(std::uint64_t)>& then) {
  if (!is_scalar(node, what)) return;
  const std::optional<std::uint64_t> number = number_from(node.Scalar());
  if (number && *number >= from && *number <= to) return then(*number);
  not_allowed(written_in(node), what,
              "a whole number from " + std::to_string(from) + " to " + std::to_string(to));
}

}  // namespace connmgr::scenarios

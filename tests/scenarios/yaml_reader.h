// Walks a YAML text and keeps every mistake with its place, so that one run shows all.
#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/scenarios/values.h"

namespace connmgr::scenarios {

Position position_of(const YAML::Node& node);
Written written_in(const YAML::Node& node);

class YamlReader {
 public:
  explicit YamlReader(std::string file) : file_(std::move(file)) {}

  // A line each: FILE:LINE:COLUMN: what. Empty: none.
  const std::string& mistakes() const { return mistakes_; }

 protected:
  // A key of a map, and what to do with its value.
  struct Key {
    std::string_view name;
    std::function<void(const YAML::Node&)> read;
  };

  void mistake(Position where, const std::string& what);
  // Tells the known name that is nearest to it.
  void unknown(Position where, const std::string& thing, std::string_view found,
               const std::vector<std::string_view>& known);
  void not_allowed(const Written& found, std::string_view name, const std::string& what_is);

  // False, and a mistake, when it is something else.
  bool is_scalar(const YAML::Node& node, std::string_view what);
  bool is_list(const YAML::Node& node, std::string_view what);

  // For every key of a map, which stands there once.
  void each_key(const YAML::Node& node, std::string_view what,
                const std::function<void(const Written&, const YAML::Node&)>& each);
  // The same for a map whose keys are known.
  void read_keys(const YAML::Node& node, std::string_view what, const std::vector<Key>& keys);
  void read_number(const YAML::Node& node, std::string_view what, std::uint64_t from, std::uint64_t to,
                   const std::function<void(std::uint64_t)>& then);

 private:
  std::string file_;
  std::string mistakes_;
};

}  // namespace connmgr::scenarios

// One YAML (or JSON) document as a tree that knows where everything was written. It is small by
// construction: size, depth and number of nodes are limited, and aliases, which could make a short file
// expand without end, are refused. Bytes that are no such document give mistakes, never a crash.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/config/mistake.h"

namespace connmgr::services {

inline constexpr std::size_t kMostBytes = 4u << 20;  // of a file (SPEC V1)
inline constexpr std::size_t kMostNodes = 500'000;   // values, keys, lists and maps of a file
inline constexpr std::size_t kMostDepth = 16;        // lists and maps within each other

struct YamlNode {
  enum class Kind { nothing, text, list, map };
  Kind kind = Kind::nothing;
  int line = 0;
  int column = 0;
  bool quoted = false;  // text: "7" is not the number 7
  std::string text{};
  std::vector<YamlNode> items{};  // list: its items; map: key, value, key, value

  bool is(Kind other) const noexcept { return kind == other; }
};

// For messages: "nothing", "a list", "a map", or the text in quotes.
std::string shown(const YamlNode& node);

// The document, or nothing and at least one mistake. A document without content is Kind::nothing.
std::optional<YamlNode> parse_yaml(std::string_view source, const std::string& file, Mistakes& mistakes);

}  // namespace connmgr::services

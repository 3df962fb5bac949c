#include "services/config/source_check.h"

#include <algorithm>
#include <cstddef>

#include "services/config/values.h"
#include "services/config/yaml_tree.h"

namespace connmgr::services {
namespace {

// Brackets that are open at the same time, and structure signs in all. The parser looks ahead to the end of
// a bracket before it says anything, so these bound its memory; its own depth is counted exactly later.
constexpr std::size_t kMostBrackets = 64;
constexpr std::size_t kMostSigns = kMostNodes;
constexpr std::size_t kMostTabs = 10;

// The length of the UTF-8 sequence at the start of `text`, 0 if it is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xc2 ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool surrogate = first == 0xed && byte(1) >= 0xa0;
  const bool too_high = first == 0xf4 && byte(1) >= 0x90;
  return overlong || surrogate || too_high ? 0 : length;
}

bool starts_as_json(std::string_view source) {
  while (!source.empty()) {
    const std::size_t at = source.find_first_not_of(" \t\r\n");
    if (at == std::string_view::npos) return false;
    if (source[at] != '#') return source[at] == '{' || source[at] == '[';
    const std::size_t end = source.find('\n', at);
    if (end == std::string_view::npos) return false;
    source.remove_prefix(end);
  }
  return false;
}

// YAML indents by spaces; the parser's own words about a tab help nobody.
bool check_tabs(std::string_view source, const std::string& file, Mistakes& mistakes) {
  if (starts_as_json(source)) return true;
  std::size_t tabs = 0;
  int line = 1;
  for (std::size_t at = 0; at < source.size() && tabs < kMostTabs; ++line) {
    const std::size_t end = std::min(source.find('\n', at), source.size());
    const std::string_view text = source.substr(at, end - at);
    const std::size_t content = std::min(text.find_first_not_of(" \t\r"), text.size());
    const std::size_t tab = text.substr(0, content).find('\t');
    if (tab != std::string_view::npos && content < text.size() && text[content] != '#') {
      mistakes.add({file, line, static_cast<int>(tab) + 1}, "", "found a tab as indentation, allowed spaces");
      ++tabs;
    }
    at = end + 1;
  }
  return tabs == 0;
}

}  // namespace

bool check_source(std::string_view& source, const std::string& file, Mistakes& mistakes) {
  if (source.empty()) {
    mistakes.add({file, 1, 1}, "",
                 "the file is empty, allowed client_services and server_services "
                 "(a file that is to say nothing holds a comment)");
    return false;
  }
  if (source.size() > kMostBytes) {
    mistakes.add({file}, "", "the file has more than 4 MiB");
    return false;
  }
  if (source.starts_with("\xff\xfe") || source.starts_with("\xfe\xff")) {
    mistakes.add({file, 1, 1}, "", "found text in UTF-16, allowed UTF-8: save the file in that encoding");
    return false;
  }
  if (source.starts_with("\xef\xbb\xbf")) source.remove_prefix(3);

  Place place{file, 1, 1};
  std::size_t brackets = 0;
  std::size_t signs = 0;
  for (std::size_t at = 0; at < source.size();) {
    const char c = source[at];
    const std::size_t length = sequence_length(source.substr(at));
    if (c == '\0') {
      const bool wide = source.size() > 1 && (source[0] == '\0' || source[1] == '\0');
      mistakes.add(place, "",
                   wide ? "found text in UTF-16 or UTF-32, allowed UTF-8: save the file in that encoding"
                        : "found a zero byte, allowed text in UTF-8");
      return false;
    }
    if (length == 0) {
      mistakes.add(place, "", "found a byte that is not UTF-8: save the file in that encoding");
      return false;
    }
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
      mistakes.add(place, "",
                   "found the control character " + printable(source.substr(at, 1)) + ", allowed text");
      return false;
    }
    if (c == '[' || c == '{') ++brackets;
    if ((c == ']' || c == '}') && brackets > 0) --brackets;
    if (c == '[' || c == '{' || c == ',' || c == ':' || c == '?') ++signs;
    if (brackets > kMostBrackets) {
      mistakes.add(place, "",
                   "lists and maps lie too deeply within each other, allowed " + std::to_string(kMostDepth) +
                       " levels");
      return false;
    }
    if (signs > kMostSigns) {
      mistakes.add(place, "", "the file has more than " + std::to_string(kMostSigns) + " values");
      return false;
    }
    at += length;
    if (c == '\n') {
      ++place.line;
      place.column = 1;
    } else {
      ++place.column;
    }
  }
  return check_tabs(source, file, mistakes);
}

}  // namespace connmgr::services

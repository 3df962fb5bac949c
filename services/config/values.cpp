#include "services/config/values.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace connmgr::services {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

constexpr std::array kDurationUnits{Unit{"ns", 1},
                                    Unit{"us", 1'000},
                                    Unit{"ms", 1'000'000},
                                    Unit{"s", 1'000'000'000},
                                    Unit{"m", 60'000'000'000},
                                    Unit{"h", 3'600'000'000'000},
                                    Unit{"d", 86'400'000'000'000}};

constexpr std::array kSizeUnits{Unit{"", 1},
                                Unit{"B", 1},
                                Unit{"kB", 1'000},
                                Unit{"MB", 1'000'000},
                                Unit{"GB", 1'000'000'000},
                                Unit{"TB", 1'000'000'000'000},
                                Unit{"KiB", std::int64_t{1} << 10},
                                Unit{"MiB", std::int64_t{1} << 20},
                                Unit{"GiB", std::int64_t{1} << 30},
                                Unit{"TiB", std::int64_t{1} << 40}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

__extension__ using Wide = __int128;

// Digits, perhaps a point and more digits, times one of the units: exact, or nothing.
std::optional<std::int64_t> scaled(std::string_view text, std::span<const Unit> units) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::size_t at = 0;
  Wide digits = 0;
  Wide divisor = 1;
  bool after_point = false;
  std::size_t digit_count = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == '.' && !after_point && digit_count > 0) {
      after_point = true;
    } else if (is_digit(text[at])) {
      if (++digit_count > 18) return std::nullopt;  // 18 digits times any unit stay far below 2^127
      digits = digits * 10 + (text[at] - '0');
      if (after_point) divisor *= 10;
    } else {
      break;
    }
  }
  if (digit_count == 0 || text[at - 1] == '.') return std::nullopt;
  text.remove_prefix(at);
  if (text.starts_with(' ')) text.remove_prefix(1);
  const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == text; });
  if (unit == units.end()) return std::nullopt;
  const Wide product = digits * unit->factor;
  if (product % divisor != 0) return std::nullopt;
  const Wide value = product / divisor;
  if (value >= std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return static_cast<std::int64_t>(negative ? -value : value);
}

// Changes of one letter each (insert, drop, replace, swap of neighbours) that lead from one to the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), row(b.size() + 1);
  std::iota(previous.begin(), previous.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(previous);
    previous.swap(row);
  }
  return previous[b.size()];
}

}  // namespace

std::optional<Duration> duration_from(std::string_view text) {
  const auto nanoseconds = scaled(text, kDurationUnits);
  if (!nanoseconds) return std::nullopt;
  return Duration(*nanoseconds);
}

std::optional<std::int64_t> size_from(std::string_view text) {
  return scaled(text, kSizeUnits);
}

std::optional<std::int64_t> whole_number_from(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> number_from(std::string_view text) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<double> share_from(std::string_view text) {
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  if (percent && text.ends_with(' ')) text.remove_suffix(1);
  const auto value = number_from(text);
  return value && percent ? std::optional(*value / 100) : value;
}

std::optional<bool> boolean_from(std::string_view text) {
  if (text == "true" || text == "on" || text == "yes") return true;
  if (text == "false" || text == "off" || text == "no") return false;
  return std::nullopt;
}

bool is_service_name(std::string_view text) {
  return !text.empty() && text.size() <= 100 && is_letter(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; });
}

bool is_host(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return is_address(text);
  return !text.empty() && text.size() <= 253 && text.front() != '-' && text.front() != '.' &&
         text.find("..") == std::string_view::npos && std::all_of(text.begin(), text.end(), [](char c) {
           return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
         });
}

bool is_address(std::string_view text) {
  std::string address(text);
  in6_addr parsed{};
  if (inet_pton(AF_INET, address.c_str(), &parsed) == 1) return true;
  const std::size_t percent = address.find('%');
  if (percent != std::string::npos) {
    if (percent + 1 == address.size()) return false;
    address.resize(percent);
  }
  return inet_pton(AF_INET6, address.c_str(), &parsed) == 1;
}

std::optional<std::string_view> nearest(std::string_view text, std::span<const std::string> candidates) {
  if (text.size() > 64) return std::nullopt;  // nobody mistypes that; and the time stays bounded
  std::optional<std::string_view> best;
  if (text.size() >= 3) {  // cut off, as in a file that is half written
    const auto longer = std::find_if(candidates.begin(), candidates.end(),
                                     [&](const std::string& c) { return c.starts_with(text); });
    if (longer != candidates.end()) best = *longer;
  }
  if (best) return best;
  std::size_t best_distance = std::max<std::size_t>(2, text.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(text, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string printable(std::string_view text, std::size_t longest) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string shown;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const bool starts_character = (byte & 0xc0) != 0x80;
    if (starts_character && shown.size() >= longest) return shown + "...";
    if (byte == '\n') {
      shown += "\\n";
    } else if (byte == '\t') {
      shown += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      shown += "\\x";
      shown += kHex[byte >> 4];
      shown += kHex[byte & 15];
    } else {
      shown += text[at];
    }
  }
  return shown;
}

}  // namespace connmgr::services

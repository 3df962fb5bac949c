#include "tests/scenarios/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <utility>

#include "tests/scenarios/enum_names.h"

namespace connmgr::scenarios {
namespace {

constexpr std::array<std::pair<std::string_view, std::int64_t>, 6> kUnits{{{"ns", 1},
                                                                           {"us", 1'000},
                                                                           {"ms", 1'000'000},
                                                                           {"s", 1'000'000'000},
                                                                           {"m", 60'000'000'000},
                                                                           {"h", 3'600'000'000'000}}};

template <class Enum>
std::string all_names() {
  std::string all;
  for (const std::string_view name : enumerators<Enum>()) {
    if (!name.empty()) all.append(all.empty() ? "" : ", ").append(name);
  }
  return all;
}

template <class Number>
std::optional<Number> whole(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Letters, digits, dot, underscore and dash, and not a number: a number names a connection.
bool is_name(std::string_view text) {
  return !text.empty() && !number_from(text) && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
}

}  // namespace

std::string allowed(Kind kind) {
  switch (kind) {
    case Kind::new_label:
    case Kind::new_node: return "a name of letters, digits, '.', '_' and '-' that is not used yet";
    case Kind::label: return "the label of a request, or node.1, node.2 ... for what a node was offered";
    case Kind::node: return "the name of an Input node that subscribes";
    case Kind::connection: return "the number of a connection, or the label of a request";
    case Kind::id: return "the number of a connection, the label of a request, or nobody";
    case Kind::thread: return "the name of a thread";
    case Kind::event: return "the name of an event";
    case Kind::number: return "a whole number";
    case Kind::flag: return "true or false";
    case Kind::duration: return "a duration (a number and ns, us, ms, s, m or h, as in 10ms)";
    case Kind::duration_or_never: return "a duration (as in 10ms), or never";
    case Kind::direction: return all_names<Direction>();
    case Kind::change: return all_names<StreamChange>();
    case Kind::cause: return all_names<CloseCause>();
    case Kind::reason: return all_names<Errc>();
    case Kind::how: return "orderly, abort, abandon";
  }
  return {};
}

bool well_formed(Kind kind, std::string_view text) {
  switch (kind) {
    case Kind::new_label:
    case Kind::label:
    case Kind::new_node:
    case Kind::node:
    case Kind::thread:
    case Kind::event: return is_name(text);
    case Kind::connection:
    case Kind::id: return is_name(text) || number_from(text);
    case Kind::number: return number_from(text).has_value();
    case Kind::flag: return flag_from(text).has_value();
    case Kind::duration: return duration_from(text).has_value();
    case Kind::duration_or_never: return duration_or_never_from(text).has_value();
    case Kind::direction: return value_of<Direction>(text).has_value();
    case Kind::change: return value_of<StreamChange>(text).has_value();
    case Kind::cause: return value_of<CloseCause>(text).has_value();
    case Kind::reason: return value_of<Errc>(text).has_value();
    case Kind::how: return text == "orderly" || text == "abort" || text == "abandon";
  }
  return false;
}

std::string canonical(Kind kind, std::string_view text) {
  if (kind == Kind::duration || kind == Kind::duration_or_never)
    return to_text(*duration_or_never_from(text));
  if (kind == Kind::number) return std::to_string(*number_from(text));
  return std::string(text);
}

std::optional<std::uint64_t> number_from(std::string_view text) {
  return whole<std::uint64_t>(text);
}

std::optional<bool> flag_from(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::optional<double> fraction_from(std::string_view text) {
  return whole<double>(text);
}

std::optional<Duration> duration_from(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<std::int64_t> count = whole<std::int64_t>(text.substr(0, digits));
  for (const auto& [unit, nanoseconds] : kUnits) {
    if (!count || unit != text.substr(digits)) continue;
    if (*count > kForever.count() / 2 / nanoseconds) return std::nullopt;
    return Duration(*count * nanoseconds);
  }
  return std::nullopt;
}

std::optional<Duration> duration_or_never_from(std::string_view text) {
  return text == "never" ? kForever : duration_from(text);
}

std::string to_text(Duration duration) {
  if (duration == kForever) return "never";
  if (duration == Duration::zero()) return "0ms";
  for (const std::size_t unit : {3, 2, 1}) {
    if (duration.count() % kUnits[unit].second != 0) continue;
    return std::to_string(duration.count() / kUnits[unit].second).append(kUnits[unit].first);
  }
  return std::to_string(duration.count()) + "ns";
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  const auto distance = [](std::string_view a, std::string_view b) {  // of Levenshtein
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 1; i <= a.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= b.size(); ++j) {
        const std::size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
        diagonal = row[j];
        row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
      }
    }
    return row.back();
  };
  std::string_view best;
  std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    if (const std::size_t d = distance(word, candidate); d < least) {
      least = d;
      best = candidate;
    }
  }
  return best;
}

}  // namespace connmgr::scenarios

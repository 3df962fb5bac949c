#include "services/programs/support/units.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace connmgr::programs {
namespace {

// Three digits that count.
std::string rounded(double value, const char* unit) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f %s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, unit);
  return text;
}

}  // namespace

Result<std::chrono::nanoseconds> parse_duration(const std::string& text) {
  static constexpr std::pair<const char*, double> kUnits[] = {
      {"", 1e9}, {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
  char* rest = nullptr;
  const double number = std::strtod(text.c_str(), &rest);
  if (rest != text.c_str() && std::isfinite(number) && number >= 0 && number < 1e9) {
    for (const auto& [unit, nanoseconds] : kUnits) {
      if (unit != std::string_view(rest) || number * nanoseconds > 9e18) continue;
      return std::chrono::nanoseconds(static_cast<std::int64_t>(number * nanoseconds));
    }
  }
  return Failure{Errc::invalid_configuration,
                 "'" + text + "' is not a duration (a number and ns, us, ms, s, m or h, as in 30s)"};
}

std::string duration_text(std::chrono::nanoseconds duration) {
  const auto value = static_cast<double>(duration.count());
  static constexpr std::pair<std::int64_t, const char*> kWhole[] = {
      {1'000'000'000, " s"}, {1'000'000, " ms"}, {1'000, " us"}};
  for (const auto& [unit, name] : kWhole) {  // round figures are shown as they are: 5 s, 200 us
    if (duration.count() >= unit && duration.count() % unit == 0)
      return std::to_string(duration.count() / unit) + name;
  }
  if (value < 1e3) return std::to_string(duration.count()) + " ns";
  if (value < 999.5e3) return rounded(value / 1e3, "us");
  if (value < 999.5e6) return rounded(value / 1e6, "ms");
  return rounded(value / 1e9, "s");
}

std::string count_text(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), ",");
  }
  return text;
}

std::string bytes_text(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes < 1000) return std::to_string(bytes) + " B";
  if (value < 999.5e3) return rounded(value / 1e3, "kB");
  if (value < 999.5e6) return rounded(value / 1e6, "MB");
  return rounded(value / 1e9, "GB");
}

std::string escaped(std::string_view bytes, std::size_t most) {
  std::string text;
  for (const char c : bytes.substr(0, most)) {
    if (c >= ' ' && c <= '~') {
      text += c;
    } else {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
      text += hex;
    }
  }
  if (bytes.size() > most) text += "...";
  return text;
}

}  // namespace connmgr::programs

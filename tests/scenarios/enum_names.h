// Names of enumerators as they stand in the code, so that a scenario says `reason: stream_busy` and a code
// that is added to the core can be written in scenarios at once, without a second list.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace connmgr::scenarios {

// What the compiler calls this value; empty when it is no enumerator.
template <auto Value>
constexpr std::string_view enumerator_name() {
  constexpr std::string_view kSignature =
      __PRETTY_FUNCTION__;  // "... [with auto Value = ns::Enum::name; ..."
  constexpr std::size_t kFrom = kSignature.find("Value = ") + 8;
  constexpr std::string_view kValue = kSignature.substr(kFrom, kSignature.find_first_of(";]", kFrom) - kFrom);
  if (kValue.front() == '(') return {};
  return kValue.substr(kValue.rfind(':') + 1);
}

inline constexpr int kMostEnumerators = 64;  // of the enumerations that scenarios name

template <class Enum>
constexpr auto enumerators() {
  return []<int... I>(std::integer_sequence<int, I...>) {
    return std::array<std::string_view, sizeof...(I)>{enumerator_name<static_cast<Enum>(I)>()...};
  }
  (std::make_integer_sequence<int, kMostEnumerators>());
}

template <class Enum>
constexpr std::string_view name_of(Enum value) {
  constexpr auto kNames = enumerators<Enum>();
  const auto index = static_cast<std::size_t>(value);
  return index < kNames.size() ? kNames[index] : std::string_view();
}

template <class Enum>
constexpr std::optional<Enum> value_of(std::string_view name) {
  constexpr auto kNames = enumerators<Enum>();
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (!name.empty() && kNames[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace connmgr::scenarios

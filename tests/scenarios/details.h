// The details of a step as values. The reader has checked that they are well formed.
#pragma once

#include "tests/scenarios/enum_names.h"
#include "tests/scenarios/scenario.h"

namespace connmgr::scenarios {

inline const std::string& text(const Sentence& sentence, std::string_view detail) {
  return sentence.find(detail)->text;
}
// Written, or else.
inline bool flag(const Sentence& sentence, std::string_view detail, bool otherwise = false) {
  const Written* const written = sentence.find(detail);
  return written ? *flag_from(written->text) : otherwise;
}
template <class Enum>
Enum choice(const Sentence& sentence, std::string_view detail, Enum otherwise) {
  const Written* const written = sentence.find(detail);
  return written ? *value_of<Enum>(written->text) : otherwise;
}
inline std::uint64_t number(const Sentence& sentence, std::string_view detail, std::uint64_t otherwise) {
  const Written* const written = sentence.find(detail);
  return written ? *number_from(written->text) : otherwise;
}

}  // namespace connmgr::scenarios

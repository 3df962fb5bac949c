// The words of a scenario, each declared once: the steps that a thread can do, the events that are recorded,
// the settings of the pool and the counts that can be looked at in the end. README.md explains them; a test
// compares it with these tables.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "connmgr/core/pool.h"
#include "tests/scenarios/values.h"

namespace connmgr::scenarios {

struct Detail {
  std::string_view name;
  Kind kind = Kind::label;
  bool required = false;
};

// A step or an event. `- name: x` is short for `- name: {first detail: x}`.
struct Word {
  std::string_view name;
  std::vector<Detail> details;
  enum class Also { nothing, settings, answers } also = Also::nothing;  // apply and peer: keys of their own

  const Detail* detail(std::string_view named) const;
};

const std::vector<Word>& step_words();
const std::vector<Word>& event_words();
const Word* find_word(const std::vector<Word>& words, std::string_view name);
const Word& event_word(std::string_view name);  // must exist

std::vector<std::string_view> setting_names();
// False: not a value for this setting. `known` is false when there is no such setting.
struct SettingRead {
  bool known = false;
  bool good = false;
  std::string allowed;
};
SettingRead set(PoolSettings& settings, std::string_view name, std::string_view text);

std::vector<std::string_view> count_names();
std::uint64_t count_of(const Pool& pool, std::string_view name);  // must be one of count_names()

}  // namespace connmgr::scenarios

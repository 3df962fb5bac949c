#include "tests/scenarios/report.h"

#include <algorithm>
#include <csignal>
#include <cstdio>

namespace connmgr::scenarios {
namespace {

const std::string* detail_of(const Happening& happening, std::string_view name) {
  for (const auto& [detail, value] : happening.details) {
    if (detail == name) return &value;
  }
  return nullptr;
}

// Only the details that are written are compared.
bool matches(const Sentence& expected, const Happening& happening) {
  if (expected.word != happening.event) return false;
  return std::all_of(expected.details.begin(), expected.details.end(), [&](const auto& written) {
    const std::string* const found = detail_of(happening, written.first);
    return found != nullptr &&
           *found == canonical(expected.word->detail(written.first)->kind, written.second.text);
  });
}

bool compared(const Scenario& scenario, const Happening& happening) {
  return happening.event != nullptr && !scenario.ignored.contains(happening.event->name);
}

std::string in_words(const Sentence& sentence) {
  std::string words(sentence.word->name);
  for (const auto& [name, value] : sentence.details)
    words.append(" ").append(name).append("=").append(value.text);
  return words;
}

std::string in_words(const Happening& happening) {
  if (happening.event == nullptr) return "  > " + happening.note;
  std::string words(happening.event->name);
  for (const auto& [name, value] : happening.details) {
    if (name != "at") words.append(" ").append(name).append("=").append(value);
  }
  return words;
}

std::string line(std::string_view mark, std::string_view time, const std::string& words) {
  std::string result(mark);
  result.append(time.size() < 9 ? 9 - time.size() : 0, ' ').append(time);
  return result.append("  ").append(words).append("\n");
}

// The longest common course: lengths[i][j] is its length from expected i and event j on.
std::vector<std::vector<std::size_t>> common(const std::vector<Sentence>& expected,
                                             const std::vector<const Happening*>& events) {
  std::vector lengths(expected.size() + 1, std::vector<std::size_t>(events.size() + 1));
  for (std::size_t i = expected.size(); i-- > 0;) {
    for (std::size_t j = events.size(); j-- > 0;) {
      lengths[i][j] = matches(expected[i], *events[j]) ? 1 + lengths[i + 1][j + 1]
                                                       : std::max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  return lengths;
}

// Both courses in one: `-` was expected and did not happen, `+` happened and was not expected.
std::string compare_events(const Scenario& scenario, const Played& played) {
  std::vector<const Happening*> events;
  for (const Happening& happening : played.happened) {
    if (compared(scenario, happening)) events.push_back(&happening);
  }
  const auto lengths = common(scenario.expected, events);
  std::string text;
  Position first;
  std::size_t i = 0;
  std::size_t j = 0;
  const auto differs = [&] {
    if (first.line != 0) return;
    first = i < scenario.expected.size() ? scenario.expected[i].where : scenario.expect_at;
  };
  const auto expected_line = [&] {
    differs();
    const Sentence& missing = scenario.expected[i];
    text += line("- ", "", in_words(missing) + "   (line " + std::to_string(missing.where.line) + ")");
    ++i;
  };
  for (const Happening& happening : played.happened) {
    const std::string time = to_text(happening.at);
    if (!compared(scenario, happening)) {
      text += line("  ", time, in_words(happening));
      continue;
    }
    while (i < scenario.expected.size() && lengths[i][j] == lengths[i + 1][j] &&
           !matches(scenario.expected[i], happening)) {
      expected_line();
    }
    if (i < scenario.expected.size() && matches(scenario.expected[i], happening)) {
      text += line("  ", time, in_words(happening));
      ++i;
    } else {
      differs();
      text += line("+ ", time, in_words(happening));
    }
    ++j;
  }
  while (i < scenario.expected.size()) expected_line();
  if (first.line == 0) return {};
  return scenario.file.string() + ':' + std::to_string(first.line) + ':' + std::to_string(first.column) +
         ": the events are not the expected ones (- expected, + happened, > done by a thread)\n" + text;
}

const Player* now_playing = nullptr;

// A rule of the pool that does not hold ends the program (check()); then the course so far says more than
// the name of the rule.
void tell_course(int) {
  if (now_playing != nullptr) std::fputs(course(now_playing->happened()).c_str(), stderr);
  std::signal(SIGABRT, SIG_DFL);
}

std::string outcome_of_read(const auto& read) {
  try {
    const Scenario scenario = read();
    Player player(scenario);
    now_playing = &player;
    std::signal(SIGABRT, tell_course);
    const Played played = player.play();
    now_playing = nullptr;
    return differences(scenario, played);
  } catch (const ScenarioMistakes& mistakes) {
    return mistakes.what();
  }
}

}  // namespace

std::string course(const std::vector<Happening>& happened) {
  std::string text;
  for (const Happening& happening : happened) text += line("  ", to_text(happening.at), in_words(happening));
  return text;
}

std::string differences(const Scenario& scenario, const Played& played) {
  std::string text = compare_events(scenario, played);
  if (!played.failure.empty()) {
    text = played.failure + '\n' + (text.empty() ? course(played.happened) : text);
  }
  for (const std::string& difference : played.differences) text += difference + '\n';
  return text;
}

std::string outcome_of(const std::filesystem::path& file) {
  return outcome_of_read([&] { return read_scenario(file); });
}

std::string outcome_of_text(const std::string& text, const std::filesystem::path& file) {
  return outcome_of_read([&] { return read_scenario(text, file); });
}

}  // namespace connmgr::scenarios

// The language of scenarios itself: a file that is wrong is told so with its place, and a pool that does
// something else than expected fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "tests/scenarios/report.h"

namespace connmgr::scenarios {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string outcome(const std::string& text) {
  return outcome_of_text(text, "some.yaml");
}

// One connection of a server; `steps` and `expected` are lines of YAML, indented by two.
std::string scenario(const std::string& steps, const std::string& expected, const std::string& more = "") {
  return "description: a test\npool: {role: server}\nsteps:\n  - admit\n" + steps +
         "expect:\n  - ConnectionAdmitted: 1\n" + expected + more;
}

// --- what happened is not what was expected ---------------------------------------------------------------

TEST(ScenarioLanguage, AcceptsWhatHappensAsExpected) {
  EXPECT_THAT(outcome(scenario("  - acquire: a\n", "  - StreamGranted: a\n")), IsEmpty());
}

TEST(ScenarioLanguage, TellsAnEventThatDidNotHappen) {
  const std::string told =
      outcome(scenario("  - acquire: a\n", "  - RequestWaiting: a\n  - StreamGranted: a\n"));

  EXPECT_THAT(told, HasSubstr("some.yaml:8:5: the events are not the expected ones"));
  EXPECT_THAT(told, HasSubstr("-            RequestWaiting label=a   (line 8)"));
}

TEST(ScenarioLanguage, TellsAnEventThatWasNotExpected) {
  const std::string told = outcome(scenario("  - wait: 5ms\n  - acquire: a\n", ""));

  EXPECT_THAT(told, HasSubstr("+       5ms  StreamGranted label=a connection=1 direction=output waited=0ms"));
}

TEST(ScenarioLanguage, TellsEventsInAnotherOrder) {
  const std::string told = outcome(scenario("  - acquire: a\n  - acquire: {label: b, direction: input}\n",
                                            "  - StreamGranted: b\n  - StreamGranted: a\n"));

  EXPECT_THAT(told, AllOf(HasSubstr("\n- "), HasSubstr("\n+ ")));
}

TEST(ScenarioLanguage, ComparesTheDetailsThatAreWritten) {
  EXPECT_THAT(outcome(scenario("  - acquire: a\n", "  - StreamGranted: {connection: 1}\n")), IsEmpty());
  EXPECT_THAT(outcome(scenario("  - acquire: a\n", "  - StreamGranted: {connection: 2}\n")), Not(IsEmpty()));
  EXPECT_THAT(outcome(scenario("  - acquire: a\n", "  - StreamGranted: {at: 1ms}\n")), Not(IsEmpty()));
}

TEST(ScenarioLanguage, ComparesTimesByValue) {
  EXPECT_THAT(outcome(scenario("  - wait: 1000ms\n  - acquire: a\n", "  - StreamGranted: {at: 1s}\n")),
              IsEmpty());
}

TEST(ScenarioLanguage, LeavesOutIgnoredEvents) {
  EXPECT_THAT(outcome(scenario("  - acquire: a\n", "", "ignore: [StreamGranted]\n")), IsEmpty());
}

TEST(ScenarioLanguage, ComparesTheFinalCounts) {
  const std::string told = outcome(scenario(
      "", "", "finally: {open: 3, closed_because: {reset: 1}, connections: {1: {input: reserved_free}}}\n"));

  EXPECT_THAT(told, HasSubstr("some.yaml:7:17: open is 1, expected 3"));
  EXPECT_THAT(told, HasSubstr("closed because of reset is 0, expected 1"));
  EXPECT_THAT(told, HasSubstr("connection 1: its input is available_free, expected reserved_free"));
}

// --- mistakes in the text
// -----------------------------------------------------------------------------------

TEST(ScenarioLanguage, NamesAnUnknownActionAndTheNearestOne) {
  EXPECT_THAT(outcome(scenario("  - aquire: a\n", "")),
              HasSubstr("some.yaml:5:5: unknown action 'aquire'; did you mean 'acquire'?"));
}

TEST(ScenarioLanguage, NamesUnknownKeysDetailsSettingsAndEvents) {
  const std::string told = outcome(
      "description: a test\n"
      "pool: {max_conections: 1}\n"
      "step: []\n"
      "steps:\n"
      "  - acquire: {lable: a}\n"
      "expect:\n"
      "  - StreamGrantet: a\n"
      "  - ConnectionClosing: {couse: peer}\n"
      "finally: {opne: 1}\n");

  EXPECT_THAT(told,
              HasSubstr("some.yaml:2:8: unknown setting 'max_conections'; did you mean 'max_connections'?"));
  EXPECT_THAT(told, HasSubstr("some.yaml:3:1: unknown scenario key 'step'; did you mean 'steps'?"));
  EXPECT_THAT(told, HasSubstr("some.yaml:5:15: unknown detail of acquire 'lable'; did you mean 'label'?"));
  EXPECT_THAT(told, HasSubstr("some.yaml:5:5: acquire: label is missing"));
  EXPECT_THAT(told, HasSubstr("some.yaml:7:5: unknown event 'StreamGrantet'; did you mean 'StreamGranted'?"));
  EXPECT_THAT(
      told, HasSubstr("some.yaml:8:25: unknown detail of ConnectionClosing 'couse'; did you mean 'cause'?"));
  EXPECT_THAT(told, HasSubstr("some.yaml:9:11: unknown finally key 'opne'; did you mean 'open'?"));
}

TEST(ScenarioLanguage, SaysWhatAValueMayBe) {
  EXPECT_THAT(outcome(scenario("  - wait: 10\n", "")),
              HasSubstr("some.yaml:5:11: for: found '10', allowed: a duration"));
  EXPECT_THAT(outcome(scenario("  - acquire: {label: a, direction: sideways}\n", "")),
              HasSubstr("some.yaml:5:36: direction: found 'sideways', allowed: input, output"));
  EXPECT_THAT(outcome(scenario("  - peer: {connects: maybe}\n", "")),
              HasSubstr("some.yaml:5:22: connects: found 'maybe'"));
}

TEST(ScenarioLanguage, SaysWhichWordsAKeyTakes) {
  EXPECT_THAT(outcome("description: a\ntimers: later\nbegins: stopped\nsteps: []\nexpect: []\n"),
              AllOf(HasSubstr("some.yaml:2:9: timers: found 'later', allowed: first, last"),
                    HasSubstr("some.yaml:3:9: begins: found 'stopped', allowed: paused, running")));
}

TEST(ScenarioLanguage, NamesALabelThatIsNeverAcquired) {
  EXPECT_THAT(outcome(scenario("  - acquire: alpha\n  - release: alhpa\n", "")),
              HasSubstr("some.yaml:6:14: unknown label 'alhpa'; did you mean 'alpha'?"));
}

TEST(ScenarioLanguage, TakesALabelOnlyOnce) {
  EXPECT_THAT(outcome(scenario("  - acquire: a\n  - request: a\n", "")),
              HasSubstr("some.yaml:6:14: label: found 'a', allowed: a name"));
}

TEST(ScenarioLanguage, TakesAKeyOnlyOnce) {
  EXPECT_THAT(outcome("description: a\ndescription: b\nsteps: []\nexpect: []\n"),
              HasSubstr("some.yaml:2:1: scenario: 'description' stands here twice"));
}

TEST(ScenarioLanguage, WantsADescriptionAndExpectations) {
  EXPECT_THAT(outcome("steps: []\n"),
              AllOf(HasSubstr("description is missing"), HasSubstr("expect is missing")));
}

TEST(ScenarioLanguage, TellsWhereTheYamlItselfIsBroken) {
  EXPECT_THAT(outcome("description: [a\n"), HasSubstr("some.yaml:2:1: "));
}

// --- what cannot be played
// ------------------------------------------------------------------------------------

TEST(ScenarioLanguage, TellsAReleaseOfWhatIsNotHeld) {
  EXPECT_THAT(outcome(scenario("  - acquire: a\n  - request: b\n  - release: b\n", "")),
              HasSubstr("some.yaml:7:14: 'b' waits still"));
  EXPECT_THAT(outcome(scenario("  - acquire: a\n  - release: a\n  - release: a\n", "")),
              HasSubstr("some.yaml:7:14: 'a' has been released already"));
}

TEST(ScenarioLanguage, TellsAThreadThatWaitsForEver) {
  EXPECT_THAT(outcome(scenario("  - wait_for: {event: StreamGranted, count: 2}\n", "")),
              HasSubstr("some.yaml:5:5: thread 'main' waits for ever: StreamGranted was seen 0 times of 2"));
  EXPECT_THAT(outcome(scenario("  - acquire: a\n  - acquire: {label: b, timeout: never}\n", "")),
              HasSubstr("some.yaml:6:5: thread 'main' waits for ever: request 'b' never ends"));
}

TEST(ScenarioLanguage, TellsATimeThatHasPassed) {
  EXPECT_THAT(outcome(scenario("  - wait: 20ms\n  - wait_until: 10ms\n", "")),
              HasSubstr("some.yaml:6:5: 10ms has passed already: it is 20ms"));
}

TEST(ScenarioLanguage, TellsAConnectionThatIsNotThereYet) {
  EXPECT_THAT(outcome(scenario("  - bytes_arrive: 2\n", "")),
              HasSubstr("some.yaml:5:19: there is no connection 2 yet"));
}

// --- threads and time
// -------------------------------------------------------------------------------------------

TEST(ScenarioLanguage, RunsThreadsAsTheyStandInTheFile) {
  EXPECT_THAT(outcome("description: a test\n"
                      "pool: {role: server, max_connections: 1}\n"
                      "threads:\n"
                      "  one: [admit, acquire: a, wait: 5ms, release: a]\n"
                      "  two: [acquire: b]\n"
                      "  three: [join: two, release: b]\n"
                      "expect:\n"
                      "  - ConnectionAdmitted: 1\n"
                      "  - StreamGranted: a\n"
                      "  - RequestWaiting: b\n"
                      "  - StreamReturned: {label: a, at: 5ms}\n"
                      "  - StreamGranted: b\n"
                      "  - StreamReturned: b\n"),
              IsEmpty());
}

TEST(ScenarioLanguage, StartsAThreadWhenItIsTold) {
  EXPECT_THAT(outcome("description: a test\n"
                      "pool: {role: server}\n"
                      "steps: [admit, wait: 5ms, start_thread: late, join: late]\n"
                      "threads:\n"
                      "  late: [acquire: a, wait: 2ms]\n"
                      "expect:\n"
                      "  - ConnectionAdmitted: 1\n"
                      "  - StreamGranted: {label: a, at: 5ms}\n"),
              IsEmpty());
  EXPECT_THAT(outcome(scenario("  - start_thread: main\n", "")), HasSubstr("thread 'main' waits for ever"));
}

TEST(ScenarioLanguage, CanDoEveryAction) {
  for (const Word& word : step_words()) EXPECT_TRUE(Player::can(word.name)) << word.name;
}

// --- the manual
// ---------------------------------------------------------------------------------------------------

std::string manual() {
  std::ifstream in(CONNMGR_SCENARIO_MANUAL);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(ScenarioManual, ShowsAScenarioThatHolds) {
  const std::string text = manual();
  const std::size_t from = text.find("```yaml\n") + 8;

  EXPECT_THAT(outcome(text.substr(from, text.find("```", from) - from)), IsEmpty());
}

TEST(ScenarioManual, ExplainsEveryWord) {
  const std::string text = manual();
  const auto explains = [&](std::string_view word) {  // as `word`, or with a value of it: `word: true`
    const std::string quoted = "`" + std::string(word);
    const bool there = text.find(quoted + "`") != text.npos || text.find(quoted + ":") != text.npos;
    EXPECT_TRUE(there) << "README.md does not explain " << word;
  };

  for (const Word& word : step_words()) {
    explains(word.name);
    for (const Detail& detail : word.details) explains(detail.name);
  }
  for (const Word& word : event_words()) {
    explains(word.name);
    for (const Detail& detail : word.details) explains(detail.name);
  }
  for (const std::string_view name : setting_names()) explains(name);
  for (const std::string_view name : count_names()) explains(name);
}

}  // namespace
}  // namespace connmgr::scenarios

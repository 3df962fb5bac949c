#include "tests/scenarios/vocabulary.h"

#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "connmgr/core/check.h"
#include "tests/scenarios/enum_names.h"

namespace connmgr::scenarios {
namespace {

constexpr bool kRequired = true;

std::vector<Detail> request_details() {
  return {{"label", Kind::new_label, kRequired},
          {"direction", Kind::direction},
          {"id", Kind::id},
          {"guessed", Kind::flag},
          {"reserve_other", Kind::flag},
          {"other", Kind::change},
          {"with_data", Kind::flag},
          {"data_timeout", Kind::duration_or_never},
          {"timeout", Kind::duration_or_never},
          {"may_open", Kind::flag},
          {"shard", Kind::number}};
}

}  // namespace

const std::vector<Word>& step_words() {
  static const std::vector<Word> words{
      // requests
      {"acquire", request_details()},
      {"request", request_details()},
      {"await", {{"label", Kind::label, kRequired}}},
      {"cancel", {{"label", Kind::label, kRequired}}},
      {"release",
       {{"label", Kind::label, kRequired},
        {"own", Kind::change},
        {"other", Kind::change},
        {"unread", Kind::flag}}},
      {"change",
       {{"connection", Kind::connection, kRequired},
        {"direction", Kind::direction, kRequired},
        {"to", Kind::change, kRequired}}},
      {"undo", {{"label", Kind::label, kRequired}}},
      {"end_flow", {{"label", Kind::label, kRequired}}},
      // Input nodes
      {"subscribe", {{"node", Kind::new_node, kRequired}}},
      {"unsubscribe", {{"node", Kind::node, kRequired}}},
      // what happens to connections
      {"bytes_arrive", {{"connection", Kind::connection, kRequired}}},
      {"peer_closes", {{"connection", Kind::connection, kRequired}, {"unread", Kind::flag}}},
      {"break", {{"connection", Kind::connection, kRequired}, {"cause", Kind::cause}}},
      {"close", {{"connection", Kind::connection, kRequired}, {"cause", Kind::cause}}},
      {"connect_succeeds", {{"connection", Kind::connection, kRequired}}},
      {"connect_fails", {{"connection", Kind::connection, kRequired}, {"reason", Kind::reason}}},
      {"admit", {{"shard", Kind::number}}},
      {"grant_permit", {}},
      {"refuse_permit", {}},
      {"peer", {}, Word::Also::answers},
      // steering
      {"start", {}},
      {"pause", {}},
      {"resume", {}},
      {"purge", {{"cause", Kind::cause}}},
      {"stop", {{"reason", Kind::reason}, {"cause", Kind::cause}}},
      {"abort_all", {{"cause", Kind::cause}}},
      {"apply", {}, Word::Also::settings},
      // time and other threads
      {"wait", {{"for", Kind::duration, kRequired}}},
      {"wait_until", {{"at", Kind::duration, kRequired}}},
      {"wait_for", {{"event", Kind::event, kRequired}, {"count", Kind::number}}},
      {"start_thread", {{"thread", Kind::thread, kRequired}}},
      {"join", {{"thread", Kind::thread, kRequired}}},
  };
  return words;
}

const std::vector<Word>& event_words() {
  static const std::vector<Word> words = [] {
    std::vector<Word> all{
        {"RequestWaiting", {{"label", Kind::label}}},
        {"StreamGranted",
         {{"label", Kind::label},
          {"connection", Kind::number},
          {"direction", Kind::direction},
          {"waited", Kind::duration}}},
        {"RequestRefused", {{"label", Kind::label}, {"reason", Kind::reason}, {"waited", Kind::duration}}},
        {"RequestCancelled", {{"label", Kind::label}}},
        {"CancelTooLate", {{"label", Kind::label}}},
        {"StreamReturned",
         {{"label", Kind::label}, {"connection", Kind::number}, {"direction", Kind::direction}}},
        {"ReservationChanged",
         {{"connection", Kind::number}, {"direction", Kind::direction}, {"to", Kind::change}}},
        {"ReservationUndone", {{"label", Kind::label}}},
        {"FlowEnded", {{"label", Kind::label}}},
        {"NodeSubscribed", {{"node", Kind::node}}},
        {"NodeUnsubscribed", {{"node", Kind::node}}},
        {"Offered", {{"node", Kind::node}, {"connection", Kind::number}, {"label", Kind::label}}},
        {"ConnectionOpening", {{"connection", Kind::number}, {"shard", Kind::number}}},
        {"ConnectionOpened", {{"connection", Kind::number}}},
        {"ConnectionFailed", {{"connection", Kind::number}, {"reason", Kind::reason}}},
        {"ConnectionAdmitted", {{"connection", Kind::number}, {"shard", Kind::number}}},
        {"ConnectionTurnedAway", {}},
        {"BytesArrived", {{"connection", Kind::number}}},
        {"PeerClosed", {{"connection", Kind::number}, {"unread", Kind::flag}}},
        {"ConnectionBroken", {{"connection", Kind::number}, {"cause", Kind::cause}}},
        {"CloseAsked", {{"connection", Kind::number}, {"cause", Kind::cause}}},
        {"ConnectionClosing", {{"connection", Kind::number}, {"cause", Kind::cause}, {"how", Kind::how}}},
        {"ConnectionClosed", {{"connection", Kind::number}, {"cause", Kind::cause}}},
        {"PermitWanted", {{"connection", Kind::number}}},
        {"PermitGranted", {}},
        {"PermitRefused", {}},
        {"PermitReturned", {}},
        {"PoolStarted", {}},
        {"PoolPaused", {}},
        {"PoolResumed", {}},
        {"PoolPurged", {{"cause", Kind::cause}}},
        {"PoolStopped", {{"reason", Kind::reason}}},
        {"PoolAborted", {{"cause", Kind::cause}}},
        {"SettingsApplied", {}},
    };
    for (Word& word : all) word.details.push_back({"at", Kind::duration});
    return all;
  }();
  return words;
}

const Detail* Word::detail(std::string_view named) const {
  const auto found =
      std::find_if(details.begin(), details.end(), [&](const Detail& d) { return d.name == named; });
  return found == details.end() ? nullptr : &*found;
}

const Word* find_word(const std::vector<Word>& words, std::string_view name) {
  const auto found = std::find_if(words.begin(), words.end(), [&](const Word& w) { return w.name == name; });
  return found == words.end() ? nullptr : &*found;
}

const Word& event_word(std::string_view name) {
  const Word* const word = find_word(event_words(), name);
  check(word != nullptr, "only events of the vocabulary are recorded");
  return *word;
}

// --- settings -----------------------------------------------------------------------------------------

namespace {

using Member = std::variant<std::uint32_t PoolSettings::*, Duration PoolSettings::*, bool PoolSettings::*,
                            PoolRole PoolSettings::*, Selection PoolSettings::*, Duration RetrySettings::*,
                            double RetrySettings::*>;

// By the names of SPEC and of configurable services.
const std::vector<std::pair<std::string_view, Member>>& setting_table() {
  static const std::vector<std::pair<std::string_view, Member>> table{
      {"role", &PoolSettings::role},
      {"min_connections", &PoolSettings::min_connections},
      {"max_connections", &PoolSettings::max_connections},
      {"max_kept", &PoolSettings::max_kept},
      {"max_connecting", &PoolSettings::max_connecting},
      {"max_waiters", &PoolSettings::max_waiters},
      {"connection_timeout", &PoolSettings::connection_timeout},
      {"reservation_expiry", &PoolSettings::reservation_expiry},
      {"selection", &PoolSettings::selection},
      {"with_permits", &PoolSettings::with_permits},
      {"retry_delay", &RetrySettings::delay},
      {"retry_backoff", &RetrySettings::backoff},
      {"retry_max_delay", &RetrySettings::max_delay},
      {"retry_max_delay_with_waiters", &RetrySettings::max_delay_with_waiters},
      {"retry_jitter", &RetrySettings::jitter},
  };
  return table;
}

template <class T>
std::optional<T> parsed(std::string_view text) {
  if constexpr (std::is_same_v<T, Duration>) return duration_or_never_from(text);
  if constexpr (std::is_same_v<T, bool>) return flag_from(text);
  if constexpr (std::is_same_v<T, double>) return fraction_from(text);
  if constexpr (std::is_enum_v<T>) return value_of<T>(text);
  if constexpr (std::is_same_v<T, std::uint32_t>) {
    const std::optional<std::uint64_t> number = number_from(text);
    if (number && *number <= UINT32_MAX) return static_cast<std::uint32_t>(*number);
  }
  return std::nullopt;
}

template <class T>
std::string allowed_for() {
  if constexpr (std::is_same_v<T, Duration>) return allowed(Kind::duration_or_never);
  if constexpr (std::is_same_v<T, bool>) return allowed(Kind::flag);
  if constexpr (std::is_same_v<T, double>) return "a number, as in 1.6";
  if constexpr (std::is_same_v<T, PoolRole>) return "client, server";
  if constexpr (std::is_same_v<T, Selection>) return "most_recent, least_recent, round_robin";
  return allowed(Kind::number);
}

template <class T>
SettingRead read_into(T& member, std::string_view text) {
  const std::optional<T> value = parsed<T>(text);
  if (value) member = *value;
  return {true, value.has_value(), allowed_for<T>()};
}

SettingRead read_into(PoolSettings& settings, const Member& member, std::string_view text) {
  return std::visit(
      [&]<class Struct, class T>(T Struct::*field) {
        if constexpr (std::is_same_v<Struct, RetrySettings>)
          return read_into(settings.retry.*field, text);
        else
          return read_into(settings.*field, text);
      },
      member);
}

}  // namespace

std::vector<std::string_view> setting_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, member] : setting_table()) names.push_back(name);
  return names;
}

SettingRead set(PoolSettings& settings, std::string_view name, std::string_view text) {
  for (const auto& [known, member] : setting_table()) {
    if (known == name) return read_into(settings, member, text);
  }
  return {};
}

// --- counts -------------------------------------------------------------------------------------------

namespace {

using Count =
    std::variant<std::uint32_t PoolGauges::*, std::uint64_t PoolCounters::*, std::uint32_t PoolCounters::*>;

const std::vector<std::pair<std::string_view, Count>>& count_table() {
  static const std::vector<std::pair<std::string_view, Count>> table{
      {"connecting", &PoolGauges::connecting},
      {"open", &PoolGauges::open},
      {"closing", &PoolGauges::closing},
      {"used", &PoolGauges::used},
      {"waiting", &PoolGauges::waiting},
      {"opened", &PoolCounters::opened},
      {"closed", &PoolCounters::closed},
      {"attempts", &PoolCounters::connect_attempts},
      {"failures", &PoolCounters::connect_failures},
      {"turned_away", &PoolCounters::refused_connections},
      {"gets", &PoolCounters::gets},
      {"frees", &PoolCounters::frees},
      {"waits", &PoolCounters::waits},
      {"timeouts", &PoolCounters::timeouts},
      {"refusals", &PoolCounters::refusals},
      {"peak_used", &PoolCounters::peak_used},
  };
  return table;
}

}  // namespace

std::vector<std::string_view> count_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, member] : count_table()) names.push_back(name);
  return names;
}

std::uint64_t count_of(const Pool& pool, std::string_view name) {
  for (const auto& [known, member] : count_table()) {
    if (known != name) continue;
    return std::visit(
        [&]<class Struct, class T>(T Struct::*field) -> std::uint64_t {
          if constexpr (std::is_same_v<Struct, PoolGauges>)
            return pool.gauges().*field;
          else
            return pool.counters().*field;
        },
        member);
  }
  check(false, "only counts of the vocabulary are asked for");
  return 0;
}

}  // namespace connmgr::scenarios

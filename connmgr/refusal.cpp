#include "connmgr/refusal.h"

#include <algorithm>

#include "connmgr/connection_details.h"

namespace connmgr {
namespace {

constexpr std::size_t kMostNamed = 10;

std::string seconds(Duration d) {
  if (d == kForever) return "never";
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
  std::string text = std::to_string(ms / 1000);
  if (ms % 1000 != 0) text += "." + std::to_string(1000 + ms % 1000).substr(1);
  return text + " s";
}

std::string who(const Holder& holder, const HolderNames& names) {
  if (holder.flow == 0) return "a caller outside flows";
  return "flow '" + names.name(holder.flow) + "' node '" + names.name(holder.node) + "'";
}

std::string limits(const RefusalFacts& facts) {
  const PoolGauges& now = facts.gauges;
  return std::to_string(now.used) + " of " + std::to_string(now.open) + " open connections are used, " +
         std::to_string(now.connecting) + " connecting, " + std::to_string(now.waiting) +
         " requests wait; max_connections is " + std::to_string(facts.settings.max_connections);
}

// What was the matter, and the setting that governs it.
std::string case_text(const RefusalFacts& facts) {
  switch (facts.why) {
    case Errc::pool_exhausted: return ": " + limits(facts);
    case Errc::too_many_waiters: return "; max_waiters is " + std::to_string(facts.settings.max_waiters);
    case Errc::connect_failed:
    case Errc::connect_timeout:
    case Errc::resolve_failed: return "; the peer is tried again by schedule (retry_delay, retry_max_delay)";
    case Errc::manager_paused: return "; an administrator has paused it";
    default: return "";
  }
}

}  // namespace

void add_holders(RefusalFacts& facts, const std::string& manager, const Pool& pool, TimePoint now) {
  for (const ConnectionView& view : pool.connections()) {
    for (const Direction direction : {Direction::input, Direction::output}) {
      const auto i = static_cast<std::size_t>(direction);
      if (view.streams[i] == StreamState::available_free) continue;
      facts.longest.push_back({public_name(manager, view.number, pool.id_of(view.connection)), direction,
                               view.streams[i], view.holders[i], now - view.since[i]});
    }
  }
  facts.holders = facts.longest.size();
  std::stable_sort(facts.longest.begin(), facts.longest.end(),
                   [](const HolderFact& a, const HolderFact& b) { return a.age > b.age; });
  if (facts.longest.size() > kMostNamed) facts.longest.resize(kMostNamed);
}

Failure explain(const RefusalFacts& facts, const std::string& manager, const std::string& address,
                const HolderNames& names) {
  std::string text = manager + " (" + address + "): " + make_error_code(facts.why).message();
  if (facts.waited > Duration::zero()) text += " after " + seconds(facts.waited);
  text += case_text(facts);
  if (facts.patience != Duration::zero()) text += "; connection_timeout is " + seconds(facts.patience);
  if (!facts.last_failure.empty()) text += "; last attempt: " + facts.last_failure;
  if (facts.longest.empty()) return {facts.why, std::move(text)};
  text += "; held by";
  const char* before = " ";
  for (const HolderFact& fact : facts.longest) {
    text += before + who(fact.holder, names) + " (" + fact.connection + " " +
            std::string(to_string(fact.direction)) + " " + std::string(to_string(fact.state)) + " for " +
            seconds(fact.age) + ")";
    before = ", ";
  }
  if (facts.holders > facts.longest.size()) {
    text += " and " + std::to_string(facts.holders - facts.longest.size()) + " more";
  }
  return {facts.why, std::move(text)};
}

}  // namespace connmgr

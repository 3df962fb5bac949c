#include "nodes/failure_log.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace connmgr::nodes {

bool FailureLog::report(TimePoint now, const std::string& node, const Failure& failure) {
  constexpr Duration kSayAgainAfter = std::chrono::seconds(10);
  const auto known = std::find_if(causes_.begin(), causes_.end(), [&](const Cause& cause) {
    return cause.code == failure.code && cause.node == node;
  });
  if (known == causes_.end()) {
    causes_.push_back({node, failure.code, now, 0});
    spdlog::warn("flow '{}', node '{}': {}", flow_, node, failure.text);
    return true;
  }
  if (now - known->said_at < kSayAgainAfter) {
    ++known->since;
    return false;
  }
  known->said_at = now;
  if (known->since == 0) {
    spdlog::warn("flow '{}', node '{}': {}", flow_, node, failure.text);
  } else {
    spdlog::warn("flow '{}', node '{}': {} ({} more of this kind since it was last said)", flow_, node,
                 failure.text, known->since);
  }
  known->since = 0;
  return true;
}

}  // namespace connmgr::nodes

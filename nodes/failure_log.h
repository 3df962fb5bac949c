// Failures that no terminal took, for the log: a cause is said at once, and while it goes on again every
// 10 s with a count (SPEC O6). A cause is a node and an error code. One for each flow and shard.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "connmgr/core/error.h"
#include "connmgr/core/time.h"

namespace connmgr::nodes {

class FailureLog {
 public:
  explicit FailureLog(std::string flow) : flow_(std::move(flow)) {}

  // True: it was said, now. False: counted, and said with the next one after 10 s.
  bool report(TimePoint now, const std::string& node, const Failure& failure);

 private:
  struct Cause {
    std::string node;
    std::error_code code;
    TimePoint said_at{};
    std::uint64_t since = 0;  // that were not said
  };

  std::string flow_;
  std::vector<Cause> causes_;  // as many as nodes times codes: few
};

}  // namespace connmgr::nodes

// The sample flows, by name: what `connmgr-host --flow NAME` runs.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "connmgr/core/error.h"
#include "connmgr/execution_group.h"
#include "nodes/flow.h"

namespace connmgr::nodes::samples {

struct SampleFlow {
  std::string_view name;
  std::string_view what;      // one line, for --help
  std::string_view services;  // that must be there: "server pos, client ledger"
};

std::span<const SampleFlow> sample_flows();

struct SampleOptions {
  unsigned instances = 0;  // 0: as many as the sample likes
};

// Not deployed yet. A failure names the samples that there are.
Result<std::unique_ptr<Flow>> make_sample_flow(ExecutionGroup& group, std::string_view name,
                                               const SampleOptions& options = {});

// One by one.
std::unique_ptr<Flow> make_expenses(ExecutionGroup& group, const SampleOptions& options);
std::unique_ptr<Flow> make_orders(ExecutionGroup& group, const SampleOptions& options);

}  // namespace connmgr::nodes::samples

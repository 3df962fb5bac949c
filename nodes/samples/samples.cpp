#include "nodes/samples/samples.h"

#include <array>
#include <string>

namespace connmgr::nodes::samples {
namespace {

using Make = std::unique_ptr<Flow> (*)(ExecutionGroup&, const SampleOptions&);

constexpr std::array kSamples{
    SampleFlow{"expenses", "takes expense claims line by line, passes each on to the ledger, acknowledges it",
               "server pos, client ledger"},
    SampleFlow{"orders", "asks the order system for each line and gives its answer back to whoever asked",
               "server shop, client orders"},
};
constexpr std::array<Make, kSamples.size()> kMakers{make_expenses, make_orders};

}  // namespace

std::span<const SampleFlow> sample_flows() {
  return kSamples;
}

Result<std::unique_ptr<Flow>> make_sample_flow(ExecutionGroup& group, std::string_view name,
                                               const SampleOptions& options) {
  std::string known;
  for (std::size_t i = 0; i < kSamples.size(); ++i) {
    if (kSamples[i].name == name) return kMakers[i](group, options);
    known += (known.empty() ? "" : ", ") + std::string(kSamples[i].name);
  }
  return Failure(Errc::invalid_configuration,
                 "no sample flow '" + std::string(name) + "'; there are: " + known);
}

}  // namespace connmgr::nodes::samples

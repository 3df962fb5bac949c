#include "nodes/compute_node.h"

#include <exception>
#include <optional>
#include <system_error>

#include "connmgr/core/check.h"
#include "nodes/input_node.h"

namespace connmgr::nodes {
namespace {

// In a catch block: what was thrown, as a failure.
Failure thrown_failure() {
  Failure failure(Errc::exception, "");
  try {
    throw;
  } catch (const std::system_error& error) {
    failure.code = error.code();
    failure.text = error.what();
  } catch (const std::exception& error) {
    failure.text = error.what();
  } catch (...) {
    failure.text = "user code threw something that is no std::exception";
  }
  return failure;
}

}  // namespace

ComputeNode::ComputeNode(std::string name, Settings settings)
    : MidFlowNode(std::move(name)), settings_(std::move(settings)) {
  for (std::size_t i = 0; i < settings_.terminals_.size(); ++i)
    terminals_.push_back(std::make_unique<Terminal>());
}

Terminal& ComputeNode::terminal(int which) {
  check(which >= 0 && static_cast<std::size_t>(which) < terminals_.size(), "a terminal that was not named");
  return *terminals_[static_cast<std::size_t>(which)];
}

void ComputeNode::evaluate(OnShard& here, FlowIterationPtr iteration) {
  Route route = Route::out();
  std::optional<Failure> failure;
  try {
    route = settings_.compute_(iteration->message());
  } catch (...) {
    failure = thrown_failure();
  }
  if (failure) return InputNode::fail(here, name(), std::move(iteration), *std::move(failure));
  if (route.where_ == Route::kDrop) return;
  (route.where_ == Route::kOut ? out : terminal(route.where_)).propagate(here, std::move(iteration));
}

}  // namespace connmgr::nodes

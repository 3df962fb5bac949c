// User code in a flow: changes the message, and may say where it goes.
//
//   flow.add<nodes::ComputeNode>("check", [](nodes::Message& message) { message.set_body("OK\n"); });
//
//   enum { urgent, normal };
//   auto& sort = flow.add<nodes::ComputeNode>("sort", {{"urgent", "normal"}, [](nodes::Message& message) {
//     if (message.body().empty()) return nodes::Route::drop();
//     return nodes::Route::to(message.body().starts_with("!") ? urgent : normal);
//   }});
//   sort.terminal(urgent) >> pager;
//
// It runs on the shard, for several messages at once where the flow has several instances: it must not
// block, and what it shares must be safe for that. What it throws goes the way of a failure.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "nodes/message.h"
#include "nodes/node.h"

namespace connmgr::nodes {

// Where a message goes after user code.
class Route {
 public:
  static constexpr Route out() noexcept { return Route(kOut); }
  static constexpr Route drop() noexcept {
    return Route(kDrop);
  }  // the iteration's way ends, without failure
  static constexpr Route to(int terminal) noexcept { return Route(terminal); }  // counted as they were named

 private:
  friend class ComputeNode;
  static constexpr int kOut = -1;
  static constexpr int kDrop = -2;
  explicit constexpr Route(int where) noexcept : where_(where) {}
  int where_;
};

class ComputeSettings {
 public:
  // A function of a Message&, that gives nothing (then `out` follows) or a Route.
  template <class F, class = std::enable_if_t<std::is_invocable_v<F&, Message&>>>
  ComputeSettings(F compute) : compute_(as_route(std::move(compute))) {}  // NOLINT: a lambda is the settings
  template <class F, class = std::enable_if_t<std::is_invocable_v<F&, Message&>>>
  ComputeSettings(std::initializer_list<std::string> terminals, F compute)
      : compute_(as_route(std::move(compute))), terminals_(terminals) {}

 private:
  friend class ComputeNode;
  using Compute = std::function<Route(Message&)>;

  template <class F>
  static Compute as_route(F compute) {
    if constexpr (std::is_same_v<std::invoke_result_t<F&, Message&>, Route>) {
      return compute;
    } else {
      return [compute = std::move(compute)](Message& message) mutable {
        compute(message);
        return Route::out();
      };
    }
  }

  Compute compute_;
  std::vector<std::string> terminals_;
};

class ComputeNode final : public MidFlowNode {
 public:
  using Settings = ComputeSettings;

  ComputeNode(std::string name, Settings settings);

  // A named terminal, by its place in the list of names.
  Terminal& terminal(int which);

  void evaluate(OnShard& here, FlowIterationPtr iteration) override;

 private:
  Result<void> prepare(ExecutionGroup&) override { return {}; }

  Settings settings_;
  std::vector<std::unique_ptr<Terminal>> terminals_;
};

}  // namespace connmgr::nodes

#include "nodes/node.h"

#include <utility>

#include "nodes/flow.h"

namespace connmgr::nodes {

Holder Node::holder() const noexcept {
  Holder holder;
  holder.flow = flow_->number();
  holder.node = number_;
  return holder;
}

void Terminal::propagate(OnShard& here, FlowIterationPtr iteration) const {
  if (!targets_.empty()) propagate_from(here, std::move(iteration), 0);
}

void Terminal::propagate_from(OnShard& here, FlowIterationPtr iteration, std::size_t first) const {
  if (first + 1 < targets_.size()) iteration->save_branch(*this, first + 1);
  targets_[first]->evaluate(here, std::move(iteration));
}

}  // namespace connmgr::nodes

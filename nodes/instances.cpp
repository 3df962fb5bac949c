#include "nodes/instances.h"

#include <bit>

#include "connmgr/core/check.h"

namespace connmgr::nodes {
namespace {

// After so many places for the own line another shard gets its turn.
constexpr unsigned kInARow = 32;

}  // namespace

Instances::Instances(unsigned places, const std::vector<io::Shard*>& shards)
    : free_(static_cast<std::int64_t>(places)), lines_(shards.size()) {
  check(shards.size() <= 64, "a flow runs on at most 64 shards");
  for (std::size_t i = 0; i < shards.size(); ++i) lines_[i].shard = shards[i];
}

bool Instances::try_take() noexcept {
  std::int64_t free = free_.load();
  while (free > 0) {
    if (free_.compare_exchange_weak(free, free - 1)) return true;
  }
  return false;
}

bool Instances::take(OnShard& here, InLine& who) {
  const std::size_t own = here.shard().index();
  Line& line = lines_[own];
  if (!line.first && try_take()) return true;

  append(line, who);
  waiting_.fetch_or(bit(own));
  // Whoever gave a place back before it could see that bit has made it free: it is for the line's first.
  if (!try_take()) return false;
  if (line.first != &who) {
    serve(here);
    return false;
  }
  remove(line, who);
  return true;
}

bool Instances::leave(OnShard& here, InLine& who) noexcept {
  if (!who.waits_) return false;
  remove(lines_[here.shard().index()], who);
  return true;
}

void Instances::give_back(OnShard& here) {
  if (waiting_.load() != 0) return hand_on(here);
  free_.fetch_add(1);
  if (waiting_.load() != 0 && try_take()) hand_on(here);
}

void Instances::hand_on(OnShard& here) {
  const std::size_t own = here.shard().index();
  const std::uint64_t waiting = waiting_.load();
  const std::uint64_t others = waiting & ~bit(own);
  Line& line = lines_[own];
  if (line.first && (others == 0 || line.served_in_a_row < kInARow)) {
    line.served_in_a_row = others == 0 ? 0 : line.served_in_a_row + 1;
    return serve(here);
  }
  line.served_in_a_row = 0;
  if (others == 0) {
    free_.fetch_add(1);
    if (waiting_.load() != 0 && try_take()) hand_on(here);
    return;
  }
  // The next one after the own, round and round.
  const std::uint64_t rotated = std::rotr(others, static_cast<int>(own) + 1);
  const std::size_t next = (static_cast<std::size_t>(std::countr_zero(rotated)) + own + 1) % 64;
  lines_[next].shard->post([this](OnShard& there) { serve(there); });
}

void Instances::serve(OnShard& here) {
  Line& line = lines_[here.shard().index()];
  InLine* const first = line.first;
  if (!first) return hand_on(here);  // they have left meanwhile
  remove(line, *first);
  here.shard().defer(here, [first](OnShard& same) { first->on_place(same); });
}

void Instances::append(Line& line, InLine& who) noexcept {
  who.waits_ = true;
  who.previous_ = line.last;
  who.next_ = nullptr;
  (line.last ? line.last->next_ : line.first) = &who;
  line.last = &who;
}

void Instances::remove(Line& line, InLine& who) noexcept {
  (who.previous_ ? who.previous_->next_ : line.first) = who.next_;
  (who.next_ ? who.next_->previous_ : line.last) = who.previous_;
  who.waits_ = false;
  if (!line.first) waiting_.fetch_and(~bit(line.shard->index()));
}

}  // namespace connmgr::nodes

#include "connmgr/io/shard.h"

#include <utility>

#include "connmgr/core/check.h"
#include "connmgr/io/network.h"

namespace connmgr::io {
namespace {

thread_local OnShard* t_open_frame = nullptr;

}  // namespace

// --- frames ----------------------------------------------------------------------------------------

Shard::Shard(ShardIndex index, Network& network) : index_(index), loop_(network.make_loop(*this, index)) {}

Shard::~Shard() {
  // What was posted and never ran goes first, while the shard is still whole: its destructors may close
  // sockets, or post again.
  for (;;) {
    std::vector<ShardTask> left;
    {
      std::lock_guard lock(inbox_mutex_);
      left.swap(inbox_);
    }
    if (left.empty()) break;
  }
  run_list_.clear();
  for (Deadline* deadline : deadlines_) {
    deadline->shard_ = nullptr;
    deadline->place_ = Deadline::kNotQueued;
  }
}

OnShard* Shard::current() noexcept {
  return t_open_frame;
}

Shard::Frame::Frame(Shard& shard)
    : here(shard, shard.loop_->now()), outer(std::exchange(t_open_frame, &here)) {
  ++shard.frames_;
}

Shard::Frame::~Frame() {
  t_open_frame = outer;
}

void Shard::finish(OnShard& here) {
  std::size_t flushed = 0;
  while (!run_list_.empty() || flushed < touched_.size()) {
    run_deferred(here);
    flush_touched(here, flushed);
  }
  touched_.clear();
  if (!deadlines_.empty() && deadlines_.front()->queued_for_ < armed_for_) {
    armed_for_ = deadlines_.front()->queued_for_;
    loop_->arm(armed_for_);
  }
}

void Shard::run_deferred(OnShard& here) {
  while (!run_list_.empty()) {
    running_.swap(run_list_);
    for (ShardTask& task : running_) std::exchange(task, nullptr)(here);
    running_.clear();
  }
}

// Only what is touched by now: what a flush brings about may defer tasks, whose output should leave with it.
void Shard::flush_touched(OnShard& here, std::size_t& next) {
  for (const std::size_t end = touched_.size(); next < end; ++next) {
    Flushable* what = touched_[next];
    if (!what) continue;
    what->place_ = Flushable::kUntouched;
    what->flush(here);
  }
}

void Shard::defer(OnShard& here, ShardTask task) {
  check(&here.shard() == this, "defer on another shard");
  run_list_.push_back(std::move(task));
}

void Shard::touch(OnShard& here, Flushable& what) {
  check(&here.shard() == this, "touch on another shard");
  if (what.place_ != Flushable::kUntouched) return;
  what.place_ = touched_.size();
  touched_.push_back(&what);
}

void Shard::forget(Flushable& what) noexcept {
  if (what.place_ == Flushable::kUntouched) return;
  touched_[what.place_] = nullptr;
  what.place_ = Flushable::kUntouched;
}

// --- inbox -----------------------------------------------------------------------------------------

void Shard::post(ShardTask task) {
  {
    std::lock_guard lock(inbox_mutex_);
    inbox_.push_back(std::move(task));
    if (std::exchange(woken_, true)) return;
  }
  loop_->wake();
}

void Shard::post_without_wake(ShardTask task) {
  std::lock_guard lock(inbox_mutex_);
  inbox_.push_back(std::move(task));
}

void Shard::wake() {
  {
    std::lock_guard lock(inbox_mutex_);
    if (inbox_.empty() || std::exchange(woken_, true)) return;
  }
  loop_->wake();
}

void Shard::on_wake() {
  enter([this](OnShard& here) {
    {
      std::lock_guard lock(inbox_mutex_);
      woken_ = false;
      from_inbox_.swap(inbox_);
    }
    for (ShardTask& task : from_inbox_) std::exchange(task, nullptr)(here);
    from_inbox_.clear();
  });
}

// --- deadlines -------------------------------------------------------------------------------------

Deadline::~Deadline() {
  if (!shard_) return;
  if (shard_->firing_ == this) shard_->firing_ = nullptr;
  shard_->unqueue(*this);
}

void Deadline::set(OnShard& here, TimePoint when) {
  when_ = when;
  if (when == kNever) return;
  if (place_ != kNotQueued && queued_for_ <= when) return;  // the shard looks again at queued_for_
  check(!shard_ || shard_ == &here.shard(), "a deadline stays on its shard");
  shard_ = &here.shard();
  queued_for_ = when;
  shard_->queue(*this);
}

void Shard::on_timer() {
  enter([this](OnShard& here) {
    armed_for_ = kNever;
    // A task may set its deadline to a time that has come already: that one waits for the next turn, so
    // that nobody keeps the shard for himself.
    for (std::size_t turns = deadlines_.size(); turns > 0 && !deadlines_.empty(); --turns) {
      Deadline& first = *deadlines_.front();
      if (first.queued_for_ > here.now()) break;
      if (first.when_ > here.now() && first.when_ != kNever) {  // it was moved
        first.queued_for_ = first.when_;
        sift_down(0);
        continue;
      }
      unqueue(first);
      if (first.when_ != kNever) fire(here, first);
    }
  });
}

void Shard::fire(OnShard& here, Deadline& deadline) {
  deadline.when_ = kNever;
  if (!deadline.on_time_) return;
  // The task runs from here, because it may destroy its deadline, or give it another task.
  ShardTask task = std::move(deadline.on_time_);
  firing_ = &deadline;
  task(here);
  if (firing_ && !deadline.on_time_) deadline.on_time_ = std::move(task);
  firing_ = nullptr;
}

void Shard::queue(Deadline& deadline) {
  if (deadline.place_ == Deadline::kNotQueued) {
    deadline.place_ = deadlines_.size();
    deadlines_.push_back(&deadline);
  }
  sift_up(deadline.place_);
}

void Shard::unqueue(Deadline& deadline) noexcept {
  const std::size_t place = std::exchange(deadline.place_, Deadline::kNotQueued);
  if (place == Deadline::kNotQueued) return;
  Deadline* last = deadlines_.back();
  deadlines_.pop_back();
  if (last == &deadline) return;
  put(place, last);
  sift_up(place);
  sift_down(last->place_);
}

void Shard::put(std::size_t place, Deadline* deadline) noexcept {
  deadlines_[place] = deadline;
  deadline->place_ = place;
}

void Shard::sift_up(std::size_t place) noexcept {
  Deadline* moving = deadlines_[place];
  while (place > 0) {
    const std::size_t parent = (place - 1) / 2;
    if (deadlines_[parent]->queued_for_ <= moving->queued_for_) break;
    put(place, deadlines_[parent]);
    place = parent;
  }
  put(place, moving);
}

void Shard::sift_down(std::size_t place) noexcept {
  Deadline* moving = deadlines_[place];
  for (;;) {
    std::size_t child = 2 * place + 1;
    if (child >= deadlines_.size()) break;
    if (child + 1 < deadlines_.size() &&
        deadlines_[child + 1]->queued_for_ < deadlines_[child]->queued_for_) {
      ++child;
    }
    if (moving->queued_for_ <= deadlines_[child]->queued_for_) break;
    put(place, deadlines_[child]);
    place = child;
  }
  put(place, moving);
}

}  // namespace connmgr::io

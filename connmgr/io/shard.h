// One I/O thread and everything pinned to it. A connection lives on one shard for its whole life, so
// nothing on a shard needs a lock (DESIGN 2.4).
//
// A function that takes `OnShard&` runs on the shard that owns the data; without it, any thread may call.
// Only a shard can make one.
//
// Everything runs to completion inside a *frame*: the loop enters the shard (bytes arrived, a timer, the
// inbox), the outermost frame then empties the run list and flushes what was touched, until both are
// empty. So actions are never nested, and the writes of one wake-up leave in one go (DESIGN 3.1, 3.4).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "connmgr/core/ids.h"
#include "connmgr/core/time.h"
#include "connmgr/core/unique_function.h"
#include "connmgr/io/event_loop.h"

namespace connmgr::io {

class Shard;
class Network;

// Proof of being on a shard's thread, inside a frame. Passed down by reference, never stored.
class OnShard {
 public:
  OnShard(const OnShard&) = delete;
  OnShard& operator=(const OnShard&) = delete;

  Shard& shard() const noexcept { return shard_; }
  TimePoint now() const noexcept { return now_; }  // read once per frame

 private:
  friend class Shard;
  OnShard(Shard& shard, TimePoint now) noexcept : shard_(shard), now_(now) {}

  Shard& shard_;
  TimePoint now_;
};

using ShardTask = UniqueFunction<void(OnShard&)>;

// Something whose output is sent at the end of the frame, once, however often it was touched.
class Flushable {
 public:
  virtual void flush(OnShard& here) = 0;

 protected:
  Flushable() = default;
  virtual ~Flushable() = default;

 private:
  friend class Shard;
  static constexpr std::size_t kUntouched = ~std::size_t{0};
  std::size_t place_ = kUntouched;  // in the shard's flush list
};

// A deadline that can be moved: setting it later costs a store, because the shard looks again when the
// old time comes (one timer a shard, DESIGN 2.9). Owned by its user, on the user's shard; destroying it
// disarms it, also from inside its own task.
class Deadline {
 public:
  Deadline() = default;
  explicit Deadline(ShardTask on_time) noexcept : on_time_(std::move(on_time)) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline();

  void set_task(ShardTask on_time) { on_time_ = std::move(on_time); }
  void set(OnShard& here, TimePoint when);  // kNever: clear. At `when` or later the task runs, once
  void clear() noexcept { when_ = kNever; }
  TimePoint when() const noexcept { return when_; }

 private:
  friend class Shard;
  static constexpr std::size_t kNotQueued = ~std::size_t{0};

  ShardTask on_time_;
  TimePoint when_ = kNever;        // what the user wants
  TimePoint queued_for_ = kNever;  // where it lies in the shard's heap: never later than when_
  std::size_t place_ = kNotQueued;
  Shard* shard_ = nullptr;
};

class Shard final : private EventLoopClient {
 public:
  Shard(ShardIndex index, Network& network);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  ShardIndex index() const noexcept { return index_; }
  EventLoop& loop() noexcept { return *loop_; }
  TimePoint now() const { return loop_->now(); }  // any thread
  std::uint64_t frames() const noexcept { return frames_; }

  // Any thread: `task` runs on the shard, in order of posting.
  void post(ShardTask task);
  // Any thread: as post, but without waking the loop; wake() later, outside the caller's lock (DESIGN 3.1).
  void post_without_wake(ShardTask task);
  void wake();

  // On the shard: `task` runs after the current one, before the frame ends.
  void defer(OnShard& here, ShardTask task);
  // On the shard: flush() is called once before the frame ends.
  void touch(OnShard& here, Flushable& what);
  // `what` goes away before its flush.
  void forget(Flushable& what) noexcept;

  // For the loop's callbacks (a socket has bytes): enters a frame, or joins the one that is open.
  template <class F>
  void enter(F&& f) {
    if (OnShard* open = current(); open && &open->shard() == this) return f(*open);
    Frame frame(*this);
    f(frame.here);
    finish(frame.here);
  }

  // The frame this thread is in, or nothing: for destructors, which cannot be given one.
  static OnShard* current() noexcept;

 private:
  friend class Deadline;
  struct Frame {
    explicit Frame(Shard& shard);
    ~Frame();
    OnShard here;
    OnShard* outer;
  };

  void on_wake() override;
  void on_timer() override;
  void finish(OnShard& here);  // run list and flushes, until both are empty; then the timer
  void run_deferred(OnShard& here);
  void flush_touched(OnShard& here, std::size_t& next);
  void fire(OnShard& here, Deadline& deadline);

  void queue(Deadline& deadline);
  void unqueue(Deadline& deadline) noexcept;
  void sift_up(std::size_t place) noexcept;
  void sift_down(std::size_t place) noexcept;
  void put(std::size_t place, Deadline* deadline) noexcept;

  ShardIndex index_;
  std::unique_ptr<EventLoop> loop_;  // outlives everything below: tasks may own sockets
  std::vector<ShardTask> run_list_;
  std::vector<ShardTask> running_;
  std::vector<Flushable*> touched_;   // in order of touching; nothing in place of one that went away
  std::vector<Deadline*> deadlines_;  // binary heap by queued_for_
  Deadline* firing_ = nullptr;        // its task runs; nothing again when the task destroys it
  TimePoint armed_for_ = kNever;
  std::uint64_t frames_ = 0;

  std::mutex inbox_mutex_;  // a leaf: nothing is called under it
  std::vector<ShardTask> inbox_;
  std::vector<ShardTask> from_inbox_;
  bool woken_ = false;
};

}  // namespace connmgr::io

// How many messages a flow works on at once (SPEC N7), and who waits for one of these places.
//
// Free places are one atomic number. When there is none, a session with a whole record joins the line of
// its shard; lines are served in order. A place that comes back goes straight to somebody in line, so a
// newcomer never overtakes; shards take turns, with a preference for the own one, because handing a place
// to another shard wakes its thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "connmgr/io/shard.h"

namespace connmgr::nodes {

using io::OnShard;

// Whoever waits for a place. On its shard.
class InLine {
 public:
  virtual ~InLine() = default;
  virtual void on_place(OnShard& here) = 0;  // it has the place now; from the run list, never nested

 private:
  friend class Instances;
  InLine* next_ = nullptr;
  InLine* previous_ = nullptr;
  bool waits_ = false;
};

class Instances {
 public:
  Instances(unsigned places, const std::vector<io::Shard*>& shards);

  // True: the caller has a place. False: it waits in line; on_place() follows unless it leaves.
  bool take(OnShard& here, InLine& who);
  // True: it waits no longer. False: it was not in line, or its place is on the way: on_place() follows.
  bool leave(OnShard& here, InLine& who) noexcept;
  void give_back(OnShard& here);
  unsigned free() const noexcept { return static_cast<unsigned>(free_.load()); }

 private:
  struct Line {
    io::Shard* shard = nullptr;
    InLine* first = nullptr;
    InLine* last = nullptr;
    unsigned served_in_a_row = 0;  // of the own line, while others waited
  };

  bool try_take() noexcept;
  void append(Line& line, InLine& who) noexcept;
  void remove(Line& line, InLine& who) noexcept;
  void hand_on(OnShard& here);  // one place, to whoever waits, or back to the free ones
  void serve(OnShard& here);    // one place, to the first of this shard's line

  static constexpr std::uint64_t bit(std::size_t shard) { return std::uint64_t{1} << shard; }

  std::atomic<std::int64_t> free_;
  std::atomic<std::uint64_t> waiting_{0};  // a bit for each shard; set and cleared by that shard alone
  std::vector<Line> lines_;
};

}  // namespace connmgr::nodes

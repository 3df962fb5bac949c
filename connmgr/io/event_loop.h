// The seam to time and threads: what one shard needs from the world below it. AsioLoop runs on a thread
// and the machine's clock; the loop of a SimNetwork runs when the seed says so, in made-up time.
#pragma once

#include "connmgr/core/time.h"

namespace connmgr::io {

// What the loop calls, always on the shard's own thread, never nested.
class EventLoopClient {
 public:
  virtual void on_wake() = 0;   // after wake(): one call may answer several wakes
  virtual void on_timer() = 0;  // the armed time has come

 protected:
  ~EventLoopClient() = default;
};

class EventLoop {
 public:
  virtual ~EventLoop() = default;

  virtual TimePoint now() const = 0;     // any thread
  virtual void wake() = 0;               // any thread; on_wake() follows soon
  virtual void arm(TimePoint when) = 0;  // on the shard: one on_timer() at or after `when`; kNever: none
  // Real loops: serves events on the calling thread until stop(). A simulated loop is driven by its
  // network and returns at once.
  virtual void run() = 0;
  virtual void stop() = 0;  // any thread; before run(), that returns at once
};

}  // namespace connmgr::io

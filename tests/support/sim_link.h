// One connection of the simulated world: two sockets and the way between them, with the semantics of TCP
// as Linux has it (each of these was tried on real sockets):
//  * order is kept; FIN comes after the data; a half-closed connection goes on the other way;
//  * a write takes what the send buffer has room for; what the peer's receive buffer has no room for waits;
//  * the first write after the peer closed succeeds and is answered by a reset;
//  * closing with unread input, or getting data after closing, sends a reset, and what the closing side had
//    written and not yet sent is destroyed;
//  * after a reset the bytes that had arrived stay readable; then, once, ECONNRESET (EPIPE when a FIN came
//    before: then reading just ends); then reading ends cleanly and writing gives EPIPE. The error is told
//    once, to whoever asks first: after a write has got it, reading looks like a clean end.
// Sockets know nothing of shards: SimChannel and SimPeer are built on them.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "connmgr/io/network.h"
#include "tests/support/sim_profile.h"
#include "tests/support/sim_schedule.h"

namespace connmgr::testing {

enum class SimSide : std::uint8_t { client, server };
constexpr SimSide other(SimSide side) {
  return side == SimSide::client ? SimSide::server : SimSide::client;
}

class SimSocketUser {
 public:
  // readable() or writable() may have become true. From an event of the world, never from inside a call.
  virtual void on_socket_change() = 0;

 protected:
  ~SimSocketUser() = default;
};

// Bytes in order: appended at the back, taken from the front, both cheap.
class SimBytes {
 public:
  std::size_t size() const noexcept { return bytes_.size() - taken_; }
  bool empty() const noexcept { return size() == 0; }
  void append(std::string_view more) { bytes_.append(more); }
  std::string take(std::size_t most);
  std::string_view view() const noexcept { return std::string_view(bytes_).substr(taken_); }
  void drop(std::size_t count);
  void clear() noexcept { bytes_.clear(), taken_ = 0; }

 private:
  std::string bytes_;
  std::size_t taken_ = 0;
};

// What each end brings along: SocketOptions that matter here, and its name.
struct SimEndSettings {
  io::Endpoint endpoint;
  std::size_t send_buffer = 0;  // 0: the profile's
  std::size_t receive_buffer = 0;
  io::Keepalive keepalive{.on = false};
  Duration user_timeout{0};
};
SimEndSettings end_settings(io::Endpoint endpoint, const io::SocketOptions& options);

class SimLink : public std::enable_shared_from_this<SimLink> {
 public:
  SimLink(SimSchedule& schedule, std::uint32_t number, SimProfile profile, SimEndSettings client,
          SimEndSettings server);

  void start();  // once made: faults that come before the first byte

  std::uint32_t number() const noexcept { return number_; }
  SimProfile& profile() noexcept { return profile_; }  // may be changed at any time
  const io::Endpoint& endpoint(SimSide side) const { return end(side).settings.endpoint; }
  std::size_t delivered(SimSide to) const { return end(other(to)).arrived; }  // bytes, so far

  // Faults from outside, now.
  void reset();    // both ends get a reset
  void silence();  // nothing arrives any more; keepalive and user timeout of the ends find out
  void heal();     // what was held up arrives after all
  bool silent() const noexcept { return silent_; }

 private:
  friend class SimSocket;
  struct Segment {
    enum class Kind : std::uint8_t { bytes, fin, reset } kind;
    std::string bytes;
  };
  // One socket, and the direction that starts at it.
  struct End {
    SimEndSettings settings;
    SimSocketUser* user = nullptr;
    SimBytes queue;  // accepted, not yet under way
    std::deque<Segment> under_way;
    std::size_t bytes_under_way = 0;
    TimePoint last_arrival{};
    std::size_t written = 0, sent = 0, arrived = 0;  // bytes, so far
    bool output_ended = false, fin_sent = false, swallowed = false;
    SimBytes unread;
    bool fin_arrived = false;
    bool dead = false;  // by a reset or a timeout: nothing comes or goes any more
    bool closed = false;
    std::error_code error;  // told once
    SimEvent death;         // keepalive or user timeout, while the link is silent
  };

  End& end(SimSide side) { return ends_[static_cast<std::size_t>(side)]; }
  const End& end(SimSide side) const { return ends_[static_cast<std::size_t>(side)]; }
  const SimFaults& faults(SimSide from) const {
    return from == SimSide::client ? profile_.to_server : profile_.to_client;
  }
  std::size_t send_room(SimSide side) const;
  std::size_t window(SimSide to) const;
  std::size_t segment_size(SimSide from);
  void pump(SimSide from);
  void put_under_way(SimSide from, Segment segment);
  void schedule_arrival(SimSide from);
  void arrive(SimSide from);
  void bytes_arrive(SimSide from, std::string bytes);
  void apply_faults(SimSide from);
  void send_reset(SimSide from);
  void take_reset(SimSide side);
  void die(SimSide side, std::error_code error);
  void watch_for_death(SimSide side);
  void changed(SimSide side);
  void note(SimSide side, const char* what, std::size_t amount = 0) const;

  SimSchedule& schedule_;
  const std::uint32_t number_;
  SimProfile profile_;
  bool silent_ = false;
  std::array<End, 2> ends_;
};

// One end, as its process holds it: a descriptor. Destroying it closes it.
class SimSocket {
 public:
  SimSocket() = default;
  SimSocket(std::shared_ptr<SimLink> link, SimSide side) : link_(std::move(link)), side_(side) {}
  SimSocket(SimSocket&&) = default;
  SimSocket& operator=(SimSocket&& other) noexcept;
  ~SimSocket() { close(); }

  explicit operator bool() const noexcept { return link_ != nullptr; }
  const std::shared_ptr<SimLink>& link() const noexcept { return link_; }
  SimSide side() const noexcept { return side_; }
  void set_user(SimSocketUser* user);

  bool readable() const;
  bool writable() const;  // a third of the send buffer is free, or writing would fail
  std::size_t unread() const;
  std::size_t unsent() const;                  // accepted, not yet in the peer's receive buffer
  io::ReadOutcome read(std::span<char> into);  // neither bytes nor end: would block
  io::WriteOutcome write(std::span<const std::string_view> pieces);
  void shutdown_output();
  void close();
  void abort();
  void vanish();  // the process, and its host, are gone without a word
  void note(const char* what, std::size_t amount = 0) const { link_->note(side_, what, amount); }

 private:
  std::shared_ptr<SimLink> link_;
  SimSide side_ = SimSide::client;
};

}  // namespace connmgr::testing

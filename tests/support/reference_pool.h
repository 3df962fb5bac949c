// A pool that is slow and obviously right: plain vectors, each question answered by looking at everything.
// It gives connections, requests and reservations numbers in the order in which they come to be, as the real
// one does, so that the two can be compared step by step.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "connmgr/core/pool.h"

namespace connmgr::test {

// An answer or an action, in numbers; what does not belong to its kind stays 0.
struct Said {
  enum class Kind : std::uint8_t {
    granted,
    refused,
    waiting,  // answers
    grant,
    refuse,
    offer,
    want_permit,
    return_permit,
    open,
    abandon,
    close,
    abort  // actions
  };
  Kind kind = Kind::waiting;
  std::uint64_t request = 0;
  std::uint32_t subscription = 0;
  std::uint64_t connection = 0;
  int direction = 0;
  int shard = 0;
  std::uint32_t reservation = 0;
  int refusal = 0;
  int cause = 0;

  friend auto operator<=>(const Said&, const Said&) = default;
  std::string text() const;
};

class ReferencePool {
 public:
  ReferencePool(const PoolSettings& settings, std::uint32_t shards);

  // An Ask, with the connection by its number (0: none, or one that is unknown: `known` tells).
  struct Wish {
    Ask ask;
    std::uint64_t connection = 0;
    bool known = true;
  };

  void start(TimePoint now);
  void pause();
  void resume(TimePoint now);
  void stop(Errc why, CloseCause cause, TimePoint now);
  void abort_all(CloseCause cause, TimePoint now);
  void apply(const PoolSettings& settings, TimePoint now);
  void retire_all(CloseCause cause, TimePoint now);
  Said acquire(const Wish& wish, TimePoint now);
  bool cancel(std::uint64_t request, TimePoint now);
  std::pair<std::uint32_t, std::uint32_t> give_back(std::uint64_t connection, Direction direction,
                                                    const Return& how, TimePoint now);
  std::uint32_t modify(std::uint64_t connection, Direction direction, StreamChange change, TimePoint now);
  void release(std::uint64_t connection, Direction direction, std::uint32_t number, TimePoint now);
  std::uint32_t subscribe(TimePoint now);
  void unsubscribe(std::uint32_t subscription);
  void permit_granted(TimePoint now);
  void permit_refused(TimePoint now);
  void opened(std::uint64_t connection, TimePoint now);
  void open_failed(std::uint64_t connection, Errc why, TimePoint now);
  std::uint64_t admit(ShardIndex shard, TimePoint now);  // 0: turned away
  void data_arrived(std::uint64_t connection, TimePoint now);
  void input_ended(std::uint64_t connection, bool unread, TimePoint now);
  void broken(std::uint64_t connection, CloseCause cause, TimePoint now);
  void close(std::uint64_t connection, CloseCause cause, TimePoint now);
  void closed(std::uint64_t connection, TimePoint now);
  void on_time(TimePoint now);
  TimePoint next_deadline(TimePoint now) const;

  std::vector<Said> take_said();
  PoolGauges gauges() const;

 private:
  enum Shelf { kInput, kOutput, kBoth, kUnread, kUnreadBoth };
  static constexpr int kShelves = 5;
  struct Stream {
    bool in_use = false;
    std::uint32_t reservation = 0;
    TimePoint since{};
  };
  struct Connection {
    std::uint64_t number = 0;
    ConnectionState state = ConnectionState::connecting;
    int shard = 0;
    Stream streams[2];
    bool unread = false, ended = false, retiring = false, opened = false, carried = false, forced = false;
    bool permit = false;
    CloseCause cause = CloseCause::peer;
    std::uint32_t reservations = 0;
    TimePoint opened_at{}, arrived_at{};
    bool on[kShelves] = {};
    std::uint64_t entered[kShelves] = {};  // counts up: when it last came onto the shelf
  };
  struct Request {
    std::uint64_t number = 0;
    Wish wish;
    TimePoint since{};
  };

  Connection* find(std::uint64_t number);
  bool entitled(const Connection& c, int shelf) const;
  void put_on_shelves(TimePoint now);
  bool any_on(int shelf) const;
  int shelf_for(const Ask& ask) const;
  bool reachable(const Connection& c) const;
  Connection* choose(const Wish& wish);
  Said take(Connection& c, const Ask& ask, TimePoint now);
  std::uint32_t change(Connection& c, Direction direction, StreamChange how, TimePoint now);
  Connection& create(ConnectionState state, int shard, TimePoint now);
  void abandon(Connection& c, CloseCause cause);
  void end(Connection& c, CloseCause cause, bool by_force, TimePoint now);
  void remove_gone();
  bool may_close(const Connection& c) const;
  bool over_maximum() const;
  void came_back(Connection& c, TimePoint now);
  void returned(std::uint64_t number, TimePoint now);
  void settle(TimePoint now);
  void close_what_may(TimePoint now);
  void serve(TimePoint now);
  void offer(TimePoint now);
  void open_what_is_wanted(TimePoint now);
  bool wants_another() const;
  TimePoint earliest_attempt() const;
  void failed(int which, TimePoint now);
  TimePoint deadline(const Request& r) const;
  Errc why_nothing(const Wish& wish) const;
  TimePoint expiry(const Connection& c, TimePoint now) const;
  void expire(TimePoint now);
  void refuse(std::uint64_t request, Errc why);
  void say(Said said) { said_.push_back(said); }
  std::uint32_t count(ConnectionState state) const;
  std::uint32_t attempts() const;

  PoolSettings settings_;
  std::uint32_t shards_;
  PoolState state_ = PoolState::running;
  Errc stop_error_{};
  CloseCause stop_cause_{};
  std::vector<Connection> connections_;
  std::vector<Request> requests_;  // in order of arrival
  std::vector<std::uint32_t> subscribers_;
  std::size_t next_subscriber_ = 0;
  std::uint32_t subscriptions_ = 0;
  std::uint64_t made_ = 0, waited_ = 0, stamps_ = 0;
  int next_shard_ = 0;
  TimePoint there_since_[2] = {};
  bool there_[2] = {};
  struct Retry {
    int failures = 0;
    double delay = 0;
    TimePoint next = TimePoint::min(), next_with_waiters = TimePoint::min();
  } retry_[2];  // of attempts, of permits
  bool peer_down_ = false;
  Errc last_error_{};
  std::vector<std::pair<std::uint64_t, TimePoint>> expired_;
  std::vector<Said> said_;
};

}  // namespace connmgr::test

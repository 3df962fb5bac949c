// All connections of one manager, their streams, reservations and waiters: a pure value.
//
// A pool has no socket, thread, clock or log. What happens in the world enters as a function call with the
// time; the pool changes itself and lists actions; the shell around it (PoolDriver) carries them out in
// order and calls on_time() when next_deadline() has come. Because it is a value it can be copied,
// compared and replayed: tests explore every order of events.
//
// Not thread-safe: its manager's one mutex is around it. take and give_back neither allocate, lock nor
// call virtually; everything else is O(log n) at most.
//
// Streams: SPEC S1 to S8. Limits and waiting: L1 to L3. Opening: G6, G7, C2.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "connmgr/core/close_cause.h"
#include "connmgr/core/connection_state.h"
#include "connmgr/core/deadline_heap.h"
#include "connmgr/core/demand.h"
#include "connmgr/core/error.h"
#include "connmgr/core/expired_ids.h"
#include "connmgr/core/ids.h"
#include "connmgr/core/index_list.h"
#include "connmgr/core/limits.h"
#include "connmgr/core/permit_needs.h"
#include "connmgr/core/retry_schedule.h"
#include "connmgr/core/stream.h"
#include "connmgr/core/time.h"

namespace connmgr {

// Who uses or has reserved a stream. Carried, compared and shown; never interpreted by the pool.
struct Holder {
  std::uint32_t flow = 0;  // numbers given by the execution group; 0: no flow (a plain caller)
  std::uint32_t node = 0;
  std::uint64_t iteration = 0;
  const void* call_site = nullptr;

  friend bool operator==(const Holder&, const Holder&) = default;
};

// A request for one stream, or for both of one connection in one step.
struct Ask {
  Direction direction = Direction::output;
  ConnectionId id;  // empty: any available stream; else that connection's (S3)
  // reserve or reserve_until_flow_end: the request waits until both streams are free to it, takes its
  // own and reserves the other in the same step (S4). Other values do nothing here.
  StreamChange other_stream = StreamChange::leave_unchanged;
  bool with_data = false;            // input without id: only a stream that has something to read (N3)
  Duration data_timeout = kForever;  // with_data: how long to wait once a stream is there, but silent
  std::optional<Duration> connection_timeout;  // instead of the setting
  // By id: a stream that another flow, or another iteration, has reserved is refused with stream_busy. For
  // requests that found their connection by having used it before (N10), not by being given its id.
  bool unless_reserved_by_others = false;
  bool may_open = true;  // false: never opens a connection for this request (Input nodes, G7)
  ShardIndex shard = 0;  // of who asks: its own connections are preferred (S1)
  Holder holder;
};

// Names one reservation, so that undoing it cannot hit a later one of somebody else.
struct Reservation {
  ConnectionRef connection;
  Direction direction = Direction::input;
  std::uint32_t number = 0;

  explicit operator bool() const noexcept { return number != 0; }
  friend bool operator==(const Reservation&, const Reservation&) = default;
};

struct Grant {
  ConnectionRef connection;
  ConnectionId id;
  Direction direction = Direction::output;
  ShardIndex shard = 0;           // who owns the connection: its I/O runs there
  Reservation other_reservation;  // set when this request reserved the other stream
};

// What acquire() says at once.
struct Answer {
  enum class Kind : std::uint8_t { granted, refused, waiting };
  Kind kind = Kind::refused;
  Grant grant;    // granted
  Ticket ticket;  // waiting: a grant or refuse action with this ticket follows, exactly one
  Errc refusal = Errc::pool_exhausted;  // refused
};

// What the shell has to do, in this order.
struct Action {
  enum class Kind : std::uint8_t {
    grant,          // `ticket` is served: `grant`
    refuse,         // `ticket` ends without: `refusal`
    offer,          // `grant` (an input stream, in use now) goes to the Input node behind `subscription`
    want_permit,    // ask the budget for one connection: permit_granted or permit_refused follows
    return_permit,  // one connection of the budget is free again
    open,           // connect on `grant.shard`: opened or open_failed follows
    abandon,        // end the attempt to connect: closed follows
    close,          // end the connection in an orderly way: closed follows
    abort,          // end it at once: closed follows
  };
  Kind kind = Kind::grant;
  Ticket ticket;
  SubscriptionId subscription;
  Grant grant;  // open, close, abort, abandon: connection and shard only
  Errc refusal = Errc::pool_exhausted;
  CloseCause cause = CloseCause::peer;
  TimePoint waited_since{};  // grant, refuse
};

// What a user says when its use of a stream ends (S4).
struct Return {
  StreamChange own = StreamChange::leave_unchanged;
  StreamChange other = StreamChange::leave_unchanged;
  bool unread = false;  // input: bytes are left that nobody has read
};

// The reservations that a return or a change has made; empty ones where none was.
struct Reserved {
  Reservation own;
  Reservation other;
};

enum class PoolState : std::uint8_t { running, paused, stopping };

// Exact at all times: part of the value, though equality of states leaves them out.
struct PoolCounters {
  // opened = closed + those in use now: open, or closing after they were open.
  std::uint64_t opened = 0;  // connections that became usable, accepted ones included
  std::uint64_t closed = 0;  // of those: the descriptor is gone
  std::array<std::uint64_t, kCloseCauses> closed_by_cause{};
  std::uint64_t connect_attempts = 0;
  std::uint64_t connect_failures = 0;
  std::uint64_t refused_connections = 0;  // server: accepted and reset over the maximum (L9)
  std::uint64_t gets = 0;                 // streams handed out
  std::uint64_t frees = 0;                // and given back
  std::uint64_t waits = 0;                // requests that had to wait
  std::uint64_t timeouts = 0;
  std::uint64_t refusals = 0;   // requests that ended without a stream, timeouts included
  std::uint32_t peak_used = 0;  // most connections with a stream in use or reserved, at once
};

// How many there are now. `open` includes held and retiring ones; counted() is what L1 limits.
struct PoolGauges {
  std::uint32_t connecting = 0;  // wants_permit included
  std::uint32_t open = 0;
  std::uint32_t closing = 0;
  std::uint32_t used = 0;  // open, with a stream in use or reserved
  std::uint32_t waiting = 0;

  std::uint32_t counted() const noexcept { return connecting + open + closing; }
};

// One connection as administration and error texts show it.
struct ConnectionView {
  ConnectionRef connection;
  std::uint64_t number = 0;  // counts up from 1 in each pool: the connection's public number
  ConnectionState state = ConnectionState::connecting;
  ShardIndex shard = 0;
  std::array<StreamState, 2> streams{};  // by Direction
  std::array<Holder, 2> holders{};
  std::array<TimePoint, 2> since{};  // taken or reserved at
  TimePoint opened_at{};
  bool input_ended = false;
  bool retiring = false;
};

// What a request for the id of a connection that ended for this cause is told.
Errc errc_of_end(CloseCause cause) noexcept;

class Pool {
 public:
  // `shards`: connections are spread over this many. `key` makes ids that cannot be guessed; `seed` the
  // jitter of retries.
  Pool(const PoolSettings& settings, std::uint32_t shards, IdKey key, std::uint64_t seed = 1);

  // --- life of the pool -------------------------------------------------------------------------
  void start(TimePoint now);  // fills up to the minimum
  void pause();               // no hand-out, no connection opened or admitted; requests wait
  void resume(TimePoint now);
  // Every waiter is refused with `why`, unused connections close, used ones when they come back. After
  // it the pool only empties: idle() says when nothing is left.
  void stop(Errc why, CloseCause cause, TimePoint now);
  void abort_all(CloseCause cause, TimePoint now);  // after stop: what is still open ends by force
  bool idle() const noexcept;  // no connection, not even an ended one that somebody holds
  // New settings, at once and for waiters too (V7): a longer connection_timeout counts what they have
  // waited; a raised maximum serves them; a lowered one retires connections as they come back.
  void apply(const PoolSettings& settings, TimePoint now);
  // Every connection of now, connecting ones included, closes: unused ones at once, others as they come
  // back. What is opened later is not touched (T4, V7 `reconnect`).
  void retire_all(CloseCause cause, TimePoint now);

  // --- requests ---------------------------------------------------------------------------------
  Answer acquire(const Ask& ask, TimePoint now);
  // True: the request left the queue and nothing will follow. False: it has been served or refused
  // already, and that action stands.
  bool cancel(Ticket ticket, TimePoint now);
  // The user's use ends. Every grant and offer is ended by exactly one give_back, also when the
  // connection has died meanwhile.
  Reserved give_back(ConnectionRef connection, Direction direction, const Return& how, TimePoint now);
  // Changes a reservation without using the stream: any node may (S4).
  Reservation modify(ConnectionRef connection, Direction direction, StreamChange change, TimePoint now);
  // End of flow iteration, or a node whose own I/O failed: does nothing when this reservation is over.
  void release(const Reservation& reservation, TimePoint now);
  // The connection behind an id; nothing when it has ended or the secret is wrong.
  std::optional<ConnectionRef> find(const ConnectionId& id) const noexcept;

  // --- Input nodes ------------------------------------------------------------------------------
  // Available input streams with bytes to read are offered to the subscribers in turn; a waiting Receive
  // comes first (L3).
  SubscriptionId subscribe(const Holder& holder, TimePoint now);
  void unsubscribe(SubscriptionId subscription);

  // --- what happens to connections ----------------------------------------------------------------
  void permit_granted(TimePoint now);
  void permit_refused(TimePoint now);  // tried again when the schedule says so
  // For its budget (L7). A permit that is no longer wanted when it comes is returned.
  PermitNeeds permit_needs() const;
  bool give_up_idle(TimePoint now);  // closes the one unused for longest; false: none may be closed
  void opened(ConnectionRef connection, TimePoint now);
  void open_failed(ConnectionRef connection, Errc why, TimePoint now);  // the attempt left nothing open
  // A server's listener has a new connection. Nothing: turned away (maximum reached, paused, stopping).
  std::optional<Grant> admit(ShardIndex shard, TimePoint now);
  bool admits() const noexcept;  // false: the next one would be turned away (L9 `pause`)
  void data_arrived(ConnectionRef connection, TimePoint now);  // bytes to read, nobody is using the input
  // The peer closed its side. `unread`: bytes are still there to read (T6).
  void input_ended(ConnectionRef connection, bool unread, TimePoint now);
  // The connection is dead (reset, timeout, a cut record) or a node wants it closed. Never handed out
  // again; requests for its id are refused.
  void broken(ConnectionRef connection, CloseCause cause, TimePoint now);
  void close(ConnectionRef connection, CloseCause cause, TimePoint now);
  void closed(ConnectionRef connection, TimePoint now);  // its descriptor is closed: there is room again

  // --- time ---------------------------------------------------------------------------------------
  void on_time(TimePoint now);
  TimePoint next_deadline() const noexcept;  // kNever: nothing to wait for

  // --- what the shell does next ---------------------------------------------------------------------
  std::span<const Action> actions() const noexcept;
  void clear_actions() noexcept;

  // --- inspection ----------------------------------------------------------------------------------
  PoolState state() const noexcept;
  const PoolSettings& settings() const noexcept;
  const PoolCounters& counters() const noexcept;
  const PoolGauges& gauges() const noexcept;
  Errc last_connect_error() const noexcept;  // of the attempts since the last success; Errc{}: none
  std::vector<ConnectionView> connections() const;
  std::optional<ConnectionView> connection(ConnectionRef connection) const;
  ConnectionId id_of(ConnectionRef connection) const;  // empty: no such connection

  // Calls check() on every rule that must hold between events; O(everything), for tests.
  void check_invariants() const;
  // Equal fingerprints: states from which the same events lead to the same actions (relative times).
  std::uint64_t fingerprint(TimePoint now) const;

 private:
  // Lists of connections on which something lies ready for requests without an id. A connection is on
  // each shelf that its state entitles it to (shelves_of), once for each shard.
  enum Shelf : std::uint8_t {
    kInput,  // the first two have the numbers of their directions
    kOutput,
    kBoth,    // both streams available and free: for requests that reserve the other
    kUnread,  // the input is available and free, and has something to read
    kUnreadBoth
  };
  static constexpr int kShelves = 5;

  // What an open connection counts for; gauges_.used is the first.
  enum Tally : std::uint8_t { kUsed, kUsable, kLive, kReserved };

  // Where requests wait: any-requests by what they need, requests by id at their connection.
  enum Queue : std::uint8_t {
    kAnyOutput,
    kAnyOutputBoth,
    kAnyInput,
    kAnyInputBoth,
    kWithData,
    kWithDataBoth,
    kById
  };
  static constexpr int kAnyQueues = 6;

  // Sizes are powers of two, so that to find one by its index is a shift.
  struct alignas(32) Stream {
    StreamState state = StreamState::available_free;
    std::uint32_t reservation = 0;  // its number while reserved
    TimePoint since{};
    Holder holder;                   // of the last use or reservation
    std::array<IndexList, 2> by_id;  // waiting requests; [1]: those that reserve the other too
  };
  struct alignas(64) Slot {
    std::uint32_t generation = 0;
    ConnectionState state = ConnectionState::gone;
    bool steady = false;       // open, and nothing about it needs thought when its output comes back
    bool plain = false;        // likewise its input: nothing is left to read either
    std::uint8_t shelves = 0;  // bit by Shelf: where it lies now
    std::uint8_t tallies = 0;  // bit by Tally: what it counts for now
    ShardIndex shard = 0;
    bool unread = false;  // bytes that nobody has read, while the input is free
    bool input_ended = false;
    bool retiring = false;  // closes as soon as it is unused and unreserved
    bool opened = false;    // became usable once
    bool proven = false;    // carried something: ends no attempt too early (C2)
    bool forced = false;    // abort or abandon has been said: no need to say it again
    bool has_permit = false;
    CloseCause cause = CloseCause::peer;  // of retiring, then of closing
    std::array<Stream, 2> streams;        // by Direction
    std::array<IndexLinks, kShelves> links;
    std::uint32_t reservations_made = 0;
    std::uint64_t secret = 0;
    std::uint64_t number = 0;
    TimePoint opened_at{};
    TimePoint arrived_at{};  // bytes, or the end of the input, while nobody used it
  };
  struct Waiter {
    std::uint64_t ticket = 0;  // 0: free
    Queue queue = kAnyOutput;
    IndexLinks links;  // of its queue
    TimePoint since{};
    Ask ask;
  };
  struct Subscriber {
    SubscriptionId id;
    Holder holder;
  };

  // pool_waiters.cpp: requests
  static Queue queue_of(const Ask& ask) noexcept;
  static Shelf shelf_for(Queue queue) noexcept;
  SlotIndex choose(Queue queue, ShardIndex shard) const noexcept;
  bool serves(const Slot& slot, const Ask& ask) const noexcept;  // by id, now
  bool reachable_by_id(const Slot& slot) const noexcept;
  Answer acquire_to_reply(const Ask& ask, TimePoint now);
  Answer acquire_or_wait(const Ask& ask, TimePoint now);
  Grant take(SlotIndex index, const Ask& ask, TimePoint now);
  Answer wait(const Ask& ask, Queue queue, TimePoint now);
  Answer refused(Errc why) noexcept;
  Errc why_unknown(const ConnectionId& id, TimePoint now) const noexcept;
  Errc why_nothing_came(const Ask& ask, Queue queue) const noexcept;
  IndexList& line_of(const Waiter& waiter) noexcept;  // the list it waits in
  std::uint32_t oldest_for(SlotIndex index) const noexcept;
  void grant_waiter(std::uint32_t waiter, SlotIndex slot, TimePoint now);
  void refuse_waiter(std::uint32_t waiter, Errc why, TimePoint now);
  void remove_waiter(std::uint32_t waiter);
  void refuse_by_id(Slot& slot, Errc why, TimePoint now);
  std::vector<std::uint32_t> waiters_in_order() const;
  Duration patience_of(const Ask& ask) const noexcept;
  void set_deadlines(std::uint32_t waiter);
  TimePoint data_deadline(const Waiter& waiter) const noexcept;
  std::uint32_t next_due(TimePoint now);
  bool stream_there(int both) const noexcept { return !shelf_empty(both ? kBoth : kInput); }
  void serve(SlotIndex index, TimePoint now);
  void serve_all(TimePoint now);
  void offer_unread(SlotIndex index, TimePoint now);
  void offer_all_unread(TimePoint now);

  // pool_connections.cpp: connections
  const Slot* slot_at(ConnectionRef connection) const noexcept {
    if (connection.slot >= slots_.size()) return nullptr;
    const Slot& slot = slots_[connection.slot];
    return slot.generation == connection.generation && slot.state != ConnectionState::gone ? &slot : nullptr;
  }
  Slot* slot_at(ConnectionRef connection) noexcept {
    return const_cast<Slot*>(static_cast<const Pool*>(this)->slot_at(connection));
  }
  std::uint64_t secret_of(SlotIndex slot, std::uint32_t generation) const noexcept {
    return sip_hash(key_, std::uint64_t{slot} << 32 | generation);
  }
  SlotIndex new_slot(ConnectionState state, TimePoint now);
  void vacate(SlotIndex index, ConnectionEvent event);
  void become_open(SlotIndex index, TimePoint now);
  void open_one(TimePoint now);
  SlotIndex first_wanting_permit() const noexcept;
  void abandon(SlotIndex index, CloseCause cause, TimePoint now);
  void begin_close(SlotIndex index, CloseCause cause, Action::Kind how, TimePoint now);
  void retire(SlotIndex index, CloseCause cause, TimePoint now);
  void came_back(SlotIndex index, TimePoint now);
  void returned(SlotIndex index, TimePoint now);
  void shrink(TimePoint now);
  // By what lives on after the retiring ones are gone.
  // It can come to that only when the maximum is lowered: apply() notes it in returns_plainly_, and it holds
  // until a stream that comes back finds that it is over.
  bool over_maximum() const noexcept {
    return settings_.max_connections != 0 && gauges_.connecting + live_ > settings_.max_connections;
  }
  // The minimum is kept in any case.
  bool over_kept() const noexcept { return live_ > settings_.max_kept && live_ > settings_.min_connections; }
  bool may_close_now(const Slot& slot) const noexcept;
  void settle(SlotIndex index, TimePoint now);
  void meet_demand(TimePoint now);
  Demand demand() const noexcept;
  bool somebody_wants_connection() const noexcept;
  void prove(Slot& slot) noexcept;
  void judge_lifetime(const Slot& slot, CloseCause cause, TimePoint now);

  // pool_permits.cpp: what the budget is told and asks for
  SlotIndex longest_idle() const noexcept;

  // pool_lifetime.cpp: connections that end by the clock
  void watch_reservation(SlotIndex index, bool reserved_now, TimePoint now);
  TimePoint expiry_of(const Slot& slot, TimePoint now) const noexcept;
  void expire_reservations(TimePoint now);

  // pool.cpp: streams
  void enter(PoolState state) noexcept;
  void judge_returns() noexcept;
  static void move(Stream& stream, StreamEvent event) {
    const std::optional<StreamState> to = next(stream.state, event);
    check(to.has_value(), "a stream moves as its table says");
    stream.state = *to;
  }
  static void move(Slot& slot, ConnectionEvent event) {
    const std::optional<ConnectionState> to = next(slot.state, event);
    check(to.has_value(), "a connection moves as its table says");
    slot.state = *to;
  }
  static std::uint8_t shelves_of(const Slot& slot) noexcept;
  static std::uint8_t tallies_of(const Slot& slot) noexcept;
  void refile(SlotIndex index, TimePoint now);
  template <Shelf shelf>
  void shelve(SlotIndex index, Slot& slot) noexcept;
  template <Shelf shelf>
  void unshelve(SlotIndex index, Slot& slot) noexcept;
  bool shelf_empty(Shelf shelf) const noexcept;
  Reserved give_back_and_settle(ConnectionRef connection, Direction direction, const Return& how,
                                TimePoint now);
  Reservation change(SlotIndex index, Direction direction, StreamChange change, const Holder& holder,
                     TimePoint now);
  Grant grant_of(SlotIndex index, Direction direction) const noexcept;
  Action& act(Action::Kind kind);

  PoolSettings settings_;
  IdKey key_;
  PoolState state_ = PoolState::running;
  bool takes_plainly_ = true;    // running, and the stream that came last is preferred
  bool returns_plainly_ = true;  // not stopping, not over the maximum, and not more than are kept
  Errc stop_error_ = Errc::manager_stopped;
  CloseCause stop_cause_ = CloseCause::shutdown;

  std::vector<Slot> slots_;
  std::uint32_t slots_made_ = 0;  // slots_.size(), without the arithmetic
  std::vector<SlotIndex> free_slots_;
  std::vector<std::array<IndexList, kShelves>> shelves_;  // [shard][shelf]
  std::uint32_t shards_;
  ShardIndex next_shard_ = 0;  // round robin
  // Since when there has been a stream to wait at, told apart only while somebody waits: [both].
  std::array<TimePoint, 2> there_since_{};
  std::vector<std::uint32_t> of_shard_;  // connections: a new one goes where the fewest are

  std::vector<Waiter> waiters_;
  std::vector<std::uint32_t> free_waiters_;
  std::uint64_t requests_ = 0;  // that ever waited
  std::array<IndexList, kAnyQueues> queues_;
  std::array<std::uint32_t, kAnyQueues> may_open_{};  // waiting there, and may open a connection
  // A request with data has two limits, and which one holds changes whenever the last silent stream goes
  // or the first one comes. So it is in two heaps, and each time only one of them is asked. [both]
  DeadlineHeap limits_;                         // connection_timeout of all others
  std::array<DeadlineHeap, 2> without_stream_;  // connection_timeout of requests with data
  std::array<DeadlineHeap, 2> beside_silent_;   // data_timeout; may be too early, is then set anew

  // Open connections with a reservation. What moves on one is not noted here: its time may be too early, is
  // then set anew.
  DeadlineHeap expiries_;
  ExpiredIds expired_ids_;

  std::vector<Subscriber> subscribers_;
  std::size_t next_subscriber_ = 0;
  std::uint32_t subscriptions_ = 0;  // ever made

  RetrySchedule retry_;
  RetrySchedule permit_retry_;
  std::uint32_t permits_wanted_ = 0;  // slots in wants_permit
  bool peer_down_ = false;
  Errc last_connect_error_{};
  TimePoint retry_wake_ = kNever;
  std::uint64_t connections_ = 0;  // ever made
  std::uint32_t occupied_ = 0;
  std::uint32_t live_ = 0;    // open and not retiring
  std::uint32_t usable_ = 0;  // of those: input not ended

  std::vector<Action> actions_;
  PoolCounters counters_;
  PoolGauges gauges_;
};

}  // namespace connmgr

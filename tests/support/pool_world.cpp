#include "tests/support/pool_world.h"

#include <algorithm>

namespace connmgr::test {
namespace {

using namespace std::chrono_literals;
constexpr auto input = Direction::input;
constexpr auto output = Direction::output;
constexpr std::size_t at(Direction direction) {
  return static_cast<std::size_t>(direction);
}

bool reserves_other(const Ask& ask) {
  return ask.other_stream == StreamChange::reserve;
}

// What a user may say at the end of its use; `how` of Event.
struct Ending {
  StreamChange own = StreamChange::leave_unchanged;
  StreamChange other = StreamChange::leave_unchanged;
  bool unread = false;
};
constexpr Ending kEndings[] = {
    {},
    {.unread = true},
    {.own = StreamChange::reserve},
    {.own = StreamChange::release},
    {.other = StreamChange::reserve},
    {.own = StreamChange::release, .other = StreamChange::release},
};

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  std::uint64_t z = a * 0x9e3779b97f4a7c15 + b + 0x632be59bd9b4e019;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

std::string Event::text() const {
  static constexpr const char* kNames[] = {
      "ask",         "cancel",         "give_back",      "release",      "modify",      "opened",
      "open_failed", "closed",         "admit",          "data_arrived", "input_ended", "broken",
      "close",       "permit_granted", "permit_refused", "on_time",      "subscribe",   "unsubscribe",
      "pause",       "resume",         "stop",           "abort_all",    "retire_all",  "set_maximum"};
  return std::string(kNames[static_cast<int>(kind)]) + " " + std::to_string(which) + "/" +
         std::to_string(how);
}

World::World(const Scenario& scenario)
    : scenario_(scenario), pool_(scenario.settings, 1, IdKey{11, 22}, 33), now_(TimePoint{} + 1h) {
  pool_.start(now_);
  carry_out_actions();
  for (std::uint32_t i = 0; i < scenario.connections_at_start; ++i) {
    if (scenario.settings.role == PoolRole::server) {
      apply({Event::Kind::admit});
    } else {
      check(i < connections_.size(), "a client starts with its minimum");
      apply({Event::Kind::opened, static_cast<std::uint8_t>(i)});
    }
  }
}

std::vector<Ask> World::asks() const {
  std::vector<Ask> asks;
  const auto add = [&](Direction direction, const ConnectionId& id, StreamChange other, bool with_data) {
    Ask ask;
    ask.direction = direction;
    ask.id = id;
    ask.other_stream = other;
    ask.with_data = with_data;
    ask.data_timeout = 3s;
    asks.push_back(ask);
  };
  constexpr auto nothing = StreamChange::leave_unchanged;
  add(output, {}, nothing, false);
  if (scenario_.reservations) add(output, {}, StreamChange::reserve, false);
  add(input, {}, nothing, false);
  if (scenario_.input_nodes) add(input, {}, nothing, true);
  for (const Known& known : connections_) {
    if (!scenario_.by_id || known.stage != Known::Stage::open) continue;
    add(output, known.id, nothing, false);
    add(input, known.id, nothing, false);
    if (scenario_.reservations) add(output, known.id, StreamChange::reserve, false);
  }
  return asks;
}

std::vector<Event> World::possible_events() const {
  using Kind = Event::Kind;
  std::vector<Event> events;
  const auto add = [&](Kind kind, std::size_t which = 0, std::size_t how = 0) {
    events.push_back({kind, static_cast<std::uint8_t>(which), static_cast<std::uint8_t>(how)});
  };
  if (waiting_.size() < scenario_.most_asks && held_.size() < scenario_.most_held) {
    const std::size_t count = asks().size();
    for (std::size_t i = 0; i < count; ++i) add(Kind::ask, i);
  }
  for (std::size_t i = 0; i < waiting_.size(); ++i) add(Kind::cancel, i);
  for (std::size_t i = 0; i < held_.size(); ++i) {
    add(Kind::give_back, i, 0);
    if (held_[i].direction == input && scenario_.input_nodes) add(Kind::give_back, i, 1);
    for (std::size_t how = 2; scenario_.reservations && how < std::size(kEndings); ++how) {
      add(Kind::give_back, i, how);
    }
  }
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    const Known& known = connections_[i];
    switch (known.stage) {
      case Known::Stage::abandoned:  // it may have come to an end before it was told to
      case Known::Stage::attempted:
        add(Kind::opened, i);
        add(Kind::open_failed, i);
        if (known.stage == Known::Stage::abandoned) add(Kind::closed, i);
        break;
      case Known::Stage::open:
        add(Kind::broken, i);
        add(Kind::close, i);
        if (!known.ended_by_peer) add(Kind::input_ended, i, 0);
        if (scenario_.input_nodes && !known.ended_by_peer) add(Kind::input_ended, i, 1);
        if (scenario_.input_nodes && !known.ended_by_peer && !known.held[0]) add(Kind::data_arrived, i);
        for (const Direction direction : {input, output}) {
          if (known.reservation[at(direction)] != 0) add(Kind::release, i, at(direction));
          if (scenario_.reservations && known.reservation[at(direction)] == 0) {
            add(Kind::modify, i, at(direction));
          }
        }
        break;
      case Known::Stage::ending: add(Kind::closed, i); break;
    }
  }
  if (scenario_.settings.role == PoolRole::server && connections_.size() < 3) add(Kind::admit);
  if (permits_asked_ != 0 && !scenario_.own_budget) add(Kind::permit_granted);
  if (permits_asked_ != 0 && !scenario_.own_budget) add(Kind::permit_refused);
  if (pool_.next_deadline() != kNever) add(Kind::on_time);
  if (scenario_.input_nodes) add(subscriptions_.empty() ? Kind::subscribe : Kind::unsubscribe);
  if (scenario_.administration) {
    if (pool_.state() == PoolState::running) add(Kind::pause);
    if (pool_.state() == PoolState::paused) add(Kind::resume);
    if (!stopped_) {
      add(Kind::stop);
      if (!connections_.empty()) add(Kind::retire_all);
    } else {
      add(Kind::abort_all);
    }
    add(Kind::set_maximum, 0, pool_.settings().max_connections == 1 ? 2 : 1);
  }
  return events;
}

World::Known* World::find(ConnectionRef connection) {
  const auto found = std::find_if(connections_.begin(), connections_.end(),
                                  [&](const Known& known) { return known.connection == connection; });
  return found == connections_.end() ? nullptr : &*found;
}

// A grant is right when the connection is open, nobody has the stream, and a reserved one was named.
void World::on_grant(const Grant& grant, const Ask& ask) {
  Known* const known = find(grant.connection);
  check(pool_.state() == PoolState::running, "violation: nothing is handed out unless running");
  check(known != nullptr && known->stage == Known::Stage::open,
        "violation: a dying connection is handed out");
  check(!known->held[at(grant.direction)], "violation: a stream has two users");
  check(grant.direction == ask.direction && grant.id == known->id,
        "violation: the grant is another stream's");
  check(ask.id || !retiring(*known), "violation: a retiring connection goes without id");
  if (ask.id) {
    check(grant.id == ask.id, "violation: by id means that connection and no other");
  } else {
    check(known->reservation[at(grant.direction)] == 0, "violation: a reserved stream goes without id");
    check(!known->ended_by_peer || ask.with_data, "violation: an ended connection goes without id");
    check(!ask.with_data || known->unread, "violation: a Receive gets a silent stream");
  }
  if (reserves_other(ask)) {
    check(!known->held[at(other(ask.direction))], "violation: the other stream is reserved while in use");
    check(grant.other_reservation.direction == other(ask.direction),
          "violation: the wrong stream is reserved");
    check(bool(grant.other_reservation), "violation: the other stream is not reserved in the same step");
    check(ask.id || known->reservation[at(other(ask.direction))] == 0,
          "violation: somebody else's reservation is taken over");
  }
  known->held[at(grant.direction)] = true;
  known->moved = now_;
  held_.push_back({grant.connection, grant.direction});
  note(grant.other_reservation);
}

// By the shell's own books: when the connection is to be closed because nothing moves on what is reserved.
TimePoint World::expiry(const Known& known) const {
  const bool reserved = known.reservation[0] != 0 || known.reservation[1] != 0;
  if (!reserved || known.held[0] || known.held[1]) return kNever;
  return deadline_after(known.moved, pool_.settings().reservation_expiry);
}

bool World::retiring(const Known& known) const {
  const auto view = pool_.connection(known.connection);
  return view && view->retiring;
}

// By the shell's own books: may this request have its stream of this connection now?
bool World::could_have(const Known& known, const Ask& ask) const {
  const std::size_t own = at(ask.direction);
  const std::size_t else_ = at(other(ask.direction));
  if (known.stage != Known::Stage::open || known.held[own]) return false;
  if (reserves_other(ask) && known.held[else_]) return false;
  if (ask.id) {
    const bool reserved = known.reservation[0] != 0 || known.reservation[1] != 0;
    return ask.id == known.id && (!retiring(known) || reserved);
  }
  if (retiring(known) || known.reservation[own] != 0) return false;
  if (reserves_other(ask) && known.reservation[else_] != 0) return false;
  return ask.with_data ? known.unread : !known.ended_by_peer;
}

// What administration is shown is what happened.
void World::check_views() const {
  for (const Known& known : connections_) {
    const auto view = pool_.connection(known.connection);
    check(view.has_value(), "violation: a connection is gone before its descriptor");
    for (const Direction direction : {input, output}) {
      const StreamState state = view->streams[at(direction)];
      check(in_use(state) == known.held[at(direction)], "violation: in use is who was granted it");
      check(reserved(state) == (known.reservation[at(direction)] != 0),
            "violation: reserved is what was asked");
    }
  }
}

void World::check_nobody_waits_in_vain() const {
  for (const Known& known : connections_) {
    check(known.stage != Known::Stage::open || pool_.next_deadline() <= expiry(known),
          "violation: a reservation outlives its expiry (S8)");
  }
  if (pool_.state() != PoolState::running) return;
  const PoolSettings& settings = pool_.settings();
  long attempts = permits_asked_;
  std::size_t live = 0;
  for (const Known& known : connections_) {
    const bool attempted = known.stage == Known::Stage::attempted;
    const bool open = known.stage == Known::Stage::open;
    attempts += attempted;
    live += attempted || (open && !retiring(known));
    for (const Waiting& waiting : waiting_) {
      check(!could_have(known, waiting.ask), "violation: a request waits beside a stream that it could have");
    }
    Ask offered;
    offered.direction = input;
    offered.with_data = true;
    check(subscriptions_.empty() || !could_have(known, offered), "violation: bytes lie beside an Input node");
  }
  for (const Known& known : connections_) {
    const bool unused = !known.held[0] && !known.held[1] && !known.reservation[0] && !known.reservation[1];
    check(known.stage != Known::Stage::open || !unused || retiring(known) || settings.max_connections == 0 ||
              live <= settings.max_connections || known.ended_by_peer,
          "violation: an unused connection stays over the maximum");
  }

  const TimePoint deadline = pool_.next_deadline();
  check(waiting_.empty() || deadline <= now_ + settings.connection_timeout, "violation: a wait without end");
  if (settings.role == PoolRole::server || attempts != 0) return;
  const bool room = settings.max_connections == 0 || connections_.size() < settings.max_connections;
  bool wanted = live < settings.min_connections;
  for (const Waiting& waiting : waiting_) wanted = wanted || (!waiting.ask.id && !waiting.ask.with_data);
  check(!room || !wanted || deadline <= now_ + settings.retry.delay,
        "violation: a connection is wanted, and neither tried nor planned");
}

void World::note(const Reservation& reservation) {
  if (!reservation) return;
  Known* const known = find(reservation.connection);
  check(known != nullptr && known->stage == Known::Stage::open, "violation: a dead connection is reserved");
  known->reservation[at(reservation.direction)] = reservation.number;
}

void World::end_reservations(Known& known) {
  known.reservation = {};
}

void World::carry_out_actions() {
  const std::vector<Action> actions(pool_.actions().begin(), pool_.actions().end());
  pool_.clear_actions();
  for (const Action& action : actions) carry_out(action);
  pool_.check_invariants();
  check_views();
  check_nobody_waits_in_vain();
  probe();
}

void World::carry_out(const Action& action) {
  const auto waiting = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](const Waiting& w) { return w.ticket == action.ticket; });
  Known* const known = find(action.grant.connection);
  switch (action.kind) {
    case Action::Kind::grant: {
      check(waiting != waiting_.end(), "violation: a request is served twice, or after its end");
      for (const Waiting& earlier : waiting_) {
        check(earlier.ticket >= waiting->ticket || known == nullptr || !could_have(*known, earlier.ask),
              "violation: a later request overtakes");
      }
      const Ask ask = waiting->ask;
      waiting_.erase(waiting);
      return on_grant(action.grant, ask);
    }
    case Action::Kind::refuse:
      check(waiting != waiting_.end(), "violation: a request is refused twice, or after its end");
      waiting_.erase(waiting);
      return;
    case Action::Kind::offer: {
      check(std::find(subscriptions_.begin(), subscriptions_.end(), action.subscription) !=
                subscriptions_.end(),
            "violation: an offer to an Input node that has left");
      for (const Waiting& receive : waiting_) {
        check(!receive.ask.with_data, "violation: an Input node comes before a waiting Receive");
      }
      Ask ask;
      ask.direction = input;
      ask.with_data = true;
      return on_grant(action.grant, ask);
    }
    case Action::Kind::want_permit: ++permits_asked_; return;
    case Action::Kind::return_permit:
      check(permits_held_ > 0, "violation: a permit is returned that was not held");
      --permits_held_;
      return;
    case Action::Kind::open: {
      check(scenario_.settings.role == PoolRole::client, "violation: a server pool opens a connection");
      check(pool_.state() == PoolState::running, "violation: a connection is opened while not running");
      check(known == nullptr, "violation: a reference is used again");
      Known fresh;
      fresh.connection = action.grant.connection;
      fresh.id = action.grant.id;
      connections_.push_back(fresh);
      const std::uint32_t maximum = pool_.settings().max_connections;
      check(maximum == 0 || connections_.size() <= maximum, "violation: more connections than the maximum");
      const auto attempts = std::count_if(connections_.begin(), connections_.end(),
                                          [](const Known& k) { return k.stage == Known::Stage::attempted; });
      check(attempts <= static_cast<long>(pool_.settings().max_connecting),
            "violation: more attempts under way than allowed");
      if (pool_.last_connect_error() != Errc{}) {
        check(attempts <= 1, "violation: more than one attempt while the peer is down");
      }
      return;
    }
    case Action::Kind::abandon:
      check(known != nullptr && known->stage == Known::Stage::attempted, "violation: abandoned what is none");
      known->stage = Known::Stage::abandoned;
      return;
    case Action::Kind::close:
    case Action::Kind::abort: {
      check(known != nullptr, "violation: what is closed exists");
      const bool again = known->stage == Known::Stage::ending && action.kind == Action::Kind::abort;
      check(known->stage == Known::Stage::open || again, "violation: a connection is closed twice");
      const bool expired = action.cause == CloseCause::expired;
      check(!expired || expiry(*known) <= now_, "violation: a reservation expires early, or in use (S8)");
      const bool kept = known->reservation[at(input)] != 0;
      const bool may_end_reservation =
          action.kind == Action::Kind::abort || pool_.state() == PoolState::stopping || expired;
      check(again || !kept || may_end_reservation, "violation: closed although its input is reserved (S7)");
      known->stage = Known::Stage::ending;
      dead_.push_back({known->id, expired ? Errc::reservation_expired : Errc::unknown_connection});
      end_reservations(*known);
      return;
    }
  }
}

// A dead id changes nothing, and is told apart from everything else; so is a guessed one.
void World::probe() {
  if (pool_.state() == PoolState::stopping) return;
  const std::uint64_t before = pool_.fingerprint(now_);
  const auto ask_for = [&](const ConnectionId& id, Errc told) {
    Ask ask;
    ask.id = id;
    const Answer answer = pool_.acquire(ask, now_);
    check(answer.kind == Answer::Kind::refused && answer.refusal == told,
          "violation: a dead or guessed id is served");
    check(!pool_.find(id), "violation: a dead or guessed id finds something");
  };
  for (const auto& [id, told] : dead_) {
    ask_for(id, told);
    pool_.release({id.ref(), input, 1}, now_);
    pool_.data_arrived(id.ref(), now_);
    pool_.broken(id.ref(), CloseCause::reset, now_);
  }
  for (const Known& known : connections_) {
    ConnectionId guessed = known.id;
    guessed.secret ^= 1;
    ask_for(guessed, Errc::unknown_connection);
    if (known.stage != Known::Stage::open) continue;
    for (const Direction direction : {input, output}) {  // an older reservation than the present one
      if (known.reservation[at(direction)] > 1) {
        pool_.release({known.connection, direction, known.reservation[at(direction)] - 1}, now_);
      }
    }
  }
  check(pool_.actions().empty() && pool_.fingerprint(now_) == before,
        "violation: a dead id changes something");
}

void World::apply(const Event& event) {
  using Kind = Event::Kind;
  const std::size_t i = event.which;
  switch (event.kind) {
    case Kind::ask: {
      const Ask ask = asks()[i];
      const Answer answer = pool_.acquire(ask, now_);
      if (answer.kind == Answer::Kind::granted) on_grant(answer.grant, ask);
      if (answer.kind == Answer::Kind::waiting) waiting_.push_back({answer.ticket, ask});
      break;
    }
    case Kind::cancel: {
      const Ticket ticket = waiting_[i].ticket;
      waiting_.erase(waiting_.begin() + static_cast<long>(i));
      check(pool_.cancel(ticket, now_), "violation: who waits can cancel");
      check(!pool_.cancel(ticket, now_), "violation: a request can be cancelled once");
      break;
    }
    case Kind::give_back: {
      const Held held = held_[i];
      held_.erase(held_.begin() + static_cast<long>(i));
      const Ending& ending = kEndings[event.how];
      Known* const known = find(held.connection);
      if (known != nullptr) {
        known->held[at(held.direction)] = false;
        known->moved = now_;
        if (held.direction == input) known->unread = ending.unread;
        if (ending.own == StreamChange::release) known->reservation[at(held.direction)] = 0;
        if (ending.other == StreamChange::release) known->reservation[at(other(held.direction))] = 0;
      }
      const Reserved made =
          pool_.give_back(held.connection, held.direction, {ending.own, ending.other, ending.unread}, now_);
      if (known != nullptr && known->stage == Known::Stage::open) {
        note(made.own);
        note(made.other);
      } else {
        check(!made.own && !made.other, "violation: a dead connection is reserved");
      }
      break;
    }
    case Kind::release: {
      Known& known = connections_[i];
      const auto direction = static_cast<Direction>(event.how);
      const std::uint32_t number = known.reservation[event.how];
      known.reservation[event.how] = 0;
      known.moved = now_;
      pool_.release({known.connection, direction, number}, now_);
      break;
    }
    case Kind::modify:
      connections_[i].moved = now_;
      note(pool_.modify(connections_[i].connection, static_cast<Direction>(event.how), StreamChange::reserve,
                        now_));
      break;
    case Kind::opened:
      if (connections_[i].stage == Known::Stage::attempted) connections_[i].stage = Known::Stage::open;
      pool_.opened(connections_[i].connection, now_);
      break;
    case Kind::open_failed:
    case Kind::closed: {
      const Known known = connections_[i];
      connections_.erase(connections_.begin() + static_cast<long>(i));
      if (known.stage != Known::Stage::ending) dead_.push_back({known.id});
      if (event.kind == Kind::closed) {
        pool_.closed(known.connection, now_);
      } else {
        pool_.open_failed(known.connection, Errc::connect_failed, now_);
      }
      break;
    }
    case Kind::admit: {
      const std::uint32_t maximum = pool_.settings().max_connections;
      const bool room =
          pool_.state() == PoolState::running && (maximum == 0 || connections_.size() < maximum);
      // Its streams are handed out in the same call, so the shell's books must know it before.
      const std::optional<Grant> grant = pool_.admit(0, now_);
      check(grant.has_value() == room, "violation: admitted over the maximum, or turned away below it");
      if (!grant) break;
      Known fresh;
      fresh.stage = Known::Stage::open;
      fresh.connection = grant->connection;
      fresh.id = grant->id;
      connections_.push_back(fresh);
      break;
    }
    case Kind::data_arrived:
      connections_[i].unread = true;
      connections_[i].moved = now_;
      pool_.data_arrived(connections_[i].connection, now_);
      break;
    case Kind::input_ended:
      connections_[i].ended_by_peer = true;
      connections_[i].moved = now_;
      connections_[i].unread = event.how != 0;
      pool_.input_ended(connections_[i].connection, event.how != 0, now_);
      break;
    case Kind::broken: pool_.broken(connections_[i].connection, CloseCause::reset, now_); break;
    case Kind::close: pool_.close(connections_[i].connection, CloseCause::node, now_); break;
    case Kind::permit_granted:
      --permits_asked_;
      ++permits_held_;
      pool_.permit_granted(now_);
      break;
    case Kind::permit_refused:
      --permits_asked_;
      pool_.permit_refused(now_);
      break;
    case Kind::on_time:
      now_ = std::max(now_, pool_.next_deadline());
      pool_.on_time(now_);
      check(pool_.next_deadline() > now_, "violation: a deadline that has come is dealt with");
      break;
    case Kind::subscribe: {
      // Offers name the subscription in the same call: numbers count up, so it is known before.
      const SubscriptionId id = pool_.subscribe({}, now_);
      subscriptions_.push_back(id);
      break;
    }
    case Kind::unsubscribe:
      pool_.unsubscribe(subscriptions_.back());
      subscriptions_.pop_back();
      break;
    case Kind::pause: pool_.pause(); break;
    case Kind::resume: pool_.resume(now_); break;
    case Kind::stop:
      stopped_ = true;
      pool_.stop(Errc::manager_stopped, CloseCause::administrator, now_);
      break;
    case Kind::abort_all: pool_.abort_all(CloseCause::shutdown, now_); break;
    case Kind::retire_all: pool_.retire_all(CloseCause::purge, now_); break;
    case Kind::set_maximum: {
      PoolSettings settings = pool_.settings();
      settings.max_connections = event.how;
      pool_.apply(settings, now_);
      break;
    }
  }
  carry_out_actions();
  check(held_.empty() || !pool_.idle(), "violation: idle although a stream is in somebody's hands");
  check(!connections_.empty() || !held_.empty() || permits_asked_ != 0 || pool_.idle(),
        "violation: something is left when all have gone");
  check(pool_.gauges().waiting == waiting_.size(), "violation: a request is lost");
  const auto with_permit = [](const Known&) { return true; };
  if (scenario_.settings.with_permits) {
    check(permits_held_ == static_cast<std::uint32_t>(
                               std::count_if(connections_.begin(), connections_.end(), with_permit)),
          "violation: a permit is lost or kept");
  }
}

// Sums, so that the order in which the shell's books were written does not tell states apart.
std::uint64_t World::fingerprint() const {
  std::uint64_t sum = pool_.fingerprint(now_);
  for (const Known& known : connections_) {
    const auto flags = static_cast<std::uint64_t>(known.stage) | known.held[0] << 3 | known.held[1] << 4 |
                       (known.reservation[0] != 0) << 5 | (known.reservation[1] != 0) << 6 |
                       known.ended_by_peer << 7 | known.unread << 8;
    sum += mixed(known.connection.slot + 1, flags);
  }
  for (const Held& held : held_) {
    bool alive = false;
    for (const Known& known : connections_) alive = alive || known.connection == held.connection;
    sum += mixed(held.connection.slot + 100, at(held.direction) * 2 + alive);
  }
  sum += mixed(777, permits_asked_ * 16 + permits_held_ + (subscriptions_.size() << 8) + (stopped_ << 16));
  return sum;
}

}  // namespace connmgr::test

#include "tests/support/sim_link.h"

#include <algorithm>
#include <utility>

#include "connmgr/core/check.h"

namespace connmgr::testing {
namespace {

// How long Linux goes on sending data again when nothing else is set (tcp_retries2 = 15).
constexpr Duration kRetransmission = std::chrono::milliseconds(924600);

std::error_code system_error(int number) {
  return {number, std::system_category()};
}

// Bytes from `sent` on to the next fault of this direction: a segment ends there.
std::size_t until_fault(const SimFaults& faults, std::size_t sent) {
  std::size_t least = kAllBytes;
  for (const auto& place : {faults.reset_after, faults.end_after, faults.silent_after}) {
    if (place && *place > sent) least = std::min(least, *place - sent);
  }
  return least;
}

}  // namespace

std::string SimBytes::take(std::size_t most) {
  std::string front(view().substr(0, most));
  drop(front.size());
  return front;
}

void SimBytes::drop(std::size_t count) {
  taken_ += count;
  if (taken_ == bytes_.size()) return clear();
  if (taken_ > bytes_.size() / 2 && taken_ > 4096) {
    bytes_.erase(0, taken_);
    taken_ = 0;
  }
}

SimEndSettings end_settings(io::Endpoint endpoint, const io::SocketOptions& options) {
  return {std::move(endpoint), options.send_buffer, options.receive_buffer, options.keepalive,
          options.user_timeout};
}

SimLink::SimLink(SimSchedule& schedule, std::uint32_t number, SimProfile profile, SimEndSettings client,
                 SimEndSettings server)
    : schedule_(schedule), number_(number), profile_(std::move(profile)) {
  ends_[0].settings = std::move(client);
  ends_[1].settings = std::move(server);
  for (End& one : ends_) {
    if (one.settings.send_buffer == 0) one.settings.send_buffer = profile_.send_buffer;
    if (one.settings.receive_buffer == 0) one.settings.receive_buffer = profile_.receive_buffer;
    check(one.settings.send_buffer > 0 && one.settings.receive_buffer > 0, "a buffer without room");
  }
}

void SimLink::start() {
  for (const SimSide from : {SimSide::client, SimSide::server}) apply_faults(from);
}

// --- the way of the bytes ------------------------------------------------------------------------------

std::size_t SimLink::send_room(SimSide side) const {
  const End& here = end(side);
  const std::size_t held = here.queue.size() + here.bytes_under_way;
  return here.settings.send_buffer > held ? here.settings.send_buffer - held : 0;
}

std::size_t SimLink::window(SimSide to) const {
  const End& there = end(to);
  if (there.closed || there.dead || end(other(to)).swallowed) return kAllBytes;  // nobody keeps it
  const std::size_t held = there.unread.size() + end(other(to)).bytes_under_way;
  return there.settings.receive_buffer > held ? there.settings.receive_buffer - held : 0;
}

std::size_t SimLink::segment_size(SimSide from) {
  const End& here = end(from);
  const std::size_t size =
      std::min({here.queue.size(), window(other(from)), until_fault(faults(from), here.sent)});
  if (profile_.split_min == kAllBytes || size == 0) return size;
  return std::min<std::size_t>(size, schedule_.random().between(std::max<std::size_t>(1, profile_.split_min),
                                                                std::min(profile_.split_max, size)));
}

void SimLink::pump(SimSide from) {
  End& here = end(from);
  if (here.dead) return;
  while (const std::size_t size = segment_size(from)) {
    here.bytes_under_way += size;
    here.sent += size;
    put_under_way(from, {Segment::Kind::bytes, here.queue.take(size)});
  }
  if (here.queue.empty() && here.output_ended && !here.fin_sent) {
    here.fin_sent = true;
    put_under_way(from, {Segment::Kind::fin, {}});
  }
}

void SimLink::put_under_way(SimSide from, Segment segment) {
  end(from).under_way.push_back(std::move(segment));
  if (!silent_) schedule_arrival(from);
}

// Every arrival takes the front segment, so order is kept whatever the seed picks.
void SimLink::schedule_arrival(SimSide from) {
  End& here = end(from);
  const Duration latency = schedule_.random().between(profile_.latency_min, profile_.latency_max);
  here.last_arrival = std::max(here.last_arrival, schedule_.now() + latency);
  schedule_.surely_at(here.last_arrival, SimSchedule::Kind::work,
                      [link = shared_from_this(), from] { link->arrive(from); });
}

void SimLink::arrive(SimSide from) {
  End& here = end(from);
  if (silent_ || here.under_way.empty()) return;  // held up; heal() brings it
  Segment segment = std::move(here.under_way.front());
  here.under_way.pop_front();
  switch (segment.kind) {
    case Segment::Kind::bytes: return bytes_arrive(from, std::move(segment.bytes));
    case Segment::Kind::fin:
      if (end(other(from)).dead) return;
      note(other(from), "gets FIN");
      end(other(from)).fin_arrived = true;
      return changed(other(from));
    case Segment::Kind::reset: return take_reset(other(from));
  }
}

void SimLink::bytes_arrive(SimSide from, std::string bytes) {
  End& here = end(from);
  End& there = end(other(from));
  here.bytes_under_way -= bytes.size();
  here.arrived += bytes.size();
  if (there.dead || here.swallowed) {
    // Nobody is there to answer.
  } else if (there.closed) {
    note(other(from), "is closed, answers bytes with a reset", bytes.size());
    send_reset(other(from));
  } else {
    note(other(from), "gets bytes", bytes.size());
    there.unread.append(bytes);
    apply_faults(from);
    changed(other(from));
  }
  pump(from);
  changed(from);
}

void SimLink::apply_faults(SimSide from) {
  const SimFaults& planned = faults(from);
  End& here = end(from);
  if (here.arrived >= planned.silent_after.value_or(kAllBytes)) silence();
  if (here.arrived >= planned.reset_after.value_or(kAllBytes)) reset();
  if (here.arrived >= planned.end_after.value_or(kAllBytes) && !here.swallowed) {
    note(other(from), "gets FIN (planned)");
    here.swallowed = true;
    end(other(from)).fin_arrived = true;
    changed(other(from));
  }
}

// --- ends ----------------------------------------------------------------------------------------------

void SimLink::send_reset(SimSide from) {
  End& here = end(from);
  if (here.dead) return;
  here.dead = true;
  here.death.cancel();
  here.queue.clear();
  put_under_way(from, {Segment::Kind::reset, {}});
}

void SimLink::take_reset(SimSide side) {
  End& here = end(side);
  if (here.dead) return;
  note(side, "gets RST");
  if (profile_.reset_discards_unread) here.unread.clear();
  die(side, system_error(here.fin_arrived ? EPIPE : ECONNRESET));
}

void SimLink::die(SimSide side, std::error_code error) {
  End& here = end(side);
  here.dead = true;
  here.death.cancel();
  here.error = error;
  changed(side);
}

void SimLink::reset() {
  take_reset(SimSide::client);
  take_reset(SimSide::server);
}

void SimLink::silence() {
  if (silent_) return;
  schedule_.note({"link", number_}, "falls silent");
  silent_ = true;
  watch_for_death(SimSide::client);
  watch_for_death(SimSide::server);
}

void SimLink::heal() {
  if (!silent_) return;
  schedule_.note({"link", number_}, "is healed");
  silent_ = false;
  for (const SimSide side : {SimSide::client, SimSide::server}) {
    end(side).death.cancel();
    for (std::size_t i = end(side).under_way.size(); i > 0; --i) schedule_arrival(side);
  }
}

// What the kernel of one end does when it hears nothing any more: data is sent again until the user
// timeout; without data, keepalive asks.
void SimLink::watch_for_death(SimSide side) {
  End& here = end(side);
  if (here.dead || here.closed) return;
  const bool unacknowledged = !here.queue.empty() || !here.under_way.empty();
  const SimEndSettings& settings = here.settings;
  Duration wait = kForever;
  if (unacknowledged) {
    wait = settings.user_timeout > Duration(0) ? settings.user_timeout : kRetransmission;
  } else if (settings.keepalive.on) {
    wait = settings.keepalive.idle + settings.keepalive.interval * settings.keepalive.count;
  }
  if (wait == kForever) return;
  here.death = schedule_.at(schedule_.now() + wait, SimSchedule::Kind::timer, [this, side] {
    note(side, "is found dead");
    die(side, system_error(ETIMEDOUT));
  });
}

void SimLink::changed(SimSide side) {
  if (SimSocketUser* user = end(side).user) user->on_socket_change();
}

void SimLink::note(SimSide side, const char* what, std::size_t amount) const {
  schedule_.note({"link", number_, side == SimSide::client ? "client" : "server"}, what, amount);
}

// --- one end -------------------------------------------------------------------------------------------

SimSocket& SimSocket::operator=(SimSocket&& other) noexcept {
  if (this != &other) {
    close();
    link_ = std::move(other.link_);
    side_ = other.side_;
  }
  return *this;
}

void SimSocket::set_user(SimSocketUser* user) {
  link_->end(side_).user = user;
}

bool SimSocket::readable() const {
  const SimLink::End& here = link_->end(side_);
  return !here.unread.empty() || here.fin_arrived || here.dead;
}

bool SimSocket::writable() const {
  const SimLink::End& here = link_->end(side_);
  const std::size_t room = link_->send_room(side_);
  return here.dead || here.output_ended || (room > 0 && room >= here.settings.send_buffer / 3);
}

std::size_t SimSocket::unread() const {
  return link_->end(side_).unread.size();
}

std::size_t SimSocket::unsent() const {
  const SimLink::End& here = link_->end(side_);
  return here.queue.size() + here.bytes_under_way;
}

io::ReadOutcome SimSocket::read(std::span<char> into) {
  SimLink::End& here = link_->end(side_);
  if (!here.unread.empty()) {
    const std::string_view front = here.unread.view().substr(0, into.size());
    std::copy(front.begin(), front.end(), into.begin());
    const std::size_t count = front.size();
    here.unread.drop(count);
    note("reads", count);
    link_->pump(other(side_));  // the window has opened
    return {.bytes = count, .end = io::ChannelEnd::none, .error = {}};
  }
  if (here.fin_arrived) return {.bytes = 0, .end = io::ChannelEnd::clean, .error = {}};
  if (const std::error_code error = std::exchange(here.error, {})) {
    const bool timed_out = error == system_error(ETIMEDOUT);
    return {0, timed_out ? io::ChannelEnd::timed_out : io::ChannelEnd::reset, error};
  }
  return {.bytes = 0, .end = here.dead ? io::ChannelEnd::clean : io::ChannelEnd::none, .error = {}};
}

io::WriteOutcome SimSocket::write(std::span<const std::string_view> pieces) {
  SimLink::End& here = link_->end(side_);
  if (here.dead || here.output_ended) {
    std::error_code error = std::exchange(here.error, {});
    if (!error) error = system_error(EPIPE);
    const bool timed_out = error == system_error(ETIMEDOUT);
    return {0, timed_out ? io::ChannelEnd::timed_out : io::ChannelEnd::reset, error};
  }
  const SimFaults& planned = link_->faults(side_);
  const std::size_t fails_at = planned.fail_write_after.value_or(kAllBytes);
  if (here.written >= fails_at) {
    note("fails to write (planned)");
    return {0, io::ChannelEnd::failed, planned.write_error};
  }
  std::size_t room = std::min(link_->send_room(side_), fails_at - here.written);
  io::WriteOutcome outcome;
  for (const std::string_view piece : pieces) {
    const std::string_view taken = piece.substr(0, room);
    here.queue.append(taken);
    outcome.bytes += taken.size();
    room -= taken.size();
  }
  here.written += outcome.bytes;
  note("writes", outcome.bytes);
  link_->pump(side_);
  if (link_->silent_ && outcome.bytes > 0 && outcome.bytes == unsent()) link_->watch_for_death(side_);
  return outcome;
}

void SimSocket::shutdown_output() {
  SimLink::End& here = link_->end(side_);
  if (here.output_ended || here.dead) return;
  note("shuts its output");
  here.output_ended = true;
  link_->pump(side_);
}

void SimSocket::close() {
  if (!link_) return;
  const std::shared_ptr<SimLink> link = std::move(link_);
  SimLink::End& here = link->end(side_);
  here.user = nullptr;
  here.death.cancel();
  link->note(side_, here.unread.empty() || here.dead ? "closes" : "closes with unread input: reset");
  if (!here.unread.empty()) link->send_reset(side_);
  here.closed = true;
  here.output_ended = true;
  here.unread.clear();
  link->pump(other(side_));  // whoever waits for room here will be answered by a reset
  link->pump(side_);
}

void SimSocket::abort() {
  if (!link_) return;
  note("aborts");
  link_->end(side_).unread.clear();
  link_->send_reset(side_);
  close();
}

void SimSocket::vanish() {
  if (!link_) return;
  note("vanishes");
  link_->silence();
  close();
}

}  // namespace connmgr::testing

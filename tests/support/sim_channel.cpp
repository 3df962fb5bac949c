#include "tests/support/sim_channel.h"

#include <utility>

#include "connmgr/core/check.h"
#include "tests/support/sim_network.h"

namespace connmgr::testing {
namespace {

std::string name_of(const SimSocket& socket) {
  const auto text = [](const io::Endpoint& end) { return end.address + ':' + std::to_string(end.port); };
  const SimLink& link = *socket.link();
  return "channel of link " + std::to_string(link.number()) + ": " + text(link.endpoint(socket.side())) +
         " to " + text(link.endpoint(other(socket.side())));
}

}  // namespace

SimChannel::SimChannel(SimNetwork& world, io::Shard& shard, SimSocket socket)
    : world_(world),
      shard_(shard),
      socket_(std::move(socket)),
      local_(socket_.link()->endpoint(socket_.side())),
      peer_(socket_.link()->endpoint(other(socket_.side()))),
      entry_(world.census(), name_of(socket_)) {
  socket_.set_user(this);
}

SimChannel::~SimChannel() {
  socket_.close();
}

void SimChannel::check_open(const io::OnShard& here) const {
  check(&here.shard() == &shard_, "a channel is used on its own shard");
  check(static_cast<bool>(socket_), "a closed channel is not used");
}

void SimChannel::set_events(io::ChannelEvents& events) {
  check(!reading_ && !awaits_room_, "events may change only while nothing is outstanding");
  events_ = &events;
}

void SimChannel::read_some(io::OnShard& here, std::span<char> into) {
  check_open(here);
  check(events_ && !reading_ && !into.empty(), "one read at a time, with events set, into something");
  reading_ = true;
  into_ = into;
  on_socket_change();
}

io::WriteOutcome SimChannel::try_write(io::OnShard& here, std::span<const std::string_view> pieces) {
  check_open(here);
  return socket_.write(pieces);
}

void SimChannel::wait_writable(io::OnShard& here) {
  check_open(here);
  check(events_ && !awaits_room_, "one wait at a time, with events set");
  awaits_room_ = true;
  on_socket_change();
}

void SimChannel::shutdown_output(io::OnShard& here) {
  check_open(here);
  socket_.shutdown_output();
}

void SimChannel::close(io::OnShard& here) {
  check_open(here);
  end_events();
  socket_.close();
}

void SimChannel::abort(io::OnShard& here) {
  check_open(here);
  end_events();
  socket_.abort();
}

void SimChannel::end_events() {
  reading_ = awaits_room_ = false;
  read_event_.cancel();
  writable_event_.cancel();
  entry_.reset();
}

void SimChannel::on_socket_change() {
  SimSchedule& schedule = world_.schedule();
  if (reading_ && !read_event_.pending() && socket_.readable()) {
    read_event_ = schedule.at(schedule.now(), SimSchedule::Kind::work, [this] { read_now(); });
  }
  if (awaits_room_ && !writable_event_.pending() && socket_.writable()) {
    writable_event_ = schedule.at(schedule.now(), SimSchedule::Kind::work, [this] { tell_writable(); });
  }
}

void SimChannel::read_now() {
  const io::ReadOutcome outcome = socket_.read(into_);
  if (outcome.bytes == 0 && outcome.end == io::ChannelEnd::none) return;  // it waits on
  if (outcome.end != io::ChannelEnd::none)
    socket_.note("reads the end", static_cast<std::size_t>(outcome.end));
  reading_ = false;
  shard_.enter([&](io::OnShard& here) { events_->on_read(here, outcome); });  // may destroy this
}

void SimChannel::tell_writable() {
  awaits_room_ = false;
  socket_.note("is writable");
  shard_.enter([&](io::OnShard& here) { events_->on_writable(here); });  // may destroy this
}

}  // namespace connmgr::testing

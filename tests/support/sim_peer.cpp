#include "tests/support/sim_peer.h"

#include <array>
#include <utility>

#include "connmgr/core/check.h"

namespace connmgr::testing {

// --- one connection ------------------------------------------------------------------------------------

SimPeer::SimPeer(SimNetwork& world, const std::string& name, const std::string& host, std::uint16_t port,
                 const io::SocketOptions& options)
    : world_(world) {
  SimDial::Target target{.from = &world.host(name),
                         .local_address = {},
                         .host = host,
                         .port = port,
                         .timeout = std::chrono::seconds(60),
                         .options = options};
  dial_ = std::make_unique<SimDial>(world.hosts(), std::move(target), [this](Result<SimSocket> result) {
    if (!result) {
      failure_ = result.error();
      return;
    }
    take_socket(*std::move(result));
    flush();
    if (on_connected) on_connected(*this);
  });
}

SimPeer::SimPeer(SimNetwork& world, SimSocket socket) : world_(world) {
  take_socket(std::move(socket));
}

void SimPeer::take_socket(SimSocket socket) {
  socket_ = std::move(socket);
  link_ = socket_.link();
  side_ = socket_.side();
  socket_.set_user(this);
  on_socket_change();
}

void SimPeer::on_socket_change() {
  if (act_.pending()) return;
  SimSchedule& schedule = world_.schedule();
  act_ = schedule.at(schedule.now(), SimSchedule::Kind::work, [this] { act(); });
}

void SimPeer::act() {
  if (!socket_) return;
  const bool had_ended = end_ != io::ChannelEnd::none;
  read();
  flush();
  if (!had_ended && end_ != io::ChannelEnd::none && on_end) on_end(*this);
}

void SimPeer::read() {
  if (!reads_ || end_ != io::ChannelEnd::none) return;
  std::array<char, 16384> buffer;
  bool came = false;
  while (end_ == io::ChannelEnd::none) {
    const io::ReadOutcome outcome = socket_.read(buffer);
    received_.append(buffer.data(), outcome.bytes);
    end_ = outcome.end;
    if (outcome.bytes == 0) break;
    came = true;
  }
  if (came && on_bytes) on_bytes(*this);
}

void SimPeer::read_on() {
  reads_ = true;
  if (socket_) on_socket_change();
}

void SimPeer::send(std::string_view bytes) {
  check(!shall_shut_ && !shall_close_, "a peer that shut its output sends no more");
  to_send_.append(bytes);
  flush();
}

void SimPeer::flush() {
  if (!socket_) return;
  while (!to_send_.empty()) {
    const std::string_view front = to_send_.view();
    const io::WriteOutcome outcome = socket_.write({&front, 1});
    to_send_.drop(outcome.bytes);
    if (outcome.end != io::ChannelEnd::none) {  // nothing can be sent any more
      to_send_.clear();
      if (end_ == io::ChannelEnd::none) end_ = outcome.end;
    }
    if (outcome.bytes == 0) break;
  }
  if (!to_send_.empty()) return;
  if (shall_close_) return socket_.close();
  if (shall_shut_) socket_.shutdown_output();
}

void SimPeer::shutdown() {
  shall_shut_ = true;
  flush();
}

void SimPeer::close() {
  dial_.reset();
  shall_close_ = true;
  flush();
}

void SimPeer::reset() {
  check(connected(), "no connection to reset");
  socket_.abort();
}

void SimPeer::vanish() {
  check(connected(), "no connection to vanish from");
  socket_.vanish();
}

// --- a server ------------------------------------------------------------------------------------------

SimServer::SimServer(SimNetwork& world, const std::string& host, std::uint16_t port, int backlog)
    : world_(world), host_(world.host(host)), number_(port) {
  port_.holder = "simulated server '" + host_.name + "'";
  port_.backlog = backlog;
  port_.on_waiting = [this] { accept_soon(); };
  start();
}

SimServer::~SimServer() {
  stop();
}

void SimServer::start() {
  if (open_) return;
  const Result<std::uint16_t> opened = world_.hosts().open_port(host_, number_, port_);
  check(opened.has_value(), "the port of a SimServer is free");
  number_ = *opened;
  open_ = true;
}

void SimServer::stop() {
  if (!std::exchange(open_, false)) return;
  accept_.cancel();
  world_.hosts().close_port(host_, number_);
}

void SimServer::accept_on() {
  accepts_ = true;
  accept_soon();
}

void SimServer::accept_soon() {
  if (accept_.pending()) return;
  SimSchedule& schedule = world_.schedule();
  accept_ = schedule.at(schedule.now(), SimSchedule::Kind::work, [this] { accept(); });
}

void SimServer::accept() {
  while (accepts_ && !port_.waiting.empty()) {
    SimSocket socket = std::move(port_.waiting.front());
    port_.waiting.pop_front();
    socket.note("is accepted");
    SimPeer& peer = *peers_.emplace_back(std::make_unique<SimPeer>(world_, std::move(socket)));
    peer.on_bytes = [this](SimPeer& one) {
      if (on_bytes) on_bytes(one);
    };
    peer.on_end = [this](SimPeer& one) {
      if (on_end) on_end(one);
    };
    if (on_accept) on_accept(peer);
  }
}

std::size_t SimServer::open_peers() const {
  std::size_t count = 0;
  for (const auto& peer : peers_) count += peer->connected() && peer->end() == io::ChannelEnd::none ? 1 : 0;
  return count;
}

}  // namespace connmgr::testing

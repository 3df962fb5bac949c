#include "tests/support/sim_listener.h"

#include <algorithm>
#include <utility>

#include "connmgr/core/check.h"
#include "tests/support/sim_channel.h"
#include "tests/support/sim_network.h"

namespace connmgr::testing {

// --- the shared listening socket -----------------------------------------------------------------------

SimListening::~SimListening() {
  close();
}

void SimListening::close() {
  if (!std::exchange(open_, false)) return;
  for (SimAcceptor* one : acceptors_) one->accept_.cancel();
  world_.hosts().close_port(world_.hosts().this_host(), number_);
  entry_.reset();
}

Result<void> SimListening::open(const io::ListenTarget& target) {
  const std::string act = "listen on port " + std::to_string(target.port);
  if (world_.out_of_descriptors()) return world_.descriptor_failure(act);
  if (!world_.hosts().is_this_host(target.bind_address)) {
    return Failure(Errc::address_unavailable,
                   act + ": " + target.bind_address + " is not an address of this host");
  }
  port_.holder = "this process";
  port_.backlog = target.backlog;
  port_.options = target.options;
  port_.on_waiting = [this] { dispatch(); };
  const Result<std::uint16_t> number =
      world_.hosts().open_port(world_.hosts().this_host(), target.port, port_);
  if (!number) return number.error();
  number_ = *number;
  open_ = true;
  entry_ = {world_.census(), "listener on port " + std::to_string(number_)};
  return {};
}

void SimListening::add(SimAcceptor& acceptor) {
  acceptors_.push_back(&acceptor);
  dispatch();
}

void SimListening::remove(SimAcceptor& acceptor) {
  std::erase(acceptors_, &acceptor);
  dispatch();
}

void SimListening::dispatch() {
  if (port_.waiting.empty()) return;
  std::vector<SimAcceptor*> ready;
  for (SimAcceptor* one : acceptors_) {
    if (one->accept_.pending()) return;  // it will come back here
    if (!one->paused_) ready.push_back(one);
  }
  if (ready.empty()) return;  // it waits in the backlog
  SimSchedule& schedule = world_.schedule();
  SimAcceptor& chosen = *ready[schedule.random().between(0, ready.size() - 1)];
  chosen.accept_ = schedule.at(schedule.now(), SimSchedule::Kind::work, [&chosen] { chosen.accept_one(); });
}

// --- one shard's share ---------------------------------------------------------------------------------

SimAcceptor::SimAcceptor(std::shared_ptr<SimListening> listening, io::Shard& shard, io::AcceptEvents& events)
    : listening_(std::move(listening)),
      shard_(shard),
      events_(events),
      entry_(listening_->world().census(), "acceptor of port " + std::to_string(listening_->number()) +
                                               " on shard " + std::to_string(shard.index())) {
  listening_->add(*this);
}

SimAcceptor::~SimAcceptor() {
  accept_.cancel();
  listening_->remove(*this);
}

void SimAcceptor::pause(io::OnShard& here) {
  check(&here.shard() == &shard_, "an acceptor is used on its own shard");
  paused_ = true;
  accept_.cancel();
  listening_->dispatch();  // another shard may go on
}

void SimAcceptor::resume(io::OnShard& here) {
  check(&here.shard() == &shard_, "an acceptor is used on its own shard");
  paused_ = false;
  listening_->dispatch();
}

void SimAcceptor::accept_one() {
  const std::shared_ptr<SimListening> listening = listening_;  // *this may go in on_accepted
  SimNetwork& world = listening->world();
  SimSocket socket = std::move(listening->port().waiting.front());
  listening->port().waiting.pop_front();
  if (world.out_of_descriptors()) {
    socket.abort();
    if (!std::exchange(in_trouble_, true)) {
      const Failure failure =
          world.descriptor_failure("accept on port " + std::to_string(listening->number()));
      shard_.enter([&](io::OnShard& here) { events_.on_accept_trouble(here, failure); });
    }
  } else {
    in_trouble_ = false;
    socket.note("is accepted by shard", shard_.index());
    auto channel = std::make_unique<SimChannel>(world, shard_, std::move(socket));
    shard_.enter([&](io::OnShard& here) { events_.on_accepted(here, std::move(channel)); });
  }
  listening->dispatch();
}

std::unique_ptr<io::Acceptor> SimListener::accept_on(io::OnShard& here, io::AcceptEvents& events) {
  return std::make_unique<SimAcceptor>(listening_, here.shard(), events);
}

// --- connecting ----------------------------------------------------------------------------------------

SimAttempt::SimAttempt(SimNetwork& world, io::Shard& shard, const io::ConnectTarget& target,
                       io::Connected done)
    : world_(world), shard_(shard), done_(std::move(done)) {
  const std::string name = target.host + ':' + std::to_string(target.port);
  if (world.out_of_descriptors()) {
    refused_ = world.schedule().at(world.now(), SimSchedule::Kind::work,
                                   [this, name] { finish(world_.descriptor_failure("connect to " + name)); });
    return;
  }
  entry_ = {world.census(), "attempt to connect to " + name};
  dial_ = std::make_unique<SimDial>(world.hosts(),
                                    SimDial::Target{.from = &world.hosts().this_host(),
                                                    .local_address = target.local_address,
                                                    .host = target.host,
                                                    .port = target.port,
                                                    .timeout = target.timeout,
                                                    .options = target.options},
                                    [this](Result<SimSocket> result) { finish(std::move(result)); });
}

void SimAttempt::finish(Result<SimSocket> result) {
  entry_.reset();
  io::Connected done = std::move(done_);  // *this may go in there
  if (!result) {
    world_.schedule().note({"shard", shard_.index()}, "fails to connect");
    return shard_.enter([&](io::OnShard& here) { done(here, result.error()); });
  }
  auto channel = std::make_unique<SimChannel>(world_, shard_, *std::move(result));
  world_.schedule().note({"shard", shard_.index()}, "is connected by link", world_.links());
  shard_.enter(
      [&](io::OnShard& here) { done(here, Result<std::unique_ptr<io::Channel>>(std::move(channel))); });
}

}  // namespace connmgr::testing

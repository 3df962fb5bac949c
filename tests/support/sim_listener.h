// io::Listener and io::Acceptor over a simulated port, and io::ConnectAttempt over a dial.
#pragma once

#include <memory>
#include <vector>

#include "connmgr/io/network.h"
#include "tests/support/sim_census.h"
#include "tests/support/sim_hosts.h"

namespace connmgr::testing {

class SimNetwork;
class SimAcceptor;

// The listening socket that the shards share: the port is closed when listener and acceptors are gone.
class SimListening {
 public:
  explicit SimListening(SimNetwork& world) : world_(world) {}
  ~SimListening();
  SimListening(const SimListening&) = delete;
  SimListening& operator=(const SimListening&) = delete;

  Result<void> open(const io::ListenTarget& target);
  void close();  // frees the port and resets what waits in the backlog
  SimNetwork& world() noexcept { return world_; }
  std::uint16_t number() const noexcept { return number_; }
  SimPort& port() noexcept { return port_; }
  void add(SimAcceptor& acceptor);
  void remove(SimAcceptor& acceptor);
  void dispatch();  // has one of the acceptors, the seed says which, accept what waits

 private:
  SimNetwork& world_;
  SimPort port_;
  std::uint16_t number_ = 0;
  bool open_ = false;
  std::vector<SimAcceptor*> acceptors_;
  SimCensus::Entry entry_;
};

class SimAcceptor final : public io::Acceptor {
 public:
  SimAcceptor(std::shared_ptr<SimListening> listening, io::Shard& shard, io::AcceptEvents& events);
  ~SimAcceptor() override;
  void pause(io::OnShard& here) override;
  void resume(io::OnShard& here) override;

 private:
  friend class SimListening;
  void accept_one();

  std::shared_ptr<SimListening> listening_;
  io::Shard& shard_;
  io::AcceptEvents& events_;
  bool paused_ = false;
  bool in_trouble_ = false;
  SimEvent accept_;
  SimCensus::Entry entry_;
};

class SimListener final : public io::Listener {
 public:
  explicit SimListener(std::shared_ptr<SimListening> listening) : listening_(std::move(listening)) {}
  std::uint16_t port() const override { return listening_->number(); }
  void close() override { listening_->close(); }
  std::unique_ptr<io::Acceptor> accept_on(io::OnShard& here, io::AcceptEvents& events) override;

 private:
  std::shared_ptr<SimListening> listening_;
};

class SimAttempt final : public io::ConnectAttempt {
 public:
  SimAttempt(SimNetwork& world, io::Shard& shard, const io::ConnectTarget& target, io::Connected done);

 private:
  void finish(Result<SimSocket> result);

  SimNetwork& world_;
  io::Shard& shard_;
  io::Connected done_;
  SimCensus::Entry entry_;
  SimEvent refused_;
  std::unique_ptr<SimDial> dial_;
};

}  // namespace connmgr::testing

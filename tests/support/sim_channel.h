// io::Channel over a simulated socket: turns its changes into events on the shard, one at a time, never
// from inside a call.
#pragma once

#include "connmgr/io/network.h"
#include "tests/support/sim_census.h"
#include "tests/support/sim_link.h"

namespace connmgr::testing {

class SimNetwork;

class SimChannel final : public io::Channel, private SimSocketUser {
 public:
  SimChannel(SimNetwork& world, io::Shard& shard, SimSocket socket);
  ~SimChannel() override;

  void set_events(io::ChannelEvents& events) override;
  void read_some(io::OnShard& here, std::span<char> into) override;
  io::WriteOutcome try_write(io::OnShard& here, std::span<const std::string_view> pieces) override;
  void wait_writable(io::OnShard& here) override;
  void shutdown_output(io::OnShard& here) override;
  void close(io::OnShard& here) override;
  void abort(io::OnShard& here) override;
  io::Endpoint local() const override { return local_; }
  io::Endpoint peer() const override { return peer_; }
  std::size_t unsent() const override { return socket_ ? socket_.unsent() : 0; }
  std::size_t unread() const override { return socket_ ? socket_.unread() : 0; }

 private:
  void on_socket_change() override;
  void check_open(const io::OnShard& here) const;
  void read_now();
  void tell_writable();
  void end_events();

  SimNetwork& world_;
  io::Shard& shard_;
  SimSocket socket_;
  const io::Endpoint local_;
  const io::Endpoint peer_;
  io::ChannelEvents* events_ = nullptr;
  bool reading_ = false;
  std::span<char> into_;
  bool awaits_room_ = false;
  SimEvent read_event_;
  SimEvent writable_event_;
  SimCensus::Entry entry_;
};

}  // namespace connmgr::testing

// The other side of a test, scripted, not built on connmgr: a till, a bank, an echo server in a few lines.
//
//   SimServer bank(world, "bank", 7000);                                 // accepts, reads, remembers
//   bank.on_bytes = [](SimPeer& peer) { peer.send(peer.take()); };       // echo
//   world.after(5ms, [&] { bank.peer(0).reset(); });
//
//   SimPeer till(world, "till", "localhost", listener->port());          // connects when the world runs
//   till.send("one loaf\n");
//   world.run_until_quiet();
//   EXPECT_EQ(till.received(), "thanks\n");
//
// A peer is told of its bytes in an event of its own, so it may be late in any order the seed picks. Lives
// in the test, after its world. Must not be destroyed from inside its callbacks.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/sim_network.h"

namespace connmgr::testing {

class SimPeer final : private SimSocketUser {
 public:
  SimPeer(SimNetwork& world, const std::string& name, const std::string& host, std::uint16_t port,
          const io::SocketOptions& options = {});
  SimPeer(SimNetwork& world, SimSocket socket);  // an accepted one
  SimPeer(const SimPeer&) = delete;
  SimPeer& operator=(const SimPeer&) = delete;

  std::function<void(SimPeer&)> on_connected;
  std::function<void(SimPeer&)> on_bytes;  // received() grew
  std::function<void(SimPeer&)> on_end;    // end() is no longer none

  bool connected() const noexcept { return static_cast<bool>(socket_); }       // and not closed by itself
  const std::optional<Failure>& failure() const noexcept { return failure_; }  // of connecting
  io::Endpoint address() const { return link_->endpoint(side_); }
  const std::shared_ptr<SimLink>& link() const noexcept { return link_; }  // for faults

  const std::string& received() const noexcept { return received_; }  // and not taken
  std::string take() { return std::exchange(received_, {}); }
  io::ChannelEnd end() const noexcept { return end_; }  // how its input ended, or a write failed
  void stop_reading() { reads_ = false; }               // a slow reader: its kernel's buffer fills
  void read_on();

  // Queued without limit, also while connecting; shutdown and close come after it.
  void send(std::string_view bytes);
  std::size_t unsent() const { return to_send_.size() + (socket_ ? socket_.unsent() : 0); }
  void shutdown();  // FIN; reads on
  void close();
  void reset();   // now, with a RST
  void vanish();  // now, without a word: the other side hears nothing any more

 private:
  void on_socket_change() override;
  void take_socket(SimSocket socket);
  void act();
  void read();
  void flush();

  SimNetwork& world_;
  std::unique_ptr<SimDial> dial_;
  std::shared_ptr<SimLink> link_;
  SimSide side_ = SimSide::client;
  SimSocket socket_;
  SimEvent act_;
  std::optional<Failure> failure_;
  std::string received_;
  SimBytes to_send_;
  io::ChannelEnd end_ = io::ChannelEnd::none;
  bool reads_ = true;
  bool shall_shut_ = false;
  bool shall_close_ = false;
};

class SimServer final {
 public:
  // Listens at once; port 0: a free one.
  SimServer(SimNetwork& world, const std::string& host, std::uint16_t port = 0, int backlog = 128);
  ~SimServer();
  SimServer(const SimServer&) = delete;
  SimServer& operator=(const SimServer&) = delete;

  std::function<void(SimPeer&)> on_accept;
  std::function<void(SimPeer&)> on_bytes;
  std::function<void(SimPeer&)> on_end;

  std::uint16_t port() const noexcept { return number_; }
  std::size_t accepted() const noexcept { return peers_.size(); }
  SimPeer& peer(std::size_t index) { return *peers_.at(index); }  // in order of accepting; stays when ended
  std::size_t open_peers() const;  // whose input has not ended and who were not closed here

  void stop();   // the port is closed, connections stay: who connects is refused
  void start();  // again, on the same port
  void pause_accepting() { accepts_ = false; }  // the backlog fills
  void accept_on();

 private:
  void accept_soon();
  void accept();

  SimNetwork& world_;
  SimHost& host_;
  SimPort port_;
  std::uint16_t number_ = 0;
  bool open_ = false;
  bool accepts_ = true;
  SimEvent accept_;
  std::vector<std::unique_ptr<SimPeer>> peers_;
};

}  // namespace connmgr::testing

// Who is there in the simulated world: hosts with names and addresses, ports in use, and the making of
// connections between them. The host that connmgr runs on is called "localhost"; each other name is a host
// of its own the first time that it is used.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connmgr/core/error.h"
#include "tests/support/sim_link.h"

namespace connmgr::testing {

// A port that somebody listens on: its kernel takes connections up to the backlog, its owner picks them up.
struct SimPort {
  std::string holder;  // for the message of whoever wants the port too
  int backlog = 128;
  io::SocketOptions options;
  std::deque<SimSocket> waiting;
  std::function<void()> on_waiting;  // a connection was added
};

struct SimHost {
  std::string name;
  std::string address;
  bool resolves = true;
  std::map<std::uint16_t, SimPort*> ports;
  std::map<std::uint16_t, std::string> held;  // by programs that this world does not play: who has it

  SimHost& unresolvable(bool on = true) {
    resolves = !on;
    return *this;
  }
};

class SimHosts;

// A connection being made. Destroying it gives it up.
class SimDial {
 public:
  struct Target {
    SimHost* from = nullptr;
    std::string local_address;
    std::string host;
    std::uint16_t port = 0;
    Duration timeout = std::chrono::seconds(10);
    io::SocketOptions options;
  };
  using Done = UniqueFunction<void(Result<SimSocket>)>;  // once, from an event; may destroy the dial

  SimDial(SimHosts& hosts, Target target, Done done);
  SimDial(const SimDial&) = delete;
  SimDial& operator=(const SimDial&) = delete;

 private:
  void resolve();
  void send_syn();
  void syn_arrives();
  void fail(Errc code, const std::string& reason);
  void finish(Result<SimSocket> result);
  void after_a_way(void (SimDial::*step)());

  SimHosts& hosts_;
  const Target target_;
  Done done_;
  SimProfile profile_;
  SimHost* peer_ = nullptr;
  SimSocket socket_;  // made when the peer's kernel has answered
  SimEvent next_;
  SimEvent timeout_;
  Duration again_ = std::chrono::seconds(1);  // a SYN that found the backlog full
};

class SimHosts {
 public:
  explicit SimHosts(SimSchedule& schedule);

  SimSchedule& schedule() noexcept { return schedule_; }
  SimHost& host(const std::string& name);  // made when new; without case
  SimHost& this_host() { return host("localhost"); }
  bool is_this_host(const std::string& address) const { return our_addresses_.contains(address); }
  void add_local_address(const std::string& address) { our_addresses_.insert({address, true}); }

  // How connections behave: those of one address, or all others.
  SimProfile& profile() noexcept { return profile_; }
  SimProfile& at(const std::string& name, std::uint16_t port);
  void set_chaos(const SimChaos& chaos) { chaos_ = chaos; }
  SimProfile profile_for(const std::string& name, std::uint16_t port);

  // Gives `port` to its new owner and tells the number (that of `wanted`, or a free one for 0).
  Result<std::uint16_t> open_port(SimHost& host, std::uint16_t wanted, SimPort& port);
  void close_port(SimHost& host, std::uint16_t number);  // resets what waited in the backlog

  std::uint16_t next_client_port();
  std::shared_ptr<SimLink> make_link(const SimProfile& profile, SimEndSettings client, SimEndSettings server);
  std::shared_ptr<SimLink> link(std::uint32_t number) const;  // from 1; nothing: gone
  std::uint32_t links() const noexcept { return static_cast<std::uint32_t>(links_.size()); }

 private:
  static std::string plain(std::string name);

  SimSchedule& schedule_;
  std::map<std::string, SimHost> hosts_;
  std::map<std::string, bool> our_addresses_;
  SimProfile profile_;
  std::map<std::pair<std::string, std::uint16_t>, SimProfile> profiles_;
  std::optional<SimChaos> chaos_;
  std::vector<std::weak_ptr<SimLink>> links_;
  std::uint16_t last_free_port_ = 39999;
  std::uint16_t last_client_port_ = 49999;
};

}  // namespace connmgr::testing

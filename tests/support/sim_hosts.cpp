#include "tests/support/sim_hosts.h"

#include <algorithm>
#include <utility>

namespace connmgr::testing {
namespace {

bool is_numeric(const std::string& host) {
  return host.find_first_not_of("0123456789.") == std::string::npos || host.find(':') != std::string::npos;
}

}  // namespace

// --- hosts and ports -----------------------------------------------------------------------------------

SimHosts::SimHosts(SimSchedule& schedule)
    : schedule_(schedule), our_addresses_{{"", true},        {"localhost", true}, {"127.0.0.1", true},
                                          {"::1", true},     {"0.0.0.0", true},   {"::", true},
                                          {"10.0.0.1", true}} {}

std::string SimHosts::plain(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

SimHost& SimHosts::host(const std::string& written) {
  std::string name = plain(written);
  if (is_this_host(name)) name = "localhost";
  const auto [place, is_new] = hosts_.try_emplace(name);
  SimHost& host = place->second;
  if (is_new) {
    host.name = name;
    host.address = name == "localhost" ? "127.0.0.1"
                   : is_numeric(name)  ? name
                                       : "10.0.0." + std::to_string(hosts_.size() + 1);
  }
  return host;
}

SimProfile& SimHosts::at(const std::string& name, std::uint16_t port) {
  return profiles_.try_emplace({host(name).name, port}, profile_).first->second;
}

SimProfile SimHosts::profile_for(const std::string& name, std::uint16_t port) {
  const auto own = profiles_.find({host(name).name, port});
  if (own != profiles_.end()) return own->second;
  return chaos_ ? draw_profile(schedule_.random(), *chaos_) : profile_;
}

Result<std::uint16_t> SimHosts::open_port(SimHost& host, std::uint16_t wanted, SimPort& port) {
  const auto holder_of = [&host](std::uint16_t number) -> std::string {
    if (const auto other = host.ports.find(number); other != host.ports.end()) return other->second->holder;
    if (const auto other = host.held.find(number); other != host.held.end()) return other->second;
    return {};
  };
  std::uint16_t number = wanted;
  if (wanted == 0) {
    do {
      number = ++last_free_port_;
    } while (!holder_of(number).empty());
  } else if (const std::string holder = holder_of(wanted); !holder.empty()) {
    return Failure(Errc::port_in_use, "listen on port " + std::to_string(wanted) +
                                          ": address already in use, held by " + holder);
  }
  host.ports[number] = &port;
  return number;
}

void SimHosts::close_port(SimHost& host, std::uint16_t number) {
  const auto place = host.ports.find(number);
  check(place != host.ports.end(), "the port is not open");
  for (SimSocket& socket : place->second->waiting) socket.abort();
  place->second->waiting.clear();
  host.ports.erase(place);
}

std::uint16_t SimHosts::next_client_port() {
  last_client_port_ = last_client_port_ == 65535 ? 50000 : last_client_port_ + 1;
  return last_client_port_;
}

std::shared_ptr<SimLink> SimHosts::make_link(const SimProfile& profile, SimEndSettings client,
                                             SimEndSettings server) {
  const auto number = static_cast<std::uint32_t>(links_.size() + 1);
  auto link = std::make_shared<SimLink>(schedule_, number, profile, std::move(client), std::move(server));
  links_.push_back(link);
  link->start();
  return link;
}

std::shared_ptr<SimLink> SimHosts::link(std::uint32_t number) const {
  return number >= 1 && number <= links_.size() ? links_[number - 1].lock() : nullptr;
}

// --- making a connection -------------------------------------------------------------------------------

SimDial::SimDial(SimHosts& hosts, Target target, Done done)
    : hosts_(hosts), target_(std::move(target)), done_(std::move(done)) {
  profile_ = hosts_.profile_for(target_.host, target_.port);
  after_a_way(&SimDial::resolve);
  const TimePoint limit = deadline_after(hosts_.schedule().now(), target_.timeout);
  if (limit == kNever) return;
  timeout_ = hosts_.schedule().at(limit, SimSchedule::Kind::timer, [this] {
    fail(Errc::connect_timeout,
         "no answer within " +
             std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(target_.timeout).count()) +
             " ms");
  });
}

void SimDial::after_a_way(void (SimDial::*step)()) {
  SimSchedule& schedule = hosts_.schedule();
  const Duration latency = schedule.random().between(profile_.latency_min, profile_.latency_max);
  next_ = schedule.at(schedule.now() + latency, SimSchedule::Kind::work, [this, step] { (this->*step)(); });
}

void SimDial::resolve() {
  peer_ = &hosts_.host(target_.host);
  if (!peer_->resolves) return fail(Errc::resolve_failed, "the host name has no address");
  if (!target_.local_address.empty() && !hosts_.is_this_host(target_.local_address)) {
    return fail(Errc::address_unavailable,
                "local address " + target_.local_address + " is not one of this host");
  }
  after_a_way(&SimDial::syn_arrives);
}

void SimDial::send_syn() {
  after_a_way(&SimDial::syn_arrives);
}

void SimDial::syn_arrives() {
  SimSchedule& schedule = hosts_.schedule();
  if (profile_.way == SimWay::hang) return;
  if (profile_.way == SimWay::unreachable) return fail(Errc::connect_failed, "no route to host");
  const auto place = peer_->ports.find(target_.port);
  const bool taken_by_other = peer_->held.contains(target_.port);
  if (profile_.way == SimWay::refuse || (place == peer_->ports.end() && !taken_by_other)) {
    return fail(Errc::connect_failed, "connection refused");
  }
  if (taken_by_other) return;  // a program that is not played does not answer
  SimPort& port = *place->second;
  if (static_cast<int>(port.waiting.size()) >= port.backlog) {
    schedule.note({"port", target_.port}, "backlog full, drops SYN");
    next_ = schedule.at(schedule.now() + again_, SimSchedule::Kind::timer, [this] { send_syn(); });
    again_ *= 2;
    return;
  }
  const std::string own = !target_.local_address.empty()      ? target_.local_address
                          : peer_->name == target_.from->name ? "127.0.0.1"
                          : target_.from->name == "localhost" ? "10.0.0.1"
                                                              : target_.from->address;
  const std::string theirs = peer_->name == "localhost" && own != "127.0.0.1" ? "10.0.0.1" : peer_->address;
  const auto link =
      hosts_.make_link(profile_, end_settings({own, hosts_.next_client_port()}, target_.options),
                       end_settings({theirs, target_.port}, port.options));
  socket_ = SimSocket(link, SimSide::client);
  port.waiting.emplace_back(link, SimSide::server);
  if (port.on_waiting) port.on_waiting();
  const Duration latency = schedule.random().between(profile_.latency_min, profile_.latency_max);
  next_ = schedule.at(schedule.now() + latency, SimSchedule::Kind::work, [this] {
    timeout_.cancel();
    finish(std::move(socket_));
  });
}

void SimDial::fail(Errc code, const std::string& reason) {
  const std::string text = "connect to " + target_.host + ':' + std::to_string(target_.port) + ": " + reason;
  finish(Failure(code, text));
}

void SimDial::finish(Result<SimSocket> result) {
  next_.cancel();
  timeout_.cancel();
  Done done = std::move(done_);  // *this may go in there
  done(std::move(result));
}

}  // namespace connmgr::testing

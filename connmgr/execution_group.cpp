#include "connmgr/execution_group.h"

#include <pthread.h>
#include <strings.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "connmgr/client_connection_manager.h"
#include "connmgr/io/asio_network.h"
#include "connmgr/server_connection_manager.h"

namespace connmgr {
namespace {

constexpr unsigned kMostShards = 8;

unsigned shard_count(unsigned wanted) {
  if (wanted == 0) wanted = std::clamp(std::thread::hardware_concurrency(), 1u, kMostShards);
  return std::min(wanted, 64u);  // one bit each where shards are woken
}

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

std::shared_ptr<const ConfigurableService> built_in(ServiceKind kind) {
  auto service = std::make_shared<ConfigurableService>();
  service->name = "Default";
  service->kind = kind;
  return service;
}

// The same properties at the node's own address.
std::shared_ptr<const ConfigurableService> at_address(const ConfigurableService& service,
                                                      const ConnectionText& text) {
  auto copy = std::make_shared<ConfigurableService>(service);
  if (copy->kind == ServiceKind::client) {
    copy->hostname = text.host.empty() ? "localhost" : text.host;
  } else if (!text.host.empty()) {
    copy->bind_address = text.host;
  }
  copy->port = *text.port;
  copy->port_auto = false;
  copy->port_of.clear();
  return copy;
}

}  // namespace

void ManagerUse::end() noexcept {
  if (!manager_) return;
  const auto manager = std::exchange(manager_, nullptr);
  group_->end_use(manager);
}

ManagerUse& ManagerUse::operator=(ManagerUse&& other) noexcept {
  if (this == &other) return *this;
  end();
  manager_ = std::move(other.manager_);
  group_ = other.group_;
  return *this;
}

ExecutionGroup::ExecutionGroup(const ExecutionGroupSettings& settings, std::unique_ptr<io::Network> network)
    : own_network_(network ? std::move(network) : io::make_asio_network()), network_(own_network_.get()) {
  for (unsigned i = 0; i < shard_count(settings.shards); ++i) {
    shards_.push_back(std::make_unique<io::Shard>(static_cast<ShardIndex>(i), *network_));
  }
  services_ = {built_in(ServiceKind::client), built_in(ServiceKind::server)};
  if (network_->wants_threads()) run_threads();
}

ExecutionGroup::ExecutionGroup(const ExecutionGroupSettings& settings, io::Network& network)
    : network_(&network) {
  for (unsigned i = 0; i < shard_count(settings.shards); ++i) {
    shards_.push_back(std::make_unique<io::Shard>(static_cast<ShardIndex>(i), *network_));
  }
  services_ = {built_in(ServiceKind::client), built_in(ServiceKind::server)};
  if (network_->wants_threads()) run_threads();
}

void ExecutionGroup::run_threads() {
  const sigset_t signals = ending_signals();
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &signals, &before);  // inherited by the threads
  for (const auto& shard : shards_) {
    threads_.emplace_back([loop = &shard->loop()] { loop->run(); });
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ExecutionGroup::~ExecutionGroup() {
  if (network_->wants_threads()) {
    stop();
    for (const auto& shard : shards_) shard->loop().stop();
    for (std::thread& thread : threads_) thread.join();
  } else {
    begin_stop();
    check(stopped(), "a simulated execution group is destroyed before its world has let it stop");
  }
  take_ended();
  keeping_.clear();
}

void ExecutionGroup::set_services(std::vector<ServicePointer> services) {
  for (const ServiceKind kind : {ServiceKind::client, ServiceKind::server}) {
    const bool given = std::any_of(services.begin(), services.end(), [kind](const ServicePointer& s) {
      return s->kind == kind && s->name == "Default";
    });
    if (!given) services.push_back(built_in(kind));
  }
  const std::lock_guard lock(mutex_);
  services_ = std::move(services);
}

ExecutionGroup::ServicePointer ExecutionGroup::find_service(ServiceKind kind, std::string_view name) const {
  const std::lock_guard lock(mutex_);
  return find_by_name(kind, name);
}

ExecutionGroup::ServicePointer ExecutionGroup::find_by_name(ServiceKind kind, std::string_view name) const {
  for (const auto& service : services_) {
    if (service->kind == kind && service->name == name) return service;
  }
  return nullptr;
}

// Hosts compare as written, without case (G5).
ExecutionGroup::ServicePointer ExecutionGroup::find_by_address(ServiceKind kind, std::string_view host,
                                                               std::uint16_t port) const {
  for (const auto& service : services_) {
    if (service->kind != kind || service->port != port) continue;
    const std::string& own = kind == ServiceKind::client ? service->hostname : service->bind_address;
    if (kind == ServiceKind::server && (own.empty() || host.empty())) return service;
    if (own.size() == host.size() && strncasecmp(own.data(), host.data(), own.size()) == 0) return service;
  }
  return nullptr;
}

// `port: {of: pos}`: where that server service of this group listens now (G5).
Result<std::uint16_t> ExecutionGroup::port_of(const std::string& server_service) const {
  for (const auto& [key, entry] : managers_) {
    if (entry.manager->kind() == ServiceKind::server && entry.manager->service()->name == server_service) {
      return entry.manager->port();
    }
  }
  return Failure(Errc::invalid_configuration, "port: {of: " + server_service +
                                                  "}: no flow has deployed the server service '" +
                                                  server_service + "' in this execution group yet");
}

Result<ExecutionGroup::Wanted> ExecutionGroup::resolve(ServiceKind kind, const ConnectionText& text) const {
  const std::string side = kind == ServiceKind::client ? "client" : "server";
  if (!text.port) {
    ServicePointer service = find_by_name(kind, text.service);
    if (!service) {
      std::string known;
      for (const auto& s : services_) {
        if (s->kind == kind) known += (known.empty() ? "" : ", ") + s->name;
      }
      return Failure(Errc::unknown_service,
                     "no " + side + " service named '" + text.service + "'; there are: " + known);
    }
    if (!has_address(*service)) {
      return Failure(Errc::invalid_configuration, "the " + side + " service '" + text.service +
                                                      "' has no port; give the address as " + text.service +
                                                      (kind == ServiceKind::client ? "@host:port" : "@port"));
    }
    if (!service->port_of.empty()) {
      const auto port = port_of(service->port_of);
      if (!port) return Failure(port.error().code, service->name + ": " + port.error().text);
      auto copy = std::make_shared<ConfigurableService>(*service);
      copy->port = *port;
      service = std::move(copy);
    }
    return Wanted{side + ":" + text.service, std::move(service)};
  }

  const std::string host = text.host.empty() && kind == ServiceKind::client ? "localhost" : text.host;
  ServicePointer service =
      text.service.empty() ? find_by_address(kind, host, *text.port) : find_by_name(kind, text.service);
  if (service && text.service.empty()) return Wanted{side + ":" + service->name, std::move(service)};
  if (!service && !text.service.empty()) {
    return Failure(Errc::unknown_service, "no " + side + " service named '" + text.service + "'");
  }
  if (!service) service = find_by_name(kind, "Default");
  const std::string address = (host.empty() ? "" : host + ":") + std::to_string(*text.port);
  return Wanted{side + ":" + service->name + "@" + address, at_address(*service, text)};
}

Result<ManagerUse> ExecutionGroup::use(ServiceKind kind, std::string_view connection_details,
                                       bool for_input) {
  auto text = parse_connection_details(kind, connection_details);
  if (!text) return text.error();
  const auto ended = take_ended();  // destroyed after the lock
  const std::lock_guard lock(mutex_);
  if (stopping_) return Failure(Errc::shutting_down);
  auto wanted = resolve(kind, *text);
  if (!wanted) return wanted.error();

  auto found = managers_.find(wanted->key);
  if (found == managers_.end()) {
    const std::string name = wanted->key.substr(wanted->key.find(':') + 1);
    const ManagerSurroundings around{shards(), *network_, holder_names_};
    std::shared_ptr<ConnectionManager> manager;
    if (kind == ServiceKind::client) {
      manager = std::make_shared<ClientConnectionManager>(name, wanted->service, for_input, around);
    } else {
      manager = std::make_shared<ServerConnectionManager>(name, wanted->service, around);
    }
    manager->on_ended([this] {
      const std::lock_guard ended_lock(mutex_);
      --not_ended_;
      manager_ended_.notify_all();
    });
    if (auto started = manager->start(); !started) return started.error();
    ++not_ended_;
    found = managers_.emplace(wanted->key, Entry{std::move(manager)}).first;
  } else if (for_input && kind == ServiceKind::client) {
    found->second.manager->apply(wanted->service, true);  // an unset minimum becomes 1 now (G7)
  }
  ++found->second.uses;
  ManagerUse use;
  use.manager_ = found->second.manager;
  use.group_ = this;
  return use;
}

void ExecutionGroup::end_use(const std::shared_ptr<ConnectionManager>& manager) noexcept {
  const auto ended = take_ended();
  const std::lock_guard lock(mutex_);
  const auto entry = std::find_if(managers_.begin(), managers_.end(),
                                  [&](const auto& e) { return e.second.manager == manager; });
  if (entry == managers_.end() || --entry->second.uses != 0) return;
  const Duration keep = manager->service()->keep_manager;
  if (keep == Duration::zero() || stopping_) {
    stop_manager(entry);
  } else {
    entry->second.unused_since = ++ends_of_use_;
    stop_later(entry->first, entry->second.unused_since, keep);
  }
}

void ExecutionGroup::stop_later(const std::string& key, std::uint64_t unused_since, Duration after) {
  shards_.front()->post([this, key, unused_since, after](OnShard& here) {
    std::erase_if(keeping_, [](const auto& deadline) { return deadline->when() == kNever; });
    keeping_.push_back(std::make_unique<io::Deadline>(io::ShardTask([this, key, unused_since](OnShard&) {
      const std::lock_guard lock(mutex_);
      const auto entry = managers_.find(key);
      if (entry == managers_.end() || entry->second.uses != 0 || entry->second.unused_since != unused_since)
        return;
      stop_manager(entry);
    })));
    keeping_.back()->set(here, deadline_after(here.now(), after));
  });
}

// Under the registry's lock: out of the registry, so that the next use makes a new one (G1).
void ExecutionGroup::stop_manager(std::map<std::string, Entry>::iterator entry) {
  const auto manager = entry->second.manager;
  managers_.erase(entry);
  draining_.push_back(manager);
  manager->stop(Errc::manager_stopped, CloseCause::shutdown, manager->service()->drain_timeout);
}

std::vector<std::shared_ptr<ConnectionManager>> ExecutionGroup::take_ended() {
  std::vector<std::shared_ptr<ConnectionManager>> ended;
  const std::lock_guard lock(mutex_);
  std::erase_if(draining_, [&](auto& manager) {
    if (!manager->ended()) return false;
    ended.push_back(std::move(manager));
    return true;
  });
  return ended;
}

std::vector<io::Shard*> ExecutionGroup::shards() const {
  std::vector<io::Shard*> all;
  for (const auto& shard : shards_) all.push_back(shard.get());
  return all;
}

std::vector<ManagerSnapshot> ExecutionGroup::snapshots() const {
  std::vector<std::shared_ptr<ConnectionManager>> managers;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, entry] : managers_) managers.push_back(entry.manager);
  }
  std::vector<ManagerSnapshot> all;
  for (const auto& manager : managers) all.push_back(manager->snapshot());
  return all;
}

int ExecutionGroup::run_until_signal(UniqueFunction<void()> on_signal) {
  const sigset_t signals = ending_signals();
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  int which = 0;
  while (sigwait(&signals, &which) != 0) {
  }
  if (on_signal) on_signal();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return which;
}

void ExecutionGroup::begin_stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  while (!managers_.empty()) stop_manager(managers_.begin());
}

bool ExecutionGroup::stopped() const {
  const std::lock_guard lock(mutex_);
  return managers_.empty() && not_ended_ == 0;
}

void ExecutionGroup::stop() {
  check(io::Shard::current() == nullptr, "stop() blocks: it cannot be called on a shard");
  begin_stop();
  std::unique_lock lock(mutex_);
  manager_ended_.wait(lock, [this] { return not_ended_ == 0; });
}

}  // namespace connmgr

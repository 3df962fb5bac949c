#include "services/programs/connmgr-host/host.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "connmgr/execution_group.h"
#include "nodes/flow.h"
#include "nodes/samples/samples.h"
#include "services/load.h"
#include "services/programs/connmgr-host/host_report.h"
#include "services/programs/support/report.h"

namespace connmgr::programs {
namespace {

// NAME PORT of each server manager, a line each: what a script needs where a service says `port: auto`.
std::string ports_of(const std::vector<ManagerSnapshot>& managers) {
  std::string text;
  for (const ManagerSnapshot& manager : managers) {
    if (manager.kind == ServiceKind::server) text += manager.name + " " + std::to_string(manager.port) + "\n";
  }
  return text;
}

// A second signal ends the program at once, for those who will not wait for what is under way. One that
// comes with the first does not count: `timeout`, shells and supervisors often send to a process and
// its group, so that it arrives twice.
std::atomic<std::int64_t> g_first_signal_at{0};  // steady clock, nanoseconds; 0: none yet

std::int64_t steady_now() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

void on_second_signal(int signal) {
  const std::int64_t first = g_first_signal_at.load();
  if (first != 0 && steady_now() - first < std::chrono::nanoseconds(std::chrono::seconds(1)).count()) return;
  ::_exit(128 + signal);
}

// While one of these lives, SIGINT and SIGTERM wait: one that comes before run_until_signal() is taken there,
// so that a host ends cleanly from the moment its ready file is there.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM}) {
      std::signal(signal, on_second_signal);
      sigaddset(&signals_, signal);
    }
    ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  ~SignalsHeld() { ::pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr); }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

 private:
  sigset_t signals_{};
};

bool write_file(const std::string& path, const std::string& content) {
  const int error = write_file_whole(path, content);
  if (error != 0)
    std::fprintf(stderr, "connmgr-host: cannot write %s: %s\n", path.c_str(), std::strerror(error));
  return error == 0;
}

using Flows = std::vector<std::unique_ptr<nodes::Flow>>;

// Not deployed yet. False: some name is no flow's; all such are told.
bool make_flows(ExecutionGroup& group, const std::vector<std::string>& names, Flows& flows) {
  bool good = true;
  for (const std::string& name : names) {
    if (auto flow = nodes::samples::make_sample_flow(group, name)) {
      flows.push_back(*std::move(flow));
    } else {
      std::fprintf(stderr, "connmgr-host: --flow: %s\n", flow.error().text.c_str());
      good = false;
    }
  }
  return good;
}

bool deploy(Flows& flows) {
  for (const auto& flow : flows) {
    if (auto deployed = flow->try_deploy(); !deployed) {
      std::fprintf(stderr, "connmgr-host: cannot deploy %s\n", deployed.error().text.c_str());
      return false;
    }
  }
  return true;
}

// Uses of the managers that live now: they outlive the flows, so that their figures hold all that flows did.
std::vector<ManagerUse> keep(ExecutionGroup& group) {
  std::vector<ManagerUse> kept;
  for (const ManagerSnapshot& manager : group.snapshots()) {
    if (auto use = group.use(manager.kind, manager.name)) kept.push_back(*std::move(use));
  }
  return kept;
}

void say_managers(const std::vector<ManagerSnapshot>& managers) {
  for (const ManagerSnapshot& m : managers) {
    const bool server = m.kind == ServiceKind::server;
    spdlog::info("{} service '{}' {} {}", server ? "server" : "client", m.name,
                 server ? "listens on" : "connects to", m.address);
  }
}

}  // namespace

int run_host(const HostOptions& options) {
  ExecutionGroup group({.shards = options.shards});
  Flows flows;  // end before the group
  if (!make_flows(group, options.flows, flows)) return static_cast<int>(Exit::usage);
  if (auto loaded = services::load(group, options.services, options.overrides); !loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().text.c_str());
    return static_cast<int>(Exit::usage);
  }
  std::optional<SignalsHeld> held(std::in_place);
  if (!deploy(flows)) return static_cast<int>(Exit::difference);
  say_managers(group.snapshots());
  if (!options.ready_file.empty() && !write_file(options.ready_file, ports_of(group.snapshots()))) {
    return static_cast<int>(Exit::difference);
  }
  spdlog::info("ready: {} flow{} on {} I/O thread{}; Ctrl-C ends it", flows.size(),
               flows.size() == 1 ? "" : "s", group.shards().size(), group.shards().size() == 1 ? "" : "s");

  const int signal = group.run_until_signal([] { g_first_signal_at = steady_now(); });
  held.reset();
  spdlog::info("{}: flows finish what they have begun; once more ends at once", strsignal(signal));
  std::vector<ManagerUse> kept = keep(group);
  for (auto& flow : flows) flow->begin_undeploy();
  for (auto flow = flows.rbegin(); flow != flows.rend(); ++flow) (*flow)->undeploy();
  const auto managers = group.snapshots();
  kept.clear();
  std::fputs(managers_table(managers).c_str(), stdout);
  if (!options.report_file.empty() && !write_file(options.report_file, managers_json(managers))) {
    return static_cast<int>(Exit::difference);
  }
  return static_cast<int>(Exit::good);
}

}  // namespace connmgr::programs

#include "services/programs/connmgr-host/host.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>

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

int wait_for_signal(ExecutionGroup& group) {
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, on_second_signal);
  const int signal = group.run_until_signal([] { g_first_signal_at = steady_now(); });
  return signal;
}

bool write_file(const std::string& path, const std::string& content) {
  const int error = write_file_whole(path, content);
  if (error != 0)
    std::fprintf(stderr, "connmgr-host: cannot write %s: %s\n", path.c_str(), std::strerror(error));
  return error == 0;
}

// A flow that could not be made, or deployed, is told with its name; what was deployed before ends with it.
bool deploy(ExecutionGroup& group, const std::string& name,
            std::vector<std::unique_ptr<nodes::Flow>>& flows) {
  auto flow = nodes::samples::make_sample_flow(group, name);
  if (!flow) {
    std::fprintf(stderr, "connmgr-host: %s\n", flow.error().text.c_str());
    return false;
  }
  if (auto deployed = (*flow)->try_deploy(); !deployed) {
    std::fprintf(stderr, "connmgr-host: flow '%s' cannot be deployed: %s\n", name.c_str(),
                 deployed.error().text.c_str());
    return false;
  }
  flows.push_back(*std::move(flow));
  return true;
}

}  // namespace

int run_host(const HostOptions& options) {
  ExecutionGroup group({.shards = options.shards});
  if (auto loaded = services::load(group, options.services, options.overrides); !loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().text.c_str());
    return static_cast<int>(Exit::usage);
  }
  std::vector<std::unique_ptr<nodes::Flow>> flows;  // ends before the group
  for (const std::string& name : options.flows) {
    if (!deploy(group, name, flows)) return static_cast<int>(Exit::difference);
  }
  for (const ManagerSnapshot& m : group.snapshots()) {
    spdlog::info("{} {} {}", m.name, m.kind == ServiceKind::server ? "listens on" : "connects to", m.address);
  }
  if (!options.ready_file.empty() && !write_file(options.ready_file, ports_of(group.snapshots()))) {
    return static_cast<int>(Exit::difference);
  }
  spdlog::info("ready: {} flow{} on {} I/O thread{}; Ctrl-C ends it", flows.size(),
               flows.size() == 1 ? "" : "s", group.shards().size(), group.shards().size() == 1 ? "" : "s");

  const int signal = wait_for_signal(group);
  spdlog::info("{}: flows finish what they have begun; once more ends at once", strsignal(signal));
  for (auto& flow : flows) flow->begin_undeploy();
  const auto managers = group.snapshots();  // while they are still there
  for (auto flow = flows.rbegin(); flow != flows.rend(); ++flow) (*flow)->undeploy();
  std::fputs(managers_table(managers).c_str(), stdout);
  if (!options.report_file.empty() && !write_file(options.report_file, managers_json(managers))) {
    return static_cast<int>(Exit::difference);
  }
  return static_cast<int>(Exit::good);
}

}  // namespace connmgr::programs

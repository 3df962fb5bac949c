// connmgr-host: the command line. What it does is in connmgr-host/.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "nodes/samples/samples.h"
#include "services/programs/connmgr-host/host.h"
#include "services/programs/support/report.h"

namespace {

using namespace connmgr;

constexpr const char* kExamples = R"(
Examples:
  # the sample that takes lines from many senders, passes each on and acknowledges it
  connmgr-host --services services/examples --flow expenses --set ledger.port=7795

  # which flows are compiled in
  connmgr-host --list-flows

  # for scripts: ports that the system chose, and figures at the end
  connmgr-host --services my-services --flow expenses --ready-file ready --report report.json

Exit status: 0 ended by a signal, cleanly; 1 a flow could not be deployed (port in use, unknown service) or a file
not written; 2 the command line or a service file is wrong, each mistake with file and line, or the services may
need more descriptors than the process may have; 128 + signal when a second signal ended it at once.
)";

int list_flows() {
  for (const auto& sample : nodes::samples::sample_flows()) {
    std::printf("%-10s %s\n%-10s needs: %s\n", std::string(sample.name).c_str(),
                std::string(sample.what).c_str(), "", std::string(sample.services).c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  programs::HostOptions options;
  bool list = false;
  std::string level = "info";
  CLI::App app("Runs message flows over pooled TCP connections, as service files describe them.",
               "connmgr-host");
  app.footer(kExamples);
  app.add_option("--services", options.services, "directory of service files (*.yaml, *.json), or one file")
      ->type_name("PATH");
  app.add_option("--flow", options.flows, "a compiled-in flow to deploy; may be given several times")
      ->type_name("NAME");
  app.add_flag("--list-flows", list, "print the compiled-in flows and what they do");
  app.add_option("--set", options.overrides, "a property of a service, over what its file says")
      ->type_name("NAME.PROPERTY=VALUE");
  app.add_option("--shards", options.shards, "I/O threads; 0: one for each core, at most 8")
      ->check(CLI::Range(0u, 64u))
      ->capture_default_str();
  app.add_option("--ready-file", options.ready_file, "when all is deployed: NAME PORT of each server service")
      ->type_name("FILE");
  app.add_option("--report", options.report_file, "at the end: figures of each manager, as JSON")
      ->type_name("FILE");
  app.add_option("--log-level", level, "trace, debug, info, warn, error or off")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(programs::Exit::usage);
  }
  if (list) return list_flows();
  if (options.services.empty() || options.flows.empty()) {
    std::fputs(
        "connmgr-host: --services PATH and at least one --flow NAME are needed.\nTry connmgr-host --help.\n",
        stderr);
    return static_cast<int>(programs::Exit::usage);
  }
  // To stderr: stdout is for what was asked for, as with every program here.
  spdlog::set_default_logger(spdlog::stderr_color_mt("connmgr-host"));
  spdlog::set_pattern("%Y-%m-%d %T.%e %^%-7l%$ %v");
  spdlog::set_level(spdlog::level::from_str(level));
  try {
    return programs::run_host(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "connmgr-host: %s\n", error.what());
    return static_cast<int>(programs::Exit::difference);
  }
}

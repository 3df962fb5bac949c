// An execution group run from files: loads services, deploys flows, runs until a signal, ends cleanly.
#pragma once

#include <string>
#include <vector>

namespace connmgr::programs {

struct HostOptions {
  std::string services;                // file or directory
  std::vector<std::string> flows;      // names of compiled-in flows
  std::vector<std::string> overrides;  // NAME.PROPERTY=VALUE
  unsigned shards = 0;                 // 0: one for each core, at most 8
  std::string ready_file;              // written when every flow is deployed
  std::string report_file;             // JSON, at the end
};

// The exit status of the program (see --help). Messages go to the log and to stderr.
int run_host(const HostOptions& options);

}  // namespace connmgr::programs

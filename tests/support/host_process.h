// connmgr-host as a user runs it, and the far ends of its sample flows.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/tcp_socket.h"

namespace connmgr::test {

using Arguments = std::vector<std::string>;

inline Arguments operator+(Arguments all, const Arguments& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

inline std::string content_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    char name[] = "/tmp/connmgr-test-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name)) << text;
    return file(name);
  }

 private:
  std::string path_;
};

// A connmgr-receive that runs: the ledger of the flow `expenses` unless told otherwise.
class FarEnd {
 public:
  FarEnd(const std::string& program, const Arguments& options)
      : process_(Arguments{program, "--listen", "auto", "--framing", "length4"} + options) {
    const std::string where = process_.wait_for_error_text("listening on 127.0.0.1:");
    port_ = where.substr(0, where.find(','));
  }
  const std::string& port() const { return port_; }
  ChildProcess::Finished wait() { return process_.wait(); }

 private:
  ChildProcess process_;
  std::string port_;
};

// A host that has said that it is ready, with the services of services/examples/.
class Host {
 public:
  Host(const std::string& program, const Arguments& options)
      : process_(Arguments{program, "--services", CONNMGR_SOURCE_DIR "/services/examples", "--shards", "2",
                           "--ready-file", folder_.file("ready"), "--report", folder_.file("report")} +
                 options) {
    process_.wait_for_error_text("ready: ");
  }

  std::string ready_file() const { return content_of(folder_.file("ready")); }
  std::string report() const { return content_of(folder_.file("report")); }
  // Of a server service, as the ready file tells it.
  std::string port_of(const std::string& service) const {
    std::ifstream ready(folder_.file("ready"));
    for (std::string name, port; ready >> name >> port;) {
      if (name == service) return port;
    }
    ADD_FAILURE() << "the ready file does not name '" << service << "'";
    return "0";
  }
  ChildProcess& process() { return process_; }
  ChildProcess::Finished end(int signal) {
    process_.signal(signal);
    return process_.wait();
  }

 private:
  TemporaryFolder folder_;
  ChildProcess process_;
};

// The value of a key in a JSON text; of the first one behind `after`.
inline std::string json_value(const std::string& json, const std::string& key,
                              const std::string& after = "{") {
  const auto from = json.find(after);
  const auto at = from == std::string::npos ? from : json.find("\"" + key + "\"", from);
  if (at == std::string::npos) return "no '" + key + "' in " + json;
  const auto begin = json.find_first_not_of(": ", at + key.size() + 2);
  return json.substr(begin, json.find_first_of(",\n}", begin) - begin);
}

}  // namespace connmgr::test

// The README's program, compiled exactly as it is printed there (see readme/CMakeLists.txt), run as a user
// runs it; and its service file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "services/config/service_directory.h"
#include "tests/support/child_process.h"
#include "tests/support/tcp_socket.h"

namespace connmgr::test {
namespace {

using ::testing::HasSubstr;

std::string content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Readme : public ::testing::Test {
 protected:
  Readme() {
    char name[] = "/tmp/connmgr-readme-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~Readme() override { std::filesystem::remove_all(folder_); }

  // The printed service file, at another port.
  std::string service_file_at(const std::string& port) const {
    std::string text = content(CONNMGR_README_SERVICES);
    const std::string printed = "port: 7790";
    const auto at = text.find(printed);
    EXPECT_NE(at, std::string::npos) << text;
    if (at != std::string::npos) text.replace(at, printed.size(), "port: " + port);
    const std::string path = folder_ + "/services.yaml";
    std::ofstream(path) << text;
    return path;
  }

  // The program says nothing when it is ready: its port does.
  static Socket connected_once_it_listens(ChildProcess& program, const std::string& port) {
    while (program.running()) {
      if (auto socket = Socket::try_connected_to(port)) return *std::move(socket);
      std::this_thread::yield();
    }
    ADD_FAILURE() << "the program ended, or never listened on port " << port;
    return Socket::bound();
  }

  // The main thread has nothing left to do but to wait for a signal.
  static void wait_until_main_thread_sleeps(ChildProcess& program) {
    const std::string file = "/proc/" + std::to_string(program.pid()) + "/stat";
    while (program.running()) {
      const std::string stat = content(file);
      const auto name_end = stat.rfind(") ");
      if (name_end != std::string::npos && stat[name_end + 2] == 'S') return;
      std::this_thread::yield();
    }
  }

  std::string folder_;
};

TEST_F(Readme, PrintsAProgramThatAnswersEveryConnectionAndEndsCleanlyWhenAsked) {
  const Socket reserved = Socket::bound();
  ChildProcess program({CONNMGR_README_PROGRAM, service_file_at(reserved.port())});
  std::vector<Socket> peers;
  peers.push_back(connected_once_it_listens(program, reserved.port()));
  while (peers.size() < 20) peers.push_back(Socket::connected_to(reserved.port()));

  for (int round = 0; round < 5; ++round) {
    for (std::size_t i = 0; i < peers.size(); ++i) {
      peers[i].send("peer " + std::to_string(i) + " in round " + std::to_string(round) + "\n");
    }
    for (std::size_t i = 0; i < peers.size(); ++i) {
      EXPECT_EQ(peers[i].read_line(),
                "hello peer " + std::to_string(i) + " in round " + std::to_string(round) + "\n");
    }
  }
  wait_until_main_thread_sleeps(program);
  program.signal(SIGTERM);
  for (Socket& peer : peers) {
    EXPECT_EQ(peer.read_line(), "") << "a byte too many";
    peer.close();
  }
  const auto ended = program.wait();

  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_EQ(ended.error + ended.out, "");
  EXPECT_FALSE(Socket::try_connected_to(reserved.port()));
}

TEST_F(Readme, PrintsAProgramThatTellsEveryMistakeInAServiceFile) {
  const std::string file = folder_ + "/wrong.yaml";
  std::ofstream(file) << "server_services:\n  - name: pos\n    prot: 7790\n    max_connections: many\n";

  const auto ended = ChildProcess({CONNMGR_README_PROGRAM, file}).wait();

  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.error, HasSubstr(file + ":3:5: "));
  EXPECT_THAT(ended.error, HasSubstr(file + ":4:22: "));
}

TEST_F(Readme, PrintsAServiceFileThatLoads) {
  const auto loaded = services::load_services(CONNMGR_README_SERVICES);

  ASSERT_TRUE(loaded) << loaded.text();
  const auto& all = loaded.services.services;
  const auto named = [&](ServiceKind kind, std::string_view name) {
    const auto at = std::find_if(all.begin(), all.end(),
                                 [&](const auto& one) { return one->kind == kind && one->name == name; });
    return at == all.end() ? nullptr : at->get();
  };
  ASSERT_TRUE(named(ServiceKind::server, "pos"));
  ASSERT_TRUE(named(ServiceKind::client, "orders"));
  EXPECT_EQ(named(ServiceKind::server, "pos")->max_connections, 500u);
  EXPECT_EQ(named(ServiceKind::client, "orders")->connection_timeout, std::chrono::seconds(5));
}

}  // namespace
}  // namespace connmgr::test

#include "connmgr/io/port_holder.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace connmgr::io {
namespace {

namespace fs = std::filesystem;

// The sockets that listen on `port`, as /proc/PID/fd shows them: "socket:[12345]". Lines of /proc/net/tcp:
//   sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ...
void add_listening_sockets(const char* table, std::uint16_t port, std::vector<std::string>& sockets) {
  constexpr std::string_view kListening = "0A";
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);  // headings
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string number, local, remote, state, queues, timer, retransmits, user, timeout, inode;
    words >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >> timeout >> inode;
    const std::size_t colon = local.rfind(':');
    if (state != kListening || colon == std::string::npos) continue;
    unsigned listens_on = 0;
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), listens_on, 16);
    if (listens_on == port) sockets.push_back("socket:[" + inode + "]");
  }
}

bool has_one_of(const fs::path& process, const std::vector<std::string>& sockets) {
  std::error_code error;
  for (fs::directory_iterator each(process / "fd", error), end; !error && each != end;
       each.increment(error)) {
    std::error_code unreadable;
    const std::string target = fs::read_symlink(each->path(), unreadable).string();
    if (!unreadable && std::find(sockets.begin(), sockets.end(), target) != sockets.end()) return true;
  }
  return false;
}

std::string program_of(const fs::path& process) {
  std::string name;
  std::ifstream(process / "comm") >> name;
  return name.empty() ? "a program" : name;
}

}  // namespace

std::string holder_of_port(std::uint16_t port) {
  std::vector<std::string> sockets;
  add_listening_sockets("/proc/net/tcp", port, sockets);
  add_listening_sockets("/proc/net/tcp6", port, sockets);
  if (sockets.empty()) return {};

  std::error_code error;
  for (fs::directory_iterator each("/proc", error), end; !error && each != end; each.increment(error)) {
    const std::string id = each->path().filename().string();
    if (!std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isdigit(c); })) continue;
    if (!has_one_of(each->path(), sockets)) continue;
    if (id == std::to_string(::getpid())) return "this process";
    return program_of(each->path()) + " (process " + id + ")";
  }
  return {};
}

}  // namespace connmgr::io

#include "tests/layers/walls.h"

#include <algorithm>
#include <optional>

namespace connmgr::testing {
namespace {

// Where an included header comes from.
enum class From {
  standard,
  system,
  asio,
  cares,
  openssl,
  logging,
  protobuf,
  yaml,
  command_line,
  ours,
  unknown
};

struct Room {
  std::string_view path;               // the longest that a file's path begins with counts
  std::vector<std::string_view> ours;  // folders of the tree that may be included
  std::vector<From> in_headers;
  std::vector<From> in_sources;
  std::string_view rule;
};

// Lowest first. Headers stay free of libraries: they cost seconds a file, and what a header includes,
// everybody above sees. The headers in connmgr/io/asio are private to connmgr/io.
const std::vector<Room>& rooms() {
  using enum From;
  static const std::vector<Room> table{
      {"connmgr/core/", {"connmgr/core/"}, {standard}, {standard}, "the standard library, connmgr/core"},
      {"connmgr/io/asio/",
       {"connmgr/core/", "connmgr/io/"},
       {standard, system, asio, cares, openssl},
       {standard, system, asio, cares, openssl},
       "the standard library, the system, Asio, c-ares, OpenSSL, connmgr/core, connmgr/io"},
      {"connmgr/io/",
       {"connmgr/core/", "connmgr/io/"},
       {standard, system},
       {standard, system, asio, cares, openssl},
       "the standard library, the system, connmgr/core, connmgr/io; in sources also Asio, c-ares, OpenSSL"},
      {"connmgr/",
       {"connmgr/"},
       {standard},
       {standard, system, logging},
       "the standard library, connmgr; in sources also the system and spdlog"},
      {"proto/", {"proto/", "connmgr/v1/"}, {standard}, {standard, protobuf}, "the standard library, proto"},
      {"nodes/",
       {"nodes/", "connmgr/"},
       {standard},
       {standard, system, logging, protobuf},
       "the standard library, connmgr, nodes; in sources also the system, spdlog and the schema"},
      {"services/",
       {"services/", "nodes/", "connmgr/", "proto/"},
       {standard, system},
       {standard, system, logging, protobuf, yaml, command_line},
       "the standard library, the system and the tree; in sources also spdlog, Protobuf, YAML, CLI11"},
  };
  return table;
}

bool begins(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

bool ends(std::string_view text, std::string_view with) {
  return text.size() >= with.size() && text.substr(text.size() - with.size()) == with;
}

// The room of a path: the one with the longest name, since connmgr/core lies in connmgr.
const Room* room_of(std::string_view path) {
  const Room* found = nullptr;
  for (const Room& room : rooms()) {
    if (begins(path, room.path) && (!found || room.path.size() > found->path.size())) found = &room;
  }
  return found;
}

From origin_of(std::string_view name, bool quoted) {
  if (ends(name, ".pb.h")) return From::protobuf;  // generated, but it brings all of Protobuf
  if (quoted) {
    const bool from_the_top = room_of(name) || begins(name, "tests/") || begins(name, "bench/");
    return from_the_top ? From::ours : From::unknown;
  }
  const struct {
    std::string_view prefix;
    From from;
  } libraries[] = {{"asio", From::asio},       {"ares", From::cares},       {"openssl/", From::openssl},
                   {"spdlog/", From::logging}, {"fmt/", From::logging},     {"google/", From::protobuf},
                   {"yaml-cpp/", From::yaml},  {"CLI/", From::command_line}};
  for (const auto& library : libraries) {
    if (begins(name, library.prefix)) return library.from;
  }
  if (name.find_first_of("./") == std::string_view::npos) return From::standard;
  constexpr std::string_view kSystemFolders[] = {"sys/", "netinet/", "arpa/", "net/", "linux/"};
  const bool in_system_folder = std::any_of(std::begin(kSystemFolders), std::end(kSystemFolders),
                                            [name](std::string_view folder) { return begins(name, folder); });
  if (ends(name, ".h") && (in_system_folder || name.find('/') == std::string_view::npos)) return From::system;
  return From::unknown;
}

struct Include {
  std::string_view name;
  bool quoted = false;
};

std::optional<Include> include_in(std::string_view line) {
  const auto skip_blanks = [&line] {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  };
  skip_blanks();
  if (!begins(line, "#")) return std::nullopt;
  line.remove_prefix(1);
  skip_blanks();
  if (!begins(line, "include")) return std::nullopt;
  line.remove_prefix(7);
  skip_blanks();
  if (line.empty() || (line[0] != '<' && line[0] != '"')) return Include{line, true};  // by a macro: not ours
  const bool quoted = line[0] == '"';
  line.remove_prefix(1);
  return Include{line.substr(0, line.find(quoted ? '"' : '>')), quoted};
}

bool allowed(const Room& room, bool header, const Include& include) {
  const From from = origin_of(include.name, include.quoted);
  if (from == From::ours) {
    return std::any_of(room.ours.begin(), room.ours.end(),
                       [&](std::string_view folder) { return begins(include.name, folder); });
  }
  const std::vector<From>& list = header ? room.in_headers : room.in_sources;
  return std::find(list.begin(), list.end(), from) != list.end();
}

}  // namespace

std::vector<std::string> breaches_of(std::string_view path, std::string_view text) {
  std::vector<std::string> breaches;
  const Room* room = room_of(path);
  if (!room) return breaches;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::optional<Include> include = include_in(line);
    if (!include || allowed(*room, ends(path, ".h"), *include)) continue;
    breaches.push_back(std::string(path) + ':' + std::to_string(number) + ": includes " +
                       std::string(include->name) + "; allowed here: " + std::string(room->rule));
  }
  return breaches;
}

std::vector<std::string> files_of_rooms(const std::filesystem::path& top) {
  std::vector<std::string> files;
  for (const char* folder : {"connmgr", "proto", "nodes", "services"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(top / folder)) {
      const std::string path = entry.path().lexically_relative(top).generic_string();
      if (entry.is_regular_file() && (ends(path, ".h") || ends(path, ".cpp"))) files.push_back(path);
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace connmgr::testing

// What is wrong with a set of service files: told all at once, each at its place (SPEC V3).
#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace connmgr::services {

// Where a value was written. Lines and columns count from 1, columns in characters; line 0: the file as a
// whole. For a value from the command line the file is its option and the line 0.
struct Place {
  std::string file{};
  int line = 0;
  int column = 0;

  friend auto operator<=>(const Place&, const Place&) = default;
};

// "orders.yaml:6", or "--set orders.port=7": how a message points at another place.
std::string line_of(const Place& place);

struct Mistake {
  Place place{};
  std::string path{};  // "client_services[0].port"; empty: the file as a whole
  std::string text{};  // what was found, and what is allowed

  friend auto operator<=>(const Mistake&, const Mistake&) = default;
};

// "orders.yaml:7:22: client_services[0].max_connections: 1 is below min_connections 2 (orders.yaml:6)"
std::string to_string(const Mistake& mistake);

// Collects them. A file of nothing but mistakes must not fill the memory: the first kMost are kept, the
// others counted.
class Mistakes {
 public:
  static constexpr std::size_t kMost = 1000;

  void add(Place place, std::string_view path, std::string text);

  // One more would only be counted.
  bool full() const noexcept { return kept_.size() == kMost; }
  std::size_t left_out() const noexcept { return left_out_; }
  // In the order of the files and lines.
  std::vector<Mistake> sorted() const;

 private:
  std::vector<Mistake> kept_;
  std::size_t left_out_ = 0;
};

}  // namespace connmgr::services

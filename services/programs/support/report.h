// What a program says at its end: a table for people, the same figures as JSON for programs.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "services/programs/support/latency_histogram.h"

namespace connmgr::programs {

// The exit codes of both programs.
enum class Exit : int {
  good = 0,
  difference = 1,    // something was lost, doubled, cut, out of order, or answered wrongly
  usage = 2,         // the command line, or a file it names
  unreachable = 3,   // nobody to connect to, nobody came, or no answer in time
  interrupted = 130  // stopped before all was done; what was done is good
};

// A table of two columns, the names to the left.
class Table {
 public:
  explicit Table(std::string title) : title_(std::move(title)) {}
  void row(std::string name, std::string value) { rows_.emplace_back(std::move(name), std::move(value)); }
  std::string text() const;

 private:
  std::string title_;
  std::vector<std::pair<std::string, std::string>> rows_;
};

// The distribution of latencies, a bar for each power of two. Empty when nothing was recorded.
std::string latency_chart(const LatencyHistogram& latencies);

// A JSON object: numbers, texts, lists of texts or of objects, in the order in which they were added.
class JsonObject {
 public:
  void number(const std::string& key, std::uint64_t value) { add(key, std::to_string(value)); }
  void number(const std::string& key, double value);
  void text(const std::string& key, const std::string& value) { add(key, quoted(value)); }
  void texts(const std::string& key, const std::vector<std::string>& values);
  void objects(const std::string& key, const std::vector<JsonObject>& values);
  std::string str() const { return "{" + members_ + "\n}\n"; }

 private:
  static std::string quoted(const std::string& text);
  void add(const std::string& key, const std::string& value);

  std::string members_;
};

// `--json` alone: JSON goes to stdout and the table to stderr. `--json FILE`: JSON to the file, which is
// there whole or not at all. Empty: the table alone. False: the file could not be written; stderr says why.
bool publish(const std::string& table, const JsonObject& json, const std::string& json_file);
inline constexpr const char* kJsonToStdout = "-";

// Writes the file beside its place and renames it, so that nobody reads half of it. 0 or errno.
int write_file_whole(const std::string& path, const std::string& content);

}  // namespace connmgr::programs

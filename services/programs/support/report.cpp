#include "services/programs/support/report.h"

#include <fcntl.h>
#include <langinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstring>

#include "services/programs/support/file_descriptor.h"
#include "services/programs/support/sockets.h"
#include "services/programs/support/units.h"

namespace connmgr::programs {
namespace {

constexpr int kChartWidth = 40;

bool terminal_knows_utf8() {
  std::setlocale(LC_CTYPE, "");
  return std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
}

std::string padded(std::string text, std::size_t width, bool right = false) {
  if (text.size() < width) text.insert(right ? 0 : text.size(), width - text.size(), ' ');
  return text;
}

}  // namespace

std::string Table::text() const {
  std::size_t names = 0, values = 0;
  for (const auto& [name, value] : rows_) {
    names = std::max(names, name.size());
    values = std::max(values, value.size());
  }
  std::string text = title_ + "\n";
  for (const auto& [name, value] : rows_)
    text += "  " + padded(name, names) + "  " + padded(value, values, true) + "\n";
  return text;
}

std::string latency_chart(const LatencyHistogram& latencies) {
  if (latencies.count() == 0) return "";
  const std::string block = terminal_knows_utf8() ? "\u2588" : "#";
  const std::vector<LatencyHistogram::Range> ranges = latencies.ranges();
  std::uint64_t most = 1;
  for (const auto& range : ranges) most = std::max(most, range.count);
  std::string text = "  latency distribution\n";
  for (const auto& range : ranges) {
    const double share = static_cast<double>(range.count) / static_cast<double>(latencies.count());
    // Whatever happened at all is seen: its bar has at least one block.
    const auto blocks = (range.count * kChartWidth + most - 1) / most;
    std::string bar;
    for (std::uint64_t i = 0; i < blocks; ++i) bar += block;
    bar.append(kChartWidth - blocks, ' ');
    char percent[24];
    std::snprintf(percent, sizeof percent, share > 0 && share < 0.0001 ? " <0.01 %%" : "%6.2f %%",
                  share * 100);
    text += "  " + padded(duration_text(range.from), 8, true) + " - " +
            padded(duration_text(range.below), 8) + " " + bar + " " + percent + "  " +
            count_text(range.count) + "\n";
  }
  return text;
}

void JsonObject::number(const std::string& key, double value) {
  char text[48];
  std::snprintf(text, sizeof text, "%.3f", value);
  add(key, text);
}

void JsonObject::objects(const std::string& key, const std::vector<JsonObject>& values) {
  std::string list;
  for (const JsonObject& value : values) list += (list.empty() ? "{" : ", {") + value.members_ + "\n}";
  add(key, "[" + list + "]");
}

void JsonObject::texts(const std::string& key, const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& value : values) list += (list.empty() ? "\n    " : ",\n    ") + quoted(value);
  add(key, list.empty() ? "[]" : "[" + list + "\n  ]");
}

void JsonObject::add(const std::string& key, const std::string& value) {
  members_ += (members_.empty() ? "\n  " : ",\n  ") + quoted(key) + ": " + value;
}

std::string JsonObject::quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\u%04x", static_cast<unsigned>(c));
      out += hex;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

bool publish(const std::string& table, const JsonObject& json, const std::string& json_file) {
  const bool json_to_stdout = json_file == kJsonToStdout;
  std::fputs(table.c_str(), json_to_stdout ? stderr : stdout);
  std::fflush(stdout);
  if (json_file.empty()) return true;
  if (json_to_stdout) {
    std::fputs(json.str().c_str(), stdout);
    return std::fflush(stdout) == 0;
  }
  const int error = write_file_whole(json_file, json.str());
  if (error != 0) std::fprintf(stderr, "cannot write %s: %s\n", json_file.c_str(), errno_text(error).c_str());
  return error == 0;
}

int write_file_whole(const std::string& path, const std::string& content) {
  const std::string beside = path + "." + std::to_string(::getpid());
  const FileDescriptor fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!fd) return errno;
  const ssize_t written = ::write(fd.get(), content.data(), content.size());
  int error = written < 0 ? errno : static_cast<std::size_t>(written) != content.size() ? ENOSPC : 0;
  if (error == 0 && ::rename(beside.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) ::unlink(beside.c_str());
  return error;
}

}  // namespace connmgr::programs

// A channel whose kernel is the test: how much a write takes, what comes, when it breaks.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "connmgr/core/check.h"
#include "connmgr/io/network.h"

namespace connmgr::io {

// What the test sees of it; outlives the channel.
struct ChannelScript {
  // --- set by the test ---
  std::size_t takes = ~std::size_t{0};  // bytes the kernel takes in all; the rest must wait
  WriteOutcome write_fails{};           // once `takes` is used up, when it has an end
  std::size_t unsent = 0;
  std::size_t unread = 0;

  // --- seen by the test ---
  std::string written;
  int writes = 0;
  bool waits_writable = false;
  std::optional<std::span<char>> reading;
  bool output_shut = false;
  std::string ended_how;  // "closed", "aborted"
  ChannelEvents* events = nullptr;
  std::vector<std::string> calls;  // shutdown, close, abort, in order, with the bytes written before
};

class ScriptedChannel final : public Channel {
 public:
  explicit ScriptedChannel(ChannelScript& script) : script_(script) {}

  void set_events(ChannelEvents& events) override { script_.events = &events; }
  void read_some(OnShard&, std::span<char> into) override {
    check(!script_.reading && !into.empty() && script_.ended_how.empty(), "a read when there may be none");
    script_.reading = into;
  }
  WriteOutcome try_write(OnShard&, std::span<const std::string_view> pieces) override {
    check(script_.ended_how.empty() && !script_.output_shut, "a write after the end");
    ++script_.writes;
    WriteOutcome outcome;
    for (const std::string_view piece : pieces) {
      const std::size_t taken = std::min(piece.size(), script_.takes);
      script_.takes -= taken;
      script_.written += piece.substr(0, taken);
      outcome.bytes += taken;
      if (taken < piece.size()) break;
    }
    if (script_.takes == 0 && script_.write_fails.end != ChannelEnd::none) {
      outcome.end = script_.write_fails.end;
      outcome.error = script_.write_fails.error;
    }
    return outcome;
  }
  void wait_writable(OnShard&) override {
    check(!script_.waits_writable, "waits twice");
    script_.waits_writable = true;
  }
  void shutdown_output(OnShard&) override {
    script_.output_shut = true;
    script_.calls.push_back("FIN after " + script_.written);
  }
  void close(OnShard&) override { end("closed"); }
  void abort(OnShard&) override { end("aborted"); }
  Endpoint local() const override { return {"10.0.0.1", 1000}; }
  Endpoint peer() const override { return {"10.0.0.2", 7777}; }
  std::size_t unsent() const override { return script_.unsent; }
  std::size_t unread() const override { return script_.unread; }

 private:
  void end(const char* how) {
    script_.ended_how = how;
    script_.reading.reset();
    script_.waits_writable = false;
    script_.calls.push_back(how);
  }

  ChannelScript& script_;
};

}  // namespace connmgr::io

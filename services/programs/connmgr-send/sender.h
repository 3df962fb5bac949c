// A whole run of connmgr-send: the lanes, whose turn it is, and what came out.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "services/programs/connmgr-send/lane.h"
#include "services/programs/connmgr-send/options.h"
#include "services/programs/support/event_loop.h"
#include "services/programs/support/findings.h"
#include "services/programs/support/latency_histogram.h"
#include "services/programs/support/report.h"

namespace connmgr::programs {

class Sender {
 public:
  Sender(const SendOptions& options, const RecordSource& source);

  Exit run();  // with progress; once
  // The table and the JSON of the run.
  Exit report(Exit outcome) const;

  // For the lanes.
  enum class Turn { yes, not_yet, no_more };
  // May `lane` send a record now? `due`: when it was to be sent. not_yet: its pump() is called in time.
  Turn take_turn(Lane& lane, Time now, Time& due);
  void sent(std::size_t bytes) noexcept { bytes_ += bytes; }
  void replied(Time now, std::chrono::nanoseconds latency) noexcept {
    ++replies_;
    latencies_.record(latency);
    last_ = now;
  }
  void finished_sending(Time now) noexcept { last_ = now; }
  void unreachable(std::string why);
  void timed_out(std::string what) { timeouts_.push_back(std::move(what)); }
  void lane_ended() noexcept { ++ended_; }
  Findings& findings() noexcept { return findings_; }

  const SendOptions& options() const noexcept { return options_; }
  const RecordSource& source() const noexcept { return source_; }
  const std::vector<SocketAddress>& addresses() const noexcept { return addresses_; }
  EventLoop& loop() noexcept { return loop_; }
  std::string& scratch() noexcept { return scratch_; }

 private:
  bool nothing_left(Time now) const;
  bool all_ended() const noexcept { return ended_ == lanes_.size(); }
  Time due_of(std::uint64_t record) const;
  void serve_waiting(Time now);
  Exit outcome(bool interrupted) const;
  double share_done(Time now) const;
  double seconds() const;

  const SendOptions& options_;
  const RecordSource& source_;
  EventLoop loop_;
  std::vector<SocketAddress> addresses_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::size_t ended_ = 0;
  std::deque<Lane*> waiting_;  // for a turn of the rate, in order
  bool serving_ = false;

  Time started_;
  Time first_;  // when the first record was given out
  Time last_;   // when the last reply came, or the last byte went
  std::uint64_t given_out_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t replies_ = 0;
  LatencyHistogram latencies_;
  Findings findings_;
  std::vector<std::string> timeouts_;
  std::string unreachable_;  // why; empty: everybody was reached
  std::string scratch_;
};

}  // namespace connmgr::programs

#include "services/programs/connmgr-send/sender.h"

#include <algorithm>
#include <cmath>

#include "services/programs/support/progress.h"
#include "services/programs/support/units.h"

namespace connmgr::programs {
namespace {

constexpr auto kTick = std::chrono::milliseconds(100);  // connecting again, time limits

}  // namespace

Sender::Sender(const SendOptions& options, const RecordSource& source) : options_(options), source_(source) {}

Exit Sender::run() {
  Result<std::vector<SocketAddress>> addresses = resolve(options_.to);
  if (!addresses) {
    unreachable(addresses.error().text);
    return Exit::unreachable;
  }
  addresses_ = *std::move(addresses);

  Progress progress("sending", options_.quiet);
  started_ = first_ = last_ = Clock::now();
  for (std::uint32_t i = 0; i < options_.connections; ++i) {
    lanes_.push_back(std::make_unique<Lane>(*this, options_.first_sender + i));
    lanes_.back()->start(started_);
  }
  Time tick = started_ + kTick;
  bool told_no_more = false;
  while (!all_ended() && !loop_.stop_asked() && unreachable_.empty()) {
    Time wake = std::min(tick, progress.next());
    if (!waiting_.empty()) wake = std::min(wake, due_of(given_out_));
    loop_.run_once(wake);
    const Time now = Clock::now();
    serve_waiting(now);
    if (now >= tick) {
      for (const auto& lane : lanes_) lane->on_time(now);
      tick = now + kTick;
    }
    if (!told_no_more && nothing_left(now)) {  // lanes that are idle have to hear of it
      told_no_more = true;
      for (const auto& lane : lanes_) lane->pump(now);
    }
    progress.show(now, options_.reply == Reply::none ? given_out_ : replies_, share_done(now));
  }
  const bool interrupted = loop_.stop_asked() && !all_ended();
  if (last_ <= first_) last_ = Clock::now();  // nothing was finished: what went out until now counts
  progress.finish();
  return outcome(interrupted);
}

bool Sender::nothing_left(Time now) const {
  return (options_.records && given_out_ >= *options_.records) ||
         (options_.duration && now - started_ >= *options_.duration);
}

Time Sender::due_of(std::uint64_t record) const {
  const double seconds = static_cast<double>(record) / options_.rate;
  return first_ + std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

Sender::Turn Sender::take_turn(Lane& lane, Time now, Time& due) {
  if (nothing_left(now)) return Turn::no_more;
  if (given_out_ == 0) first_ = now;
  due = now;
  if (options_.rate > 0) {
    // Latency counts from when the record was due: a peer that stalls delays all that should have been
    // sent meanwhile, and that has to show.
    due = due_of(given_out_);
    if (due > now || (!serving_ && !waiting_.empty())) {
      waiting_.push_back(&lane);
      return Turn::not_yet;
    }
  }
  ++given_out_;
  return Turn::yes;
}

void Sender::serve_waiting(Time now) {
  if (waiting_.empty()) return;
  serving_ = true;
  // Each one that is waiting now, once: pump() puts it back to the end when its turn has not come.
  for (std::size_t left = waiting_.size(); left > 0 && (due_of(given_out_) <= now || nothing_left(now));
       --left) {
    Lane* const lane = waiting_.front();
    waiting_.pop_front();
    lane->pump(now);
  }
  serving_ = false;
}

void Sender::unreachable(std::string why) {
  if (unreachable_.empty()) unreachable_ = std::move(why);
}

double Sender::share_done(Time now) const {
  const std::uint64_t done = options_.reply == Reply::none ? given_out_ : replies_;
  double share = -1;
  if (options_.records)
    share = static_cast<double>(done) / static_cast<double>(std::max<std::uint64_t>(1, *options_.records));
  if (options_.duration) {
    share = std::max(share, static_cast<double>((now - started_).count()) /
                                static_cast<double>(options_.duration->count()));
  }
  return share;
}

Exit Sender::outcome(bool interrupted) const {
  if (findings_.count() > 0) return Exit::difference;
  if (!unreachable_.empty() || !timeouts_.empty()) return Exit::unreachable;
  return interrupted ? Exit::interrupted : Exit::good;
}

double Sender::seconds() const {
  return std::chrono::duration<double>(last_ - first_).count();
}

Exit Sender::report(Exit outcome) const {
  const double rate = seconds() > 0 ? static_cast<double>(given_out_) / seconds() : 0;
  const bool replies = options_.reply != Reply::none;

  findings_.print();
  if (!unreachable_.empty()) std::fprintf(stderr, "connmgr-send: %s\n", unreachable_.c_str());
  for (std::size_t i = 0; i < timeouts_.size() && i < Findings::kDescribed; ++i) {
    std::fprintf(stderr, "connmgr-send: %s\n", timeouts_[i].c_str());
  }

  Table table("sent to " + options_.to.text() + " over " + std::to_string(options_.connections) +
              " connections, framing " + options_.framing.name);
  table.row("records", count_text(given_out_));
  table.row("bytes", bytes_text(bytes_));
  table.row("time", duration_text(last_ - first_));
  table.row("records a second", count_text(static_cast<std::uint64_t>(std::llround(rate))));
  if (replies) {
    table.row("replies as expected", count_text(replies_));
    table.row("latency p50", duration_text(latencies_.percentile(0.5)));
    table.row("latency p99", duration_text(latencies_.percentile(0.99)));
    table.row("latency max", duration_text(latencies_.max()));
  }
  table.row("differences", count_text(findings_.count()));
  if (!timeouts_.empty()) table.row("timeouts", count_text(timeouts_.size()));
  if (outcome == Exit::interrupted) table.row("interrupted", "yes");

  JsonObject json;
  const auto us = [](std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / 1e3; };
  json.text("program", "connmgr-send");
  json.text("to", options_.to.text());
  json.text("framing", options_.framing.name);
  json.number("connections", std::uint64_t{options_.connections});
  json.number("records", given_out_);
  json.number("bytes", bytes_);
  json.number("seconds", seconds());
  json.number("records_per_second", rate);
  json.number("replies", replies_);
  json.number("p50_us", us(latencies_.percentile(0.5)));
  json.number("p99_us", us(latencies_.percentile(0.99)));
  json.number("max_us", us(latencies_.max()));
  json.number("differences", findings_.count());
  json.texts("first_differences", findings_.described());
  json.texts("timeouts", timeouts_);
  json.text("unreachable", unreachable_);
  json.number("exit_code", static_cast<std::uint64_t>(outcome));

  const bool published = publish(table.text() + latency_chart(latencies_), json, options_.json);
  return published || outcome != Exit::good ? outcome : Exit::usage;
}

}  // namespace connmgr::programs

#include "tests/support/sim_schedule.h"

#include <cstdio>
#include <utility>

#include "connmgr/core/check.h"

namespace connmgr::testing {
namespace {

constexpr std::size_t kLinesKept = 400;

// Not the zero of the clock, so that a time that was never set is seen to be one.
constexpr TimePoint kStart{std::chrono::hours(1000)};

}  // namespace

SimEvent& SimEvent::operator=(SimEvent&& other) noexcept {
  if (this != &other) {
    cancel();
    schedule_ = std::exchange(other.schedule_, nullptr);
    key_ = other.key_;
  }
  return *this;
}

void SimEvent::cancel() noexcept {
  SimSchedule* const schedule = std::exchange(schedule_, nullptr);
  if (!schedule) return;
  const auto place = schedule->events_.find(key_);
  if (place == schedule->events_.end()) return;
  if (place->second.kind == SimSchedule::Kind::work) --schedule->work_;
  schedule->events_.erase(place);
}

bool SimEvent::pending() const noexcept {
  return schedule_ && schedule_->events_.contains(key_);
}

SimSchedule::SimSchedule(std::uint64_t seed) : seed_(seed), random_(seed), start_(kStart), now_(kStart) {}

SimSchedule::~SimSchedule() {
  // What an event holds may cancel others while it goes.
  while (!events_.empty()) const auto gone = events_.extract(events_.begin());
}

SimEvent SimSchedule::at(TimePoint when, Kind kind, SimAction action) {
  SimEvent event;
  event.key_ = add(when, kind, std::move(action));
  event.schedule_ = this;
  return event;
}

void SimSchedule::surely_at(TimePoint when, Kind kind, SimAction action) {
  add(when, kind, std::move(action));
}

SimEvent::Key SimSchedule::add(TimePoint when, Kind kind, SimAction action) {
  check(std::this_thread::get_id() == thread_, "a simulated world has one thread");
  const SimEvent::Key key{std::max(when, now_), random_.next(), ++numbers_};
  events_.emplace(key, Event{kind, std::move(action)});
  if (kind == Kind::work) ++work_;
  return key;
}

TimePoint SimSchedule::next_time() const noexcept {
  return events_.empty() ? kNever : std::get<0>(events_.begin()->first);
}

void SimSchedule::step() {
  check(!events_.empty(), "no event to run");
  auto node = events_.extract(events_.begin());
  if (node.mapped().kind == Kind::work) --work_;
  now_ = std::get<0>(node.key());
  ++steps_;
  node.mapped().action();
}

void SimSchedule::pass_to(TimePoint when) {
  check(when <= next_time(), "an event is due before");
  now_ = std::max(now_, when);
}

void SimSchedule::note(const SimSubject& subject, const char* what, std::uint64_t amount) {
  mix(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
  mix(subject.kind);
  mix(subject.number);
  mix(subject.part);
  mix(what);
  mix(amount);
  if (lines_.size() == kLinesKept) lines_.pop_front();
  lines_.push_back({now_, subject, what, amount});
}

std::string SimSchedule::trace() const {
  std::string text = "simulated world, seed " + std::to_string(seed_) + ", " + std::to_string(steps_) +
                     " steps; the last " + std::to_string(lines_.size()) + " lines:\n";
  for (const Line& line : lines_) {
    char time[32];
    std::snprintf(time, sizeof time, "%14.6f ms", static_cast<double>((line.at - start_).count()) / 1e6);
    text += time;
    text += std::string("  ") + line.subject.kind + ' ' + std::to_string(line.subject.number);
    if (*line.subject.part) text += std::string(" ") + line.subject.part;
    text += std::string("  ") + line.what;
    if (line.amount) text += ' ' + std::to_string(line.amount);
    text += '\n';
  }
  return text;
}

void SimSchedule::mix(std::uint64_t value) noexcept {  // FNV-1a, by words
  fingerprint_ = (fingerprint_ ^ value) * 0x100000001b3;
}

void SimSchedule::mix(const char* text) noexcept {
  for (; *text; ++text) mix(static_cast<unsigned char>(*text));
}

}  // namespace connmgr::testing

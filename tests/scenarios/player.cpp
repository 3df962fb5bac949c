// Time, threads, and the end of a scenario.
#include "tests/scenarios/player.h"

#include <algorithm>

#include "tests/scenarios/enum_names.h"

namespace connmgr::scenarios {
namespace {

constexpr int kMostTurns = 100'000;  // of one scenario; they need a few dozen

// What could not be played, with its place.
struct CannotPlay {
  std::string text;
};

std::string place(const Scenario& scenario, Position where) {
  return scenario.file.string() + ':' + std::to_string(where.line) + ':' + std::to_string(where.column) +
         ": ";
}

}  // namespace

Player::Player(const Scenario& scenario)
    : scenario_(scenario),
      pool_(scenario.settings, scenario.shards, IdKey{0x5ce, 0x4a}, 7),
      peer_(scenario.peer),
      now_(kBegin) {
  for (const Thread& thread : scenario.threads) threads_.emplace_back().thread = &thread;
}

Played Player::play() {
  try {
    run_to_end();
    compare_counts();
    wind_down();
  } catch (const CannotPlay& failed) {
    played_.failure = failed.text;
  }
  return std::move(played_);
}

void Player::run_to_end() {
  scenario_.begins_paused ? pool_.pause() : pool_.start(now_);
  carry_out();
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    threads_[i].waits = Running::Waits::for_start;
    threads_[i].for_whom = threads_[i].thread->name;
    if (!is_started(threads_[i].for_whom)) wake(Running::Waits::for_start, threads_[i].for_whom);
  }
  for (int turns = 0; turns < kMostTurns; ++turns) {
    const TimePoint item = agenda_.empty() ? kNever : agenda_.begin()->first;
    const TimePoint timer = pool_.next_deadline();
    const TimePoint next = std::max(now_, std::min(item, timer));
    if (all_done() && next > now_) return;
    if (next == kNever) fail_stuck();
    now_ = next;
    if (timer <= now_ && (scenario_.timers_first || item > now_)) {
      run_timers();
    } else {
      const std::function<void()> what = std::move(agenda_.begin()->second);
      agenda_.erase(agenda_.begin());
      what();
    }
  }
  fail({1, 1}, "there is no end to it");
}

void Player::run_timers() {
  pool_.on_time(now_);
  carry_out();
  if (pool_.next_deadline() <= now_) fail({1, 1}, "the pool's next_deadline() does not pass after on_time()");
}

// Later plans for the same instant come later.
void Player::plan(Duration after, std::function<void()> what) {
  agenda_.emplace(deadline_after(now_, after), std::move(what));
}

// By a step of another thread, and not when the scenario begins.
bool Player::is_started(const std::string& thread) const {
  for (const Thread& other : scenario_.threads) {
    for (const Sentence& step : other.steps) {
      if (step.word->name == "start_thread" && step.find("thread")->text == thread) return true;
    }
  }
  return false;
}

void Player::go_on(std::size_t thread) {
  Running& running = threads_[thread];
  running.waits = Running::Waits::no;
  while (running.next < running.thread->steps.size()) {
    current_ = thread;
    step(running.thread->steps[running.next++]);
    if (running.waits != Running::Waits::no) return;
  }
  wake(Running::Waits::for_thread, running.thread->name);
}

void Player::block(Running::Waits waits, std::string_view for_whom, std::uint64_t count) {
  Running& running = threads_[current_];
  running.waits = waits;
  running.for_whom = for_whom;
  running.count = count;
}

void Player::sleep(Duration duration) {
  block(Running::Waits::for_time, "");
  plan(duration, [this, thread = current_] { go_on(thread); });
}

// What threads have waited for has come: they go on in this instant, after what is planned for it already.
void Player::wake(Running::Waits waits, std::string_view for_whom, std::uint64_t count) {
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    Running& running = threads_[i];
    if (running.waits != waits || running.for_whom != for_whom || running.count > count) continue;
    running.waits = Running::Waits::for_time;
    plan(Duration::zero(), [this, i] { go_on(i); });
  }
}

bool Player::all_done() const {
  return std::all_of(threads_.begin(), threads_.end(), [](const Running& r) { return r.done(); });
}

void Player::fail(Position where, const std::string& why) const {
  throw CannotPlay{place(scenario_, where) + why};
}

void Player::fail_stuck() const {
  for (const Running& running : threads_) {
    if (running.done()) continue;
    std::string what = "thread '" + running.thread->name + "' waits for ever: ";
    switch (running.waits) {
      case Running::Waits::for_start: fail({1, 1}, what + "it is never started");
      case Running::Waits::for_request: what += "request '" + running.for_whom + "' never ends"; break;
      case Running::Waits::for_thread: what += "thread '" + running.for_whom + "' never ends"; break;
      default:
        what += running.for_whom + " was seen " +
                std::to_string(seen_.contains(running.for_whom) ? seen_.at(running.for_whom) : 0) +
                " times of " + std::to_string(running.count);
    }
    fail(running.thread->steps[running.next - 1].where, what);
  }
  fail({1, 1}, "nothing can happen any more");
}

void Player::note(std::string text) {
  if (recording_) played_.happened.push_back({elapsed(), nullptr, {}, std::move(text)});
}

void Player::record(std::string_view event, std::initializer_list<std::string> details) {
  if (!recording_) return;
  Happening happening{elapsed(), &event_word(event), {}, {}};
  std::size_t i = 0;
  for (const std::string& detail : details) {
    happening.details.emplace_back(happening.event->details.at(i++).name, detail);
  }
  happening.details.emplace_back("at", to_text(happening.at));
  played_.happened.push_back(std::move(happening));
  wake(Running::Waits::for_event, event, ++seen_[event_word(event).name]);
}

// --- the end --------------------------------------------------------------------------------------------

void Player::compare_counts() {
  const auto compare = [this](Position where, const std::string& what, std::uint64_t expected,
                              std::uint64_t found) {
    if (expected == found) return;
    played_.differences.push_back(place(scenario_, where) + what + " is " + std::to_string(found) +
                                  ", expected " + std::to_string(expected));
  };
  for (const FinalCount& count : scenario_.counts) {
    compare(count.where, count.name, count.value, count_of(pool_, count.name));
  }
  for (const FinalClosed& closed : scenario_.closed_because) {
    compare(closed.where, "closed because of " + std::string(name_of(closed.cause)), closed.value,
            pool_.counters().closed_by_cause[static_cast<std::size_t>(closed.cause)]);
  }
  for (const FinalConnection& connection : scenario_.connections) compare_connection(connection);
}

void Player::compare_connection(const FinalConnection& expected) {
  const auto wire = wires_.find(expected.number);
  if (wire == wires_.end())
    fail(expected.where, "there never was a connection " + std::to_string(expected.number));
  const std::optional<ConnectionView> view = pool_.connection(wire->second.connection);
  const auto compare = [&](const char* what, const std::optional<std::string>& wanted,
                           std::string_view found) {
    if (!wanted || *wanted == found) return;
    played_.differences.push_back(place(scenario_, expected.where) + "connection " +
                                  std::to_string(expected.number) + ": " + what + " is " +
                                  std::string(found) + ", expected " + *wanted);
  };
  const auto stream = [&](Direction direction) {
    return view ? name_of(view->streams[static_cast<std::size_t>(direction)]) : std::string_view("gone");
  };
  compare("its state", expected.state, name_of(view ? view->state : ConnectionState::gone));
  compare("its input", expected.input, stream(Direction::input));
  compare("its output", expected.output, stream(Direction::output));
}

// Whatever a scenario leaves behind must be able to end: all that is held comes back, the pool stops by
// force, and then nothing is left. That holds for every scenario, so it is written in none.
void Player::wind_down() {
  recording_ = false;
  pool_.stop(Errc::shutting_down, CloseCause::shutdown, now_);
  carry_out();
  pool_.abort_all(CloseCause::shutdown, now_);
  carry_out();
  for (auto& [label, use] : uses_) {
    if (use.state == Use::State::waiting)
      fail({1, 1}, "request '" + label + "' was never ended, not even by stop");
    if (use.state != Use::State::granted) continue;
    use.state = Use::State::returned;
    pool_.give_back(use.grant.connection, use.grant.direction, {}, now_);
    carry_out();
  }
  while (!agenda_.empty()) {
    now_ = agenda_.begin()->first;
    const std::function<void()> what = std::move(agenda_.begin()->second);
    agenda_.erase(agenda_.begin());
    what();
  }
  const PoolGauges& left = pool_.gauges();
  const PoolCounters& counted = pool_.counters();
  if (!pool_.idle() || left.counted() != 0 || left.used != 0 || left.waiting != 0) {
    fail({1, 1},
         "after the scenario, with all given back and the pool stopped, something is left in the pool");
  }
  if (counted.opened != counted.closed || counted.gets != counted.frees) {
    fail({1, 1}, "after the scenario, opened is not closed, or gets are not frees");
  }
  if (permits_out_ != 0) fail({1, 1}, "after the scenario, permits are not returned");
}

}  // namespace connmgr::scenarios

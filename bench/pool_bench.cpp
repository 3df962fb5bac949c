// What the pool itself costs: taking a stream and giving it back, with no socket, lock or thread around it.
//
// Goals: 15 ns, 200 instructions and no allocation for one take with its give back. An allocation fails the
// program: it would be there on every machine. Instructions are counted by the processor where the system
// lets us (perf_event_paranoid); elsewhere callgrind counts them:
//
//   valgrind --tool=callgrind --collect-atstart=no --toggle-collect='bench_counted_loop*'
//       build/release/bench/pool_bench --count-instructions
//
// and the total it collects, divided by the 100,000 pairs of that mode, is the figure.
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <mutex>

#include "bench/allocation_count.h"
#include "bench/report.h"
#include "connmgr/core/pool.h"

namespace {

using namespace connmgr;

constexpr std::size_t kPairs = 1'000'000;
constexpr std::size_t kCountedPairs = 100'000;
constexpr TimePoint kNow = TimePoint{} + std::chrono::hours(1);

Pool pool_of(std::uint32_t connections) {
  PoolSettings settings;
  settings.role = PoolRole::server;
  settings.max_connections = 0;
  Pool pool(settings, 1, IdKey{1, 2});
  for (std::uint32_t i = 0; i < connections; ++i) pool.admit(0, kNow);
  return pool;
}

[[gnu::noinline]] void take_and_give_back(Pool& pool, std::size_t pairs) {
  Ask ask;
  ask.direction = Direction::output;
  const Return unchanged;
  for (std::size_t i = 0; i < pairs; ++i) {
    const Answer answer = pool.acquire(ask, kNow);
    pool.give_back(answer.grant.connection, Direction::output, unchanged, kNow);
  }
}

// The way of a reply: the input is reserved with the request, read by whoever knows the id, and released.
[[gnu::noinline]] void reserve_read_release(Pool& pool, std::size_t times) {
  Ask request;
  request.direction = Direction::output;
  request.other_stream = StreamChange::reserve;
  for (std::size_t i = 0; i < times; ++i) {
    const Answer sent = pool.acquire(request, kNow);
    pool.give_back(sent.grant.connection, Direction::output, {}, kNow);
    Ask reply;
    reply.direction = Direction::input;
    reply.id = sent.grant.id;
    const Answer read = pool.acquire(reply, kNow);
    pool.give_back(read.grant.connection, Direction::input, {.own = StreamChange::release}, kNow);
  }
}

// Every stream is in use and a request waits: what comes back goes to it in the same call.
[[gnu::noinline]] void hand_on_to_a_waiter(Pool& pool, std::size_t times) {
  Ask ask;
  ask.direction = Direction::output;
  Grant held = pool.acquire(ask, kNow).grant;
  for (std::size_t i = 0; i < times; ++i) {
    pool.acquire(ask, kNow);
    pool.give_back(held.connection, Direction::output, {}, kNow);
    held = pool.actions().front().grant;
    pool.clear_actions();
  }
  pool.give_back(held.connection, Direction::output, {}, kNow);
}

// What one writes in an afternoon: a lock, a condition, the free ones in a deque. It knows no limits, order,
// reservation or id.
class TextbookPool {
 public:
  explicit TextbookPool(int connections) {
    for (int i = 0; i < connections; ++i) free_.push_back(i);
  }
  int take() {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [this] { return !free_.empty(); });
    const int connection = free_.back();
    free_.pop_back();
    return connection;
  }
  void give_back(int connection) {
    {
      const std::lock_guard lock(mutex_);
      free_.push_back(connection);
    }
    returned_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable returned_;
  std::deque<int> free_;
};

[[gnu::noinline]] void take_and_give_back(TextbookPool& pool, std::size_t pairs) {
  for (std::size_t i = 0; i < pairs; ++i) pool.give_back(pool.take());
}

// Counts instructions of this thread in user space, if the system allows it.
class InstructionCount {
 public:
  InstructionCount() {
    perf_event_attr what;
    std::memset(&what, 0, sizeof what);
    what.type = PERF_TYPE_HARDWARE;
    what.size = sizeof what;
    what.config = PERF_COUNT_HW_INSTRUCTIONS;
    what.exclude_kernel = 1;
    what.exclude_hv = 1;
    counter_ = static_cast<int>(syscall(SYS_perf_event_open, &what, 0, -1, -1, 0));
  }
  ~InstructionCount() {
    if (counter_ >= 0) close(counter_);
  }
  InstructionCount(const InstructionCount&) = delete;
  InstructionCount& operator=(const InstructionCount&) = delete;

  bool works() const { return counter_ >= 0 && so_far() > 0; }
  std::uint64_t so_far() const {
    std::uint64_t count = 0;
    return read(counter_, &count, sizeof count) == sizeof count ? count : 0;
  }

 private:
  int counter_ = -1;
};

}  // namespace

// A name that callgrind's --toggle-collect can be told.
extern "C" [[gnu::noinline]] void bench_counted_loop(Pool& pool) {
  take_and_give_back(pool, kCountedPairs);
}

int main(int argc, char** argv) {
  Pool hundred = pool_of(100);
  if (argc == 2 && std::strcmp(argv[1], "--count-instructions") == 0) {
    take_and_give_back(hundred, 1000);
    bench_counted_loop(hundred);
    std::printf("%zu pairs of take and give back\n", kCountedPairs);
    return 0;
  }

  bench::Report report(bench::Options::from(argc, argv));
  const int rounds = report.rounds(9);
  Pool many = pool_of(100'000);
  Pool one = pool_of(1);
  TextbookPool textbook(100);
  const auto pairs = [](auto& pool) {
    return [&pool] { return bench::ns_each(kPairs, [&pool] { take_and_give_back(pool, kPairs); }); };
  };

  report.add(bench::compared("take + give back (baseline: textbook pool)", "ns",
                             bench::interleave(rounds, pairs(hundred), pairs(textbook)))
                 .at_most(15));
  report.add(bench::compared("the same, 100,000 connections (baseline: 100)", "ns",
                             bench::interleave(rounds, pairs(many), pairs(hundred)))
                 .ratio_at_most(1.1));
  report.add(bench::figure("reserve + take by id + release", "ns", bench::repeat(rounds, [&] {
                             return bench::ns_each(kPairs, [&] { reserve_read_release(hundred, kPairs); });
                           })));
  report.add(bench::figure("a returned stream goes to a waiter", "ns", bench::repeat(rounds, [&] {
                             return bench::ns_each(kPairs, [&] { hand_on_to_a_waiter(one, kPairs); });
                           })));

  if (const InstructionCount instructions; instructions.works()) {
    const std::uint64_t before = instructions.so_far();
    take_and_give_back(hundred, kPairs);
    const double each = static_cast<double>(instructions.so_far() - before) / static_cast<double>(kPairs);
    report.add(bench::figure("instructions, take + give back", "instr", each).at_most(200));
  } else {
    std::puts("instructions: the system does not let us count them; see --count-instructions");
  }

  const bench::AllocationCount allocations;
  take_and_give_back(hundred, kPairs);
  reserve_read_release(hundred, kPairs);
  hand_on_to_a_waiter(one, kPairs);
  const auto allocated = static_cast<double>(allocations.count());
  report.add(bench::figure("allocations, three million operations", "count", allocated).at_most(0));
  const int outcome = report.finish();
  return allocated != 0 ? 1 : outcome;
}

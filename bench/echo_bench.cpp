// What a record costs on its whole way through a flow: Input node, Compute node, Output node, against an
// echo server written by hand on epoll, which knows no records. Both run in this program, turn by turn.
//
// The first figure is CPU of the server per record: it says what the library adds, and depends least on
// what else the machine does. Rate and latency contain the load generator, which shares the machine. System
// calls and allocations are counted exactly.
#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <future>
#include <string>
#include <vector>

#include "bench/allocation_count.h"
#include "bench/cpu_time.h"
#include "bench/epoll_echo.h"
#include "bench/load_generator.h"
#include "bench/report.h"
#include "bench/system_call_count.h"
#include "nodes/compute_node.h"
#include "nodes/flow.h"
#include "nodes/tcpip_nodes.h"

namespace {

using namespace connmgr;

// A flow that gives each record back, in an execution group of its own.
class FlowEcho {
 public:
  FlowEcho(unsigned shards, const RecordFormat& records)
      : group_(ExecutionGroupSettings{.shards = shards}), flow_(group_, {.name = "echo", .instances = 8}) {
    auto service = std::make_shared<ConfigurableService>();
    service->kind = ServiceKind::server;
    service->name = "echo";
    service->bind_address = "127.0.0.1";
    service->port_auto = true;
    service->max_connections = 0;
    group_.set_services({service});
    auto& input =
        flow_.add<nodes::TcpipServerInputNode>("records", {.connection_details = "echo", .records = records});
    auto& work = flow_.add<nodes::ComputeNode>("work", [](nodes::Message& m) { m.set_body(m.body()); });
    auto& reply =
        flow_.add<nodes::TcpipServerOutputNode>("reply", {.connection_details = "echo", .records = records});
    input.out >> work >> reply;
    flow_.deploy();
    for (io::Shard* shard : group_.shards()) threads_.push_back(thread_of(*shard));
  }

  std::uint16_t port() const { return group_.snapshots().front().port; }
  double cpu_seconds() const {
    double sum = 0;
    for (const Thread& each : threads_) sum += bench::cpu_seconds_of(each.handle);
    return sum;
  }
  bench::SystemCalls system_calls() const {
    bench::SystemCalls sum;
    for (const Thread& each : threads_) sum = sum + each.calls->so_far();
    return sum;
  }

 private:
  struct Thread {
    pthread_t handle{};
    const bench::SystemCallCounter* calls = nullptr;
  };
  static Thread thread_of(io::Shard& shard) {
    std::promise<Thread> told;
    shard.post([&told](OnShard&) {
      told.set_value({::pthread_self(), &bench::SystemCallCounter::of_this_thread()});
    });
    return told.get_future().get();
  }

  ExecutionGroup group_;
  nodes::Flow flow_;
  std::vector<Thread> threads_;
};

// Every figure of one run, per record where that makes sense.
enum Figure { cpu, rate, p50, p99, kFigures };

template <class Server>
std::vector<double> run(Server& server, bench::Load load) {
  load.port = server.port();
  double cpu_used = 0;
  load.on_begin = [&] { cpu_used -= server.cpu_seconds(); };
  load.on_end = [&] { cpu_used += server.cpu_seconds(); };
  const bench::LoadResult result = bench::generate(load);
  if (!result.error.empty()) {
    std::fprintf(stderr, "echo_bench: %s\n", result.error.c_str());
    std::exit(1);
  }
  std::vector<double> figures(kFigures);
  figures[cpu] = cpu_used * 1e6 / static_cast<double>(result.records);
  figures[rate] = result.rate();
  figures[p50] = result.latencies.percentile(50) * 1e-3;
  figures[p99] = result.latencies.percentile(99) * 1e-3;
  return figures;
}

// Everything of the whole program, so also of the generator, whose own allocations end with its warm up.
void count(bench::Report& report, const std::string& name, FlowEcho& ours, bench::Load load) {
  load.port = ours.port();
  std::uint64_t allocations = 0;
  bench::SystemCalls before;
  bench::SystemCalls calls;
  load.on_begin = [&] {
    allocations = bench::allocations_so_far();
    before = ours.system_calls();
  };
  load.on_end = [&] {
    calls = ours.system_calls() - before;
    allocations = bench::allocations_so_far() - allocations;
  };
  const bench::LoadResult result = bench::generate(load);
  const auto each = [&](std::uint64_t n) {
    return static_cast<double>(n) / static_cast<double>(result.records);
  };
  report.add(bench::figure(name + ": allocations", "all", static_cast<double>(allocations)).at_most(0));
  report.add(bench::figure(name + ": send", "a record", each(calls.sends)).at_most(1.1));
  report.add(bench::figure(name + ": recv", "a record", each(calls.receives)).at_most(1.6));
  report.add(bench::figure(name + ": epoll_wait", "a record", each(calls.waits)).at_most(0.2));
  report.add(bench::figure(name + ": epoll_ctl", "all", static_cast<double>(calls.registered)).at_most(0));
}

struct Case {
  int connections;
  int depth;
  std::size_t record_size;
  bool lines = true;  // else: records of fixed length

  std::string name() const {
    return std::to_string(record_size) + " B" + (lines ? "" : " fixed") + ", " + std::to_string(connections) +
           " conn, depth " + std::to_string(depth);
  }
  RecordFormat format() const {
    return lines ? records::line_end() : records::fixed_length(static_cast<std::uint32_t>(record_size));
  }
  bench::Load load(const bench::Report& report) const {
    // Long enough to be told from the noise of a run, with little below a second even on a slow machine.
    const std::uint64_t all = report.rounds(10) * (depth == 1 ? 8'000 : 40'000);
    bench::Load load;
    load.connections = connections;
    load.depth = depth;
    load.record_size = record_size;
    load.warm_up_each = std::max<std::uint64_t>(200, all / 10 / static_cast<unsigned>(connections));
    load.records_each = load.warm_up_each + all / static_cast<unsigned>(connections);
    return load;
  }
};

void compare(bench::Report& report, const Case& each) {
  const std::string name = each.name();
  if (!report.wants(name)) return;
  FlowEcho ours(1, each.format());
  bench::EpollEcho by_hand;
  const bench::Load load = each.load(report);
  const auto measured = bench::interleave_all(
      report.rounds(7), [&] { return run(ours, load); }, [&] { return run(by_hand, load); });
  bench::Row cpu_row = bench::compared(name + ": CPU", "us", measured[cpu]);
  bench::Row rate_row = bench::compared(name + ": rate", "1/s", measured[rate]);
  // With many records in one read both do little in the kernel, and by hand nothing else: no goal for CPU.
  report.add(each.depth == 1 ? std::move(cpu_row).ratio_at_most(1.10) : std::move(cpu_row));
  report.add(std::move(rate_row).ratio_at_least(each.depth == 1 ? 0.95 : 0.90));
  report.add(bench::compared(name + ": p50", "us", measured[p50]));
  report.add(bench::compared(name + ": p99", "us", measured[p99]));
  count(report, name, ours, load);
}

void two_shards(bench::Report& report) {
  const Case each{.connections = 64, .depth = 16, .record_size = 128};
  const std::string name = each.name() + ", 2 shards to 1";
  if (!report.wants(name)) return;
  FlowEcho two(2, each.format());
  FlowEcho one(1, each.format());
  const bench::Load load = each.load(report);
  const auto measured = bench::interleave_all(
      report.rounds(5), [&] { return run(two, load); }, [&] { return run(one, load); });
  report.add(bench::compared(name + ": CPU", "us", measured[cpu]));
  report.add(bench::compared(name + ": rate", "1/s", measured[rate]));
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(bench::Options::from(argc, argv));
  compare(report, {.connections = 64, .depth = 1, .record_size = 128});
  compare(report, {.connections = 64, .depth = 1, .record_size = 128, .lines = false});
  compare(report, {.connections = 16, .depth = 1, .record_size = 128});
  compare(report, {.connections = 64, .depth = 1, .record_size = 1024});
  compare(report, {.connections = 64, .depth = 16, .record_size = 128});
  compare(report, {.connections = 16, .depth = 16, .record_size = 1024});
  two_shards(report);
  return report.finish();
}

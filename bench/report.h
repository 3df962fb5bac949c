// What every bench shares: rows with a figure, the baseline it was measured against in the same run, and the
// goal it has; a table on the terminal and the same as JSON (`--json FILE`), so that a figure can be followed
// over time. A missed goal is seen in the row, it does not fail the program: the machine may be busy.
//
//   int main(int argc, char** argv) {
//     bench::Report report(bench::Options::from(argc, argv));
//     const auto measured = bench::interleave(report.rounds(9), ours, by_hand);   // each gives ns an
//     operation report.add(bench::compared("line_end 128 B", "ns", measured).at_most(12)); return
//     report.finish();
//   }
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bench {

// Figures of the same thing, measured several times.
struct Sample {
  double median = 0;
  double spread = 0;  // distance of the quartiles, as a part of the median: 0.02 is 2 %
};
Sample sample_of(std::vector<double> figures);

struct Comparison {
  Sample subject;
  Sample baseline;
  Sample ratio;  // of subject to baseline round by round: what slows both at the same time cancels out
};

// One measurement: runs the thing and tells its figure, in whatever unit the row has.
using Measure = std::function<double()>;

// The same, of several figures that one run gives: always as many, in the same order.
using MeasureAll = std::function<std::vector<double>()>;

// `rounds` measurements after one that is thrown away (caches, page faults, clock speed).
Sample repeat(int rounds, const Measure& measure);

// A B A B ...: after one of each thrown away. Each second round turns the order around.
Comparison interleave(int rounds, const Measure& subject, const Measure& baseline);
std::vector<Comparison> interleave_all(int rounds, const MeasureAll& subject, const MeasureAll& baseline);

template <class Work>
double seconds(Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Nanoseconds for each of `operations`, which `work` does in one call.
template <class Work>
double ns_each(std::size_t operations, Work&& work) {
  return seconds(work) * 1e9 / static_cast<double>(operations);
}

struct Row {
  std::string name;
  double value = 0;
  std::string unit;
  double spread = 0;  // of the value
  std::optional<double> baseline;
  std::optional<double> ratio;
  double ratio_spread = 0;
  std::string goal;  // as it is shown: "<= 12", "ratio >= 0.95"; empty: none
  std::optional<bool> ok;

  // The goal of a row, with its outcome. Each gives the row back, so that it reads as one sentence.
  Row at_most(double bound) &&;
  Row at_least(double bound) &&;
  Row ratio_at_most(double bound) &&;
  Row ratio_at_least(double bound) &&;
};

Row figure(std::string name, std::string unit, const Sample& sample);
Row figure(std::string name, std::string unit, double exact);  // counted, not timed
Row compared(std::string name, std::string unit, const Comparison& comparison);

struct Options {
  std::string json;    // --json FILE; empty: the table alone
  std::string filter;  // --filter TEXT: for benches with many rows; see Report::wants
  bool quick = false;  // --quick: one round, to see that the bench runs

  // Ends the program with a usage text when the command line is wrong, or asks for --help.
  static Options from(int argc, char** argv);
};

class Report {
 public:
  explicit Report(Options options) : options_(std::move(options)) {}

  int rounds(int usual) const { return options_.quick ? 1 : usual; }
  bool wants(const std::string& name) const { return name.find(options_.filter) != std::string::npos; }

  void add(Row row) { rows_.push_back(std::move(row)); }
  const std::vector<Row>& rows() const { return rows_; }

  void print() const;
  bool write_json(const std::string& file) const;  // false: could not be written, errno says why

  // print(), write_json() if asked for, and the exit code of the program.
  int finish() const;

 private:
  Options options_;
  std::vector<Row> rows_;
};

std::string to_json(const std::vector<Row>& rows);

}  // namespace bench

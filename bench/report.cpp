#include "bench/report.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

namespace bench {
namespace {

std::string number(double value) {
  if (!std::isfinite(value)) return "null";
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

// For people: digits that mean something, no exponent for the usual sizes.
std::string shown(double value) {
  char text[32];
  const double size = std::fabs(value);
  std::snprintf(text, sizeof text,
                size >= 1000  ? "%.0f"
                : size >= 100 ? "%.1f"
                : size >= 1   ? "%.2f"
                              : "%.4f",
                value);
  return text;
}

std::string percent(double part) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f%%", part * 100);
  return text;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) {
      out += c;
    } else {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escape;
    }
  }
  return out + '"';
}

Row judged(Row row, std::string_view sign, double bound, bool holds) {
  row.goal = std::string(sign) + ' ' + number(bound);
  row.ok = holds;
  return row;
}

[[noreturn]] void usage(const char* program, int code) {
  std::fprintf(code == 0 ? stdout : stderr, "usage: %s [--json FILE] [--filter TEXT] [--quick]\n", program);
  std::exit(code);
}

}  // namespace

Sample sample_of(std::vector<double> figures) {
  if (figures.empty()) return {};
  std::sort(figures.begin(), figures.end());
  const auto at = [&](double part) {  // between two neighbours, the nearer counts more
    const double place = part * static_cast<double>(figures.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, figures.size() - 1);
    return figures[below] + (figures[above] - figures[below]) * (place - static_cast<double>(below));
  };
  Sample sample;
  sample.median = at(0.5);
  sample.spread = sample.median == 0 ? 0 : (at(0.75) - at(0.25)) / std::fabs(sample.median);
  return sample;
}

Sample repeat(int rounds, const Measure& measure) {
  measure();
  std::vector<double> figures;
  for (int i = 0; i < rounds; ++i) figures.push_back(measure());
  return sample_of(std::move(figures));
}

Comparison interleave(int rounds, const Measure& subject, const Measure& baseline) {
  const auto as_list = [](const Measure& measure) -> MeasureAll {
    return [&measure] { return std::vector<double>{measure()}; };
  };
  return interleave_all(rounds, as_list(subject), as_list(baseline)).front();
}

std::vector<Comparison> interleave_all(int rounds, const MeasureAll& subject, const MeasureAll& baseline) {
  struct Figures {
    std::vector<double> of_subject;
    std::vector<double> of_baseline;
    std::vector<double> ratios;
  };
  std::vector<Figures> all(subject().size());
  baseline();
  for (int i = 0; i < rounds; ++i) {
    const bool subject_first = i % 2 == 0;
    std::vector<double> ours;
    if (subject_first) ours = subject();
    const std::vector<double> theirs = baseline();
    if (!subject_first) ours = subject();
    for (std::size_t figure = 0; figure < all.size(); ++figure) {
      all[figure].of_subject.push_back(ours.at(figure));
      all[figure].of_baseline.push_back(theirs.at(figure));
      all[figure].ratios.push_back(ours.at(figure) / theirs.at(figure));
    }
  }
  std::vector<Comparison> compared;
  for (Figures& each : all) {
    compared.push_back({sample_of(std::move(each.of_subject)), sample_of(std::move(each.of_baseline)),
                        sample_of(std::move(each.ratios))});
  }
  return compared;
}

Row Row::at_most(double bound) && {
  return judged(std::move(*this), "<=", bound, value <= bound);
}
Row Row::at_least(double bound) && {
  return judged(std::move(*this), ">=", bound, value >= bound);
}
Row Row::ratio_at_most(double bound) && {
  return judged(std::move(*this), "ratio <=", bound, ratio && *ratio <= bound);
}
Row Row::ratio_at_least(double bound) && {
  return judged(std::move(*this), "ratio >=", bound, ratio && *ratio >= bound);
}

Row figure(std::string name, std::string unit, const Sample& sample) {
  Row row;
  row.name = std::move(name);
  row.unit = std::move(unit);
  row.value = sample.median;
  row.spread = sample.spread;
  return row;
}

Row figure(std::string name, std::string unit, double exact) {
  return figure(std::move(name), std::move(unit), Sample{exact, 0});
}

Row compared(std::string name, std::string unit, const Comparison& comparison) {
  Row row = figure(std::move(name), std::move(unit), comparison.subject);
  row.baseline = comparison.baseline.median;
  row.ratio = comparison.ratio.median;
  row.ratio_spread = comparison.ratio.spread;
  return row;
}

Options Options::from(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--json" && has_value)
      options.json = argv[++i];
    else if (word == "--filter" && has_value)
      options.filter = argv[++i];
    else if (word == "--quick")
      options.quick = true;
    else
      usage(argv[0], word == "--help" ? 0 : 2);
  }
  return options;
}

void Report::print() const {
  int width = 4;
  for (const Row& row : rows_) width = std::max(width, static_cast<int>(row.name.size()));
  std::printf("%-*s %12s %-10s %8s %12s %8s %8s  %-16s %s\n", width, "name", "value", "unit", "spread",
              "baseline", "ratio", "spread", "goal", "ok");
  for (const Row& row : rows_) {
    std::printf(
        "%-*s %12s %-10s %7.1f%% %12s %8s %8s  %-16s %s\n", width, row.name.c_str(), shown(row.value).c_str(),
        row.unit.c_str(), row.spread * 100, row.baseline ? shown(*row.baseline).c_str() : "-",
        row.ratio ? shown(*row.ratio).c_str() : "-", row.ratio ? percent(row.ratio_spread).c_str() : "-",
        row.goal.empty() ? "-" : row.goal.c_str(),
        !row.ok   ? "-"
        : *row.ok ? "yes"
                  : "MISSED");
  }
}

std::string to_json(const std::vector<Row>& rows) {
  std::string out = "[";
  for (const Row& row : rows) {
    out += out.size() == 1 ? "\n" : ",\n";
    out += "  {\"name\": " + quoted(row.name) + ", \"value\": " + number(row.value) +
           ", \"unit\": " + quoted(row.unit);
    if (row.baseline) out += ", \"baseline\": " + number(*row.baseline);
    if (row.ratio) {
      out += ", \"ratio\": " + number(*row.ratio) + ", \"ratio_spread\": " + number(row.ratio_spread);
    }
    if (!row.goal.empty()) out += ", \"goal\": " + quoted(row.goal);
    if (row.ok) out += std::string(", \"ok\": ") + (*row.ok ? "true" : "false");
    out += ", \"spread\": " + number(row.spread) + "}";
  }
  return out + "\n]\n";
}

bool Report::write_json(const std::string& file) const {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << to_json(rows_);
  out.close();
  return out.good();
}

int Report::finish() const {
  print();
  if (options_.json.empty() || write_json(options_.json)) return 0;
  std::fprintf(stderr, "cannot write %s: %s\n", options_.json.c_str(), std::strerror(errno));
  return 1;
}

}  // namespace bench

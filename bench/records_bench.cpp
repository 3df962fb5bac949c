// Framing alone: what finding records costs when the bytes are there. The baseline of each row is a loop by
// hand over the same bytes in the same run; for formats that need no search it is the line loop, which shows
// what a record costs at least.
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "bench/allocation_count.h"
#include "bench/report.h"
#include "connmgr/core/record_detector.h"
#include "connmgr/core/record_writer.h"

namespace {

using namespace connmgr;

constexpr std::size_t kRead = 64 * 1024;  // what one read brings at most
constexpr std::size_t kPasses = 200;      // over the same bytes
constexpr std::size_t kMaxRecordBytes = 100'000'000;

volatile std::uint64_t sink = 0;  // what was found is used, so that it must be found

// As much as one read brings of records that take `size` bytes each.
std::string stream_of(const RecordFormat& format, std::size_t size, std::size_t& records) {
  RecordFrame frame;
  const RecordDefinition definition = definition_for(format);
  if (!frame_record(definition, "", true, frame) && format.prefix_offset == 0) std::abort();
  const std::size_t around = format.kind == RecordFormat::Kind::fixed_length ? 0 : frame.size();
  std::string body(size - around, 'x');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = "some text, 1234 "[i % 16];
  std::string bytes;
  records = std::max<std::size_t>(1, kRead / size);
  for (std::size_t i = 0; i < records; ++i) {
    if (!frame_record(definition, body, false, frame)) std::abort();
    bytes.append(frame.before).append(frame.body).append(frame.after);
  }
  return bytes;
}

std::uint64_t detect(RecordDetector& detector, std::string_view unread) {
  std::uint64_t total = 0;
  for (;;) {
    const Detection found = detector.next(unread, StreamEnd::open);
    if (found.kind != Detection::Kind::record) return total;
    total += found.body_size;
    unread.remove_prefix(found.size);
  }
}

// The reads of a long record: the detector is asked after each, with all that is unread.
std::uint64_t detect_growing(RecordDetector& detector, std::string_view bytes) {
  for (std::size_t arrived = kRead; arrived < bytes.size(); arrived += kRead) {
    if (detector.next(bytes.substr(0, arrived), StreamEnd::open).kind != Detection::Kind::need_more)
      std::abort();
  }
  return detect(detector, bytes);
}

std::uint64_t lines_by_hand(std::string_view unread) {
  std::uint64_t total = 0;
  const char* at = unread.data();
  const char* const end = at + unread.size();
  while (const void* hit = std::memchr(at, '\n', static_cast<std::size_t>(end - at))) {
    const char* const line_feed = static_cast<const char*>(hit);
    total += static_cast<std::uint64_t>(line_feed - at) - (line_feed > at && line_feed[-1] == '\r' ? 1 : 0);
    at = line_feed + 1;
    if (at == end) break;
  }
  return total;
}

template <class Work>
double ns_a_record(std::size_t records, Work&& work) {
  return bench::ns_each(records * kPasses, [&] {
    for (std::size_t pass = 0; pass < kPasses; ++pass) sink = sink + work();
  });
}

struct Case {
  const char* name;
  RecordFormat format;
};

std::vector<Case> cases() {
  return {{"line_end", records::line_end()},
          {"delimited 1 B", records::delimited("|")},
          {"delimited CRLF", records::delimited("\r\n")},
          {"delimited 16 B", records::delimited("</message:end>\r\n")},
          {"fixed_length", records::fixed_length(128)},
          {"length_prefix", records::length_prefix(4)},
          {"mllp", records::mllp()}};
}

bench::Comparison against_lines(const bench::Report& report, const RecordFormat& format,
                                const std::string& bytes, const std::string& lines, std::size_t records) {
  RecordDetector detector(format, kMaxRecordBytes);
  return bench::interleave(
      report.rounds(15), [&] { return ns_a_record(records, [&] { return detect(detector, bytes); }); },
      [&] { return ns_a_record(records, [&] { return lines_by_hand(lines); }); });
}

void short_records(bench::Report& report) {
  std::size_t records = 0;
  const std::string lines = stream_of(records::line_end(), 128, records);
  for (const Case& each : cases()) {
    const std::string name = std::string("128 B record, ") + each.name;
    if (!report.wants(name)) continue;
    const std::string bytes = stream_of(each.format, 128, records);
    bench::Row row = bench::compared(name, "ns", against_lines(report, each.format, bytes, lines, records));
    report.add(std::string_view(each.name) == "line_end" ? std::move(row).at_most(12) : std::move(row));
  }
}

// The other half: a body of 100 bytes gets what stands around it, searched first for what would end it early.
// The baseline is that search by hand, which no writer can do without.
void written_records(bench::Report& report) {
  constexpr std::size_t kRecords = 1000;
  const std::string body(100, 'x');
  for (const Case& each : cases()) {
    const std::string name = std::string("100 B body written, ") + each.name;
    if (!report.wants(name)) continue;
    const RecordDefinition definition = definition_for(each.format);
    RecordFrame frame;
    const auto write = [&] {
      std::uint64_t total = 0;
      for (std::size_t i = 0; i < kRecords; ++i) {
        if (frame_record(definition, body, false, frame)) total += frame.size();
      }
      return total;
    };
    const auto search = [&] {
      std::uint64_t total = 0;
      for (std::size_t i = 0; i < kRecords; ++i) {
        if (!std::memchr(body.data(), '\n', body.size())) total += body.size();
        asm volatile("" ::: "memory");  // the body may have changed: search it again
      }
      return total;
    };
    const auto measured = bench::interleave(
        report.rounds(15), [&] { return ns_a_record(kRecords, write); },
        [&] { return ns_a_record(kRecords, search); });
    report.add(bench::compared(name, "ns", measured));
  }
}

// GB/s over a record of 1 MiB that arrives in reads of 64 KiB.
void long_records(bench::Report& report) {
  constexpr std::size_t kLong = 1024 * 1024;
  constexpr std::size_t kLongPasses = 8;
  const auto gigabytes = [](std::size_t bytes, auto&& work) {
    return static_cast<double>(bytes * kLongPasses) / 1e9 / bench::seconds([&] {
             for (std::size_t pass = 0; pass < kLongPasses; ++pass) sink = sink + work();
           });
  };
  std::size_t records = 0;
  const std::string lines = stream_of(records::line_end(), kLong, records);
  for (const Case& each : cases()) {
    const std::string name = std::string("1 MiB record, ") + each.name;
    const bool searched =
        each.format.kind == RecordFormat::Kind::delimited || each.format.kind == RecordFormat::Kind::envelope;
    if (!searched || !report.wants(name)) continue;
    const std::string bytes = stream_of(each.format, kLong, records);
    RecordDetector detector(each.format, kMaxRecordBytes);
    const auto measured = bench::interleave(
        report.rounds(15),
        [&] { return gigabytes(bytes.size(), [&] { return detect_growing(detector, bytes); }); },
        [&] { return gigabytes(lines.size(), [&] { return lines_by_hand(lines); }); });
    report.add(bench::compared(name, "GB/s", measured).at_least(5));
  }
}

// The worst that a peer can send: bytes that all look like the delimiter and never are.
void hostile_bytes(bench::Report& report) {
  const RecordFormat format = records::delimited(std::string(32, 'a') + std::string(32, 'a'));
  std::string bytes;
  while (bytes.size() < kRead) bytes += std::string(63, 'a') + "b";
  const std::string name = "hostile bytes, delimiter of 64 B";
  if (!report.wants(name)) return;
  const std::string empty_lines(bytes.size(), '\n');
  const auto measured = bench::interleave(
      report.rounds(5),
      [&] {
        return ns_a_record(bytes.size() / 20,
                           [&] {
                             RecordDetector detector(format, kMaxRecordBytes);
                             return detect(detector, bytes);
                           }) /
               20;
      },
      [&] { return ns_a_record(bytes.size() / 20, [&] { return lines_by_hand(empty_lines); }) / 20; });
  report.add(bench::compared(name, "ns/byte", measured));
}

void allocations(bench::Report& report) {
  std::size_t records = 0;
  for (const Case& each : cases()) {
    const std::string name = std::string("allocations, ") + each.name;
    if (!report.wants(name)) continue;
    const std::string bytes = stream_of(each.format, 128, records);
    const RecordDefinition definition = definition_for(each.format);
    const std::string body(100, 'x');
    RecordDetector detector(each.format, kMaxRecordBytes);
    RecordFrame frame;
    if (!frame_record(definition, body, false, frame)) std::abort();
    const bench::AllocationCount counted;
    sink = sink + detect(detector, bytes);
    for (int i = 0; i < 100; ++i) {
      if (frame_record(definition, body, false, frame)) sink = sink + frame.size();
    }
    report.add(bench::figure(name, "all", static_cast<double>(counted.count())).at_most(0));
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(bench::Options::from(argc, argv));
  short_records(report);
  written_records(report);
  long_records(report);
  hostile_bytes(report);
  allocations(report);
  return report.finish();
}

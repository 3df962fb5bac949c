// Framing: for any format, bytes, cuts and end, the detector finds what the slow detector finds (SPEC D1 to
// D4), and what a writer makes of bodies is found again as those bodies (N6).
#include <cstdio>
#include <cstdlib>

#include "connmgr/core/record_writer.h"
#include "tests/fuzz/input.h"
#include "tests/support/slow_records.h"

namespace {

using namespace connmgr;
using connmgr::test::EndSeen;
using connmgr::test::Found;
using connmgr::test::FuzzInput;

// One digit tells how many bytes follow it.
ParserVerdict by_digit(std::string_view unread, std::size_t) {
  const std::size_t size = 1 + static_cast<std::size_t>(static_cast<unsigned char>(unread[0]) % 10);
  if (unread[0] == '!') return {ParserVerdict::Kind::invalid, 0, "found '!'"};
  if (unread.size() < size) return {};
  return {ParserVerdict::Kind::complete, size, ""};
}

RecordFormat format_from(FuzzInput& input) {
  RecordFormat format;
  format.kind = static_cast<RecordFormat::Kind>(input.below(6));
  format.use = static_cast<RecordFormat::DelimiterUse>(input.below(2));
  switch (format.kind) {
    case RecordFormat::Kind::connection_closed: break;
    case RecordFormat::Kind::fixed_length: format.length = 1 + input.byte(); break;
    case RecordFormat::Kind::delimited:
      format.line_end = input.flag();
      format.accept_unterminated_last = input.flag();
      format.delimiter = input.bytes(1 + input.below(64));
      break;
    case RecordFormat::Kind::parsed: format = records::parsed(by_digit); break;
    case RecordFormat::Kind::length_prefix:
      format.prefix_bytes = 1 + input.below(8);
      format.encoding = static_cast<RecordFormat::Encoding>(input.below(3));
      format.length_includes_prefix = input.flag();
      format.prefix_offset = input.flag() ? input.below(9) : 0;
      format.adjustment = static_cast<std::int8_t>(input.byte());
      break;
    case RecordFormat::Kind::envelope:
      format.start = input.bytes(1 + input.below(4));
      format.end = input.bytes(1 + input.below(8));
      break;
  }
  return format;
}

std::vector<std::size_t> cuts_from(FuzzInput& input, std::size_t size) {
  std::vector<std::size_t> cuts;
  const std::size_t longest = 1 + input.below(32);
  for (std::size_t at = 0; size > 0;) {
    at += 1 + input.below(longest);
    if (at >= size) break;
    cuts.push_back(at);
  }
  return cuts;
}

void reads_the_same(const RecordFormat& format, FuzzInput& input) {
  const std::size_t max = input.flag() ? std::size_t{1} << 40 : input.byte();
  const auto end = static_cast<StreamEnd>(input.below(3));
  const auto seen = static_cast<EndSeen>(input.below(2));
  FuzzInput later = input;  // the stream's own bytes choose the cuts as well
  const std::string bytes(input.rest());
  const std::vector<Found> found =
      test::records_in_pieces(format, max, bytes, cuts_from(later, bytes.size()), end, seen);

  FUZZ_EXPECT(found == test::records_in_pieces(format, max, bytes, {}, end));
  if (format.kind != RecordFormat::Kind::parsed)
    FUZZ_EXPECT(found == test::slow_records(format, max, bytes, end));
}

void writes_what_is_read(const RecordFormat& format, FuzzInput& input) {
  const RecordDefinition definition = definition_for(format);
  if (definition.kind == RecordDefinition::Kind::unmodified) return;
  RecordFrame frame;
  std::string bytes;
  std::vector<Found> expected;
  while (!input.empty()) {
    const std::string_view body = input.bytes(input.byte());
    if (!frame_record(definition, body, expected.empty(), frame)) continue;
    const std::string record = std::string(frame.before).append(frame.body).append(frame.after);
    bytes += record;
    const bool whole = format.kind == RecordFormat::Kind::fixed_length ||
                       (format.kind == RecordFormat::Kind::length_prefix && format.prefix_offset > 0);
    expected.push_back(test::a_record(whole ? record : std::string(body)));
  }
  // An infix stream of one empty record is no byte, and so no record (D3).
  if (bytes.empty()) expected.clear();
  expected.push_back({Detection::Kind::no_more, ""});

  FUZZ_EXPECT(expected == test::records_in_pieces(format, bytes.size(), bytes, {}, StreamEnd::clean));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const bool write = input.flag();
  const RecordFormat format = format_from(input);
  if (!validate(format)) return 0;
  if (write)
    writes_what_is_read(format, input);
  else
    reads_the_same(format, input);
  return 0;
}

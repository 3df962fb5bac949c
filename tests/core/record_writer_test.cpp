#include "connmgr/core/record_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/support/slow_records.h"

namespace connmgr {
namespace {

using test::a_record;
using test::Found;
using test::records_in_pieces;
using test::slow_records;
using ::testing::HasSubstr;

constexpr std::size_t kNoLimit = std::size_t{1} << 40;
using Encoding = RecordFormat::Encoding;

std::string operator""_b(const char* bytes, std::size_t size) {
  return {bytes, size};
}

std::string bytes_of(const RecordFrame& frame) {
  return std::string(frame.before) + std::string(frame.body) + std::string(frame.after);
}

std::string written(const RecordDefinition& definition, std::string_view body, bool first = true) {
  RecordFrame frame;
  const auto outcome = frame_record(definition, body, first, frame);
  EXPECT_TRUE(outcome) << outcome.error().text;
  EXPECT_EQ(frame.size(), bytes_of(frame).size());
  return bytes_of(frame);
}

Failure refusal(const RecordDefinition& definition, std::string_view body) {
  RecordFrame frame;
  const auto outcome = frame_record(definition, body, true, frame);
  EXPECT_FALSE(outcome) << "should not take '" << body << "'";
  return outcome ? Failure() : outcome.error();
}

RecordDefinition delimited_by(std::string delimiter) {
  return definition_for(records::delimited(std::move(delimiter)));
}

RecordDefinition prefixed(std::size_t bytes, Encoding encoding = Encoding::big_endian) {
  return definition_for(records::length_prefix(bytes, encoding));
}

TEST(RecordWriter, LeavesAnUnmodifiedBodyAlone) {
  EXPECT_EQ(written(RecordDefinition(), "a\nb"), "a\nb");
  EXPECT_EQ(written(definition_for(records::connection_closed()), "a\nb"), "a\nb");
}

TEST(RecordWriter, FillsAFixedLengthWithThePaddingByte) {
  RecordDefinition definition = definition_for(records::fixed_length(4));
  definition.padding = '.';

  EXPECT_EQ(written(definition, "ab"), "ab..");
  EXPECT_EQ(written(definition, "abcd"), "abcd");
  EXPECT_EQ(written(definition, ""), "....");
}

TEST(RecordWriter, RefusesABodyLongerThanTheFixedLength) {
  const Failure failure = refusal(definition_for(records::fixed_length(4)), "abcde");

  EXPECT_TRUE(failure.is(Errc::record_too_long));
  EXPECT_THAT(failure.text, HasSubstr("a body of 5 bytes is longer than the fixed length of 4"));
}

TEST(RecordWriter, PutsAPostfixDelimiterAfterEachRecord) {
  EXPECT_EQ(written(delimited_by("--"), "a", true), "a--");
  EXPECT_EQ(written(delimited_by("--"), "a", false), "a--");
}

TEST(RecordWriter, PutsAnInfixDelimiterBeforeEachRecordButTheFirst) {
  const auto definition = definition_for(records::delimited(",", RecordFormat::DelimiterUse::infix));

  EXPECT_EQ(written(definition, "a", true), "a");
  EXPECT_EQ(written(definition, "a", false), ",a");
}

TEST(RecordWriter, RefusesABodyThatAReaderWouldEndEarly) {
  EXPECT_TRUE(refusal(delimited_by("--"), "a--b").is(Errc::record_invalid));
  EXPECT_TRUE(refusal(delimited_by("--"), "a-").is(Errc::record_invalid)) << "a- and -- are read as a, -";
  EXPECT_TRUE(refusal(delimited_by("aba"), "xab").is(Errc::record_invalid)) << "xababa is read as x, ba";
  EXPECT_TRUE(refusal(definition_for(records::mllp()), "a\x1c\rb").is(Errc::record_invalid));
  EXPECT_EQ(written(delimited_by("aab"), "xa"), "xaaab") << "read as xa: nothing is wrong with it";
  EXPECT_EQ(written(definition_for(records::mllp()), "a\x1c"),
            "\x0b"
            "a\x1c\x1c\r");
}

TEST(RecordWriter, KeepsLinesApartForReadersThatTakeEitherLineEnd) {
  RecordDefinition definition = definition_for(records::line_end());

  EXPECT_EQ(written(definition, "a"), "a\n");
  EXPECT_TRUE(refusal(definition, "a\nb").is(Errc::record_invalid));
  EXPECT_TRUE(refusal(definition, "a\r").is(Errc::record_invalid));

  definition.delimiter = "\r\n";
  EXPECT_EQ(written(definition, "a\r"), "a\r\r\n");
  EXPECT_TRUE(refusal(definition, "a\nb").is(Errc::record_invalid));
}

TEST(RecordWriter, PutsTheLengthBeforeTheBody) {
  EXPECT_EQ(written(prefixed(1), "abc"), "\3abc");
  EXPECT_EQ(written(prefixed(4), "abc"), "\0\0\0\3abc"_b);
  EXPECT_EQ(written(prefixed(8, Encoding::little_endian), "abc"), "\3\0\0\0\0\0\0\0abc"_b);
  EXPECT_EQ(written(prefixed(3, Encoding::ascii_digits), "abcdefghijkl"), "012abcdefghijkl");
  EXPECT_EQ(written(prefixed(2), std::string(258, 'x')).substr(0, 2), "\1\2");
}

TEST(RecordWriter, WritesTheLengthThatAReaderWillAdjust) {
  RecordDefinition definition = prefixed(1);
  definition.adjustment = -2;
  EXPECT_EQ(written(definition, "abc"), "\5abc");

  definition.length_includes_prefix = true;
  EXPECT_EQ(written(definition, "abc"), "\6abc");
}

TEST(RecordWriter, PutsTheRightLengthIntoTheHeaderOfTheBody) {
  RecordFormat format = records::length_prefix(2);
  format.prefix_offset = 2;
  RecordDefinition definition = definition_for(format);

  EXPECT_EQ(written(definition, "HD??abc"), "HD\0\3abc"_b);
  EXPECT_EQ(written(definition, "HD??"), "HD\0\0"_b);

  definition.length_includes_prefix = true;
  EXPECT_EQ(written(definition, "HD??abc"), "HD\0\7abc"_b);
  EXPECT_THAT(refusal(definition, "HD?").text, HasSubstr("a body of 3 bytes lacks its header of 4"));
}

TEST(RecordWriter, RefusesALengthThatThePrefixCannotHold) {
  RecordDefinition below = prefixed(1);
  below.adjustment = 4;

  EXPECT_EQ(written(prefixed(1), std::string(255, 'x')).size(), 256u);
  EXPECT_THAT(refusal(prefixed(1), std::string(256, 'x')).text, HasSubstr("256 does not fit a prefix of 1"));
  EXPECT_THAT(refusal(prefixed(2, Encoding::ascii_digits), std::string(100, 'x')).text,
              HasSubstr("does not fit"));
  EXPECT_THAT(refusal(below, "abc").text, HasSubstr("-1 does not fit"));
}

TEST(RecordWriter, CanFillOneFrameAgainAndAgain) {
  RecordFrame frame;
  RecordDefinition fixed = definition_for(records::fixed_length(3));

  ASSERT_TRUE(frame_record(fixed, "a", true, frame));
  EXPECT_EQ(bytes_of(frame), "a  ");
  ASSERT_TRUE(frame_record(prefixed(1), "abc", false, frame));
  EXPECT_EQ(bytes_of(frame), "\3abc");
  ASSERT_TRUE(frame_record(RecordDefinition(), "x", false, frame));
  EXPECT_EQ(bytes_of(frame), "x");
}

TEST(RecordDefinition, IsValidWhereTheFormatOfItsReaderIs) {
  for (const RecordFormat& format :
       {records::connection_closed(), records::fixed_length(1), records::line_end(),
        records::delimited("--", RecordFormat::DelimiterUse::infix), records::length_prefix(8),
        records::mllp()}) {
    EXPECT_TRUE(validate(definition_for(format)));
    EXPECT_EQ(format_for(definition_for(format)), format);
  }
  RecordDefinition odd_line = definition_for(records::line_end());
  odd_line.delimiter = ";";
  for (const RecordDefinition& definition :
       {definition_for(records::fixed_length(0)), delimited_by(""), delimited_by(std::string(65, 'x')),
        prefixed(0), prefixed(9), definition_for(records::envelope("", ">")), odd_line}) {
    const auto outcome = validate(definition);
    ASSERT_FALSE(outcome);
    EXPECT_TRUE(outcome.error().is(Errc::invalid_configuration));
  }
}

// ---- the detector finds what the writer wrote

struct Random {
  std::mt19937 numbers;
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(numbers() % limit); }
  std::string text(std::string_view letters, std::size_t size) {
    std::string text(size, ' ');
    for (char& c : text) c = letters[below(letters.size())];
    return text;
  }
};

RecordFormat any_format(Random& random, std::size_t body) {
  const std::string delimiter = random.text("ab\r\n", 1 + random.below(4));
  switch (random.below(5)) {
    case 0: return records::fixed_length(body + 1);
    case 1: return records::line_end();
    case 2: return records::envelope(random.text("ab", 1 + random.below(3)), delimiter);
    case 3: return records::delimited(delimiter, static_cast<RecordFormat::DelimiterUse>(random.below(2)));
    default: break;
  }
  RecordFormat format = records::length_prefix(1 + random.below(8), static_cast<Encoding>(random.below(3)));
  format.length_includes_prefix = random.below(2) == 0;
  format.prefix_offset = random.below(2) * random.below(4);
  format.adjustment = static_cast<std::int64_t>(random.below(7)) - 3;
  return format;
}

// With a header the writer corrects the length in the body; what comes back has it corrected.
std::string as_read(const RecordFormat& format, const RecordFrame& frame, const std::string& body) {
  if (format.kind == RecordFormat::Kind::fixed_length) return body + std::string(frame.after);
  const bool header = format.kind == RecordFormat::Kind::length_prefix && format.prefix_offset > 0;
  return header ? bytes_of(frame) : body;
}

TEST(RecordWriter, WritesWhatTheDetectorFindsAgain) {
  constexpr unsigned kSeed = 14;
  Random random{std::mt19937(kSeed)};
  int records_written = 0;
  for (int run = 0; run < 3000; ++run) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", run " + std::to_string(run));
    const RecordFormat format = any_format(random, 9);
    const RecordDefinition definition = definition_for(format);
    const bool infix = format.use == RecordFormat::DelimiterUse::infix;
    std::string bytes;
    std::vector<Found> expected;
    RecordFrame frame;
    for (int i = 0; i < 6; ++i) {
      const std::string body = random.text("ab\r\n", random.below(10));
      if (!frame_record(definition, body, expected.empty(), frame)) continue;
      bytes += bytes_of(frame);
      expected.push_back(a_record(as_read(format, frame, body)));
      ++records_written;
    }
    // An infix stream of one empty record is no byte, and so no record (D3).
    if (infix && bytes.empty()) expected.clear();
    expected.push_back({Detection::Kind::no_more, ""});
    std::vector<std::size_t> cuts;
    for (std::size_t at = 1 + random.below(9); at < bytes.size(); at += 1 + random.below(9))
      cuts.push_back(at);

    ASSERT_EQ(records_in_pieces(format, kNoLimit, bytes, cuts, StreamEnd::clean), expected);
  }
  EXPECT_GT(records_written, 9000) << "most bodies should have been taken";
}

// The other way round: what was refused would have come out wrong.
TEST(RecordWriter, RefusesOnlyWhatAReaderWouldGetWrong) {
  constexpr unsigned kSeed = 15;
  Random random{std::mt19937(kSeed)};
  int refusals = 0;
  for (int run = 0; run < 20000; ++run) {
    const bool lines = random.below(4) == 0;
    const std::string delimiter = lines ? "\n" : random.text("ab", 1 + random.below(4));
    const std::string body = random.text(lines ? "a\r\n" : "ab", random.below(6));
    const RecordFormat format = lines ? records::line_end() : records::delimited(delimiter);
    RecordFrame frame;
    const bool taken = static_cast<bool>(frame_record(definition_for(format), body, true, frame));
    const auto read = slow_records(format, kNoLimit, body + delimiter, StreamEnd::clean);

    ASSERT_EQ(taken, read.front() == a_record(body) && read.size() == 2)
        << "seed " << kSeed << ", run " << run;
    refusals += taken ? 0 : 1;
  }
  EXPECT_GT(refusals, 2000);
}

}  // namespace
}  // namespace connmgr

#include "connmgr/core/record_detector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <stdexcept>

#include "tests/support/slow_records.h"

namespace connmgr {
namespace {

using test::a_record;
using test::EndSeen;
using test::Found;
using test::records_in_pieces;
using test::slow_records;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kNoLimit = std::size_t{1} << 40;
const Found kNeedMore{Detection::Kind::need_more, ""};
const Found kTooLong{Detection::Kind::too_long, ""};
const Found kIncomplete{Detection::Kind::incomplete, ""};
const Found kInvalid{Detection::Kind::invalid, ""};
const Found kNoMore{Detection::Kind::no_more, ""};

using Infix = std::integral_constant<RecordFormat::DelimiterUse, RecordFormat::DelimiterUse::infix>;
using Encoding = RecordFormat::Encoding;

std::string operator""_b(const char* bytes, std::size_t size) {
  return {bytes, size};
}

// What is found in the bytes read at once; byte by byte and cut in two anywhere must give the same (D1).
std::vector<Found> read(const RecordFormat& format, std::string_view bytes, StreamEnd end,
                        std::size_t max = kNoLimit) {
  const std::vector<Found> at_once = records_in_pieces(format, max, bytes, {}, end);
  std::vector<std::size_t> each_byte;
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    EXPECT_EQ(records_in_pieces(format, max, bytes, {cut}, end), at_once) << "cut at " << cut;
    each_byte.push_back(cut);
  }
  EXPECT_EQ(records_in_pieces(format, max, bytes, each_byte, end), at_once);
  EXPECT_EQ(records_in_pieces(format, max, bytes, each_byte, end, EndSeen::after_them), at_once);
  return at_once;
}

RecordFormat with_end(std::string end) {
  return records::envelope("<", std::move(end));
}

RecordFormat accepting_unterminated(RecordFormat format) {
  format.accept_unterminated_last = true;
  return format;
}

// ---- connection_closed

TEST(ConnectionClosed, TakesEverythingUpToTheEndOfTheStreamAsOneRecord) {
  EXPECT_THAT(read(records::connection_closed(), "a\nb", StreamEnd::clean),
              ElementsAre(a_record("a\nb"), kNoMore));
}

TEST(ConnectionClosed, WaitsWhileTheStreamIsOpen) {
  EXPECT_THAT(read(records::connection_closed(), "abc", StreamEnd::open), ElementsAre(kNeedMore));
}

TEST(ConnectionClosed, FindsNoRecordInAStreamWithoutBytes) {
  EXPECT_THAT(read(records::connection_closed(), "", StreamEnd::clean), ElementsAre(kNoMore));
  EXPECT_THAT(read(records::connection_closed(), "", StreamEnd::broken), ElementsAre(kNoMore));
}

TEST(ConnectionClosed, IsNeverCompletedByAResetD3) {
  EXPECT_THAT(read(records::connection_closed(), "abc", StreamEnd::broken), ElementsAre(kIncomplete));
}

TEST(ConnectionClosed, FailsAtTheFirstByteOverTheMaximumD4) {
  EXPECT_THAT(read(records::connection_closed(), "abc", StreamEnd::clean, 3),
              ElementsAre(a_record("abc"), kNoMore));
  EXPECT_THAT(read(records::connection_closed(), "abcd", StreamEnd::open, 3), ElementsAre(kTooLong));
}

// ---- fixed_length

TEST(FixedLength, CutsTheStreamIntoEqualRecords) {
  EXPECT_THAT(read(records::fixed_length(2), "aabbcc", StreamEnd::open),
              ElementsAre(a_record("aa"), a_record("bb"), a_record("cc"), kNeedMore));
}

TEST(FixedLength, LeavesAShortLastRecordIncompleteHoweverTheStreamEndsD3) {
  for (const StreamEnd end : {StreamEnd::clean, StreamEnd::broken}) {
    EXPECT_THAT(read(records::fixed_length(2), "aab", end), ElementsAre(a_record("aa"), kIncomplete));
    EXPECT_THAT(read(records::fixed_length(2), "aa", end), ElementsAre(a_record("aa"), kNoMore));
  }
}

TEST(FixedLength, FailsAtOnceWhenTheLengthIsOverTheMaximumD4) {
  EXPECT_THAT(read(records::fixed_length(9), "a", StreamEnd::open, 8), ElementsAre(kTooLong));
}

TEST(FixedLength, TakesALengthToldByAMessage) {
  const RecordFormat format = records::fixed_length(2);
  RecordDetector detector(format, 8);

  ASSERT_TRUE(detector.set_fixed_length(3));

  EXPECT_EQ(detector.next("aab", StreamEnd::open).size, 3u);
}

TEST(FixedLength, RefusesALengthToldThatCannotBe) {
  const RecordFormat fixed = records::fixed_length(2);
  const RecordFormat lines = records::line_end();
  RecordDetector detector(fixed, 8);

  EXPECT_TRUE(detector.set_fixed_length(0).error().is(Errc::invalid_configuration));
  EXPECT_TRUE(detector.set_fixed_length(9).error().is(Errc::record_too_long));
  EXPECT_TRUE(RecordDetector(lines, 8).set_fixed_length(3).error().is(Errc::not_allowed));
  EXPECT_EQ(detector.next("aab", StreamEnd::open).size, 2u) << "a refused length changes nothing";
}

// ---- delimited: line_end

TEST(LineEnd, TakesLineFeedAndCarriageReturnLineFeedAlike) {
  EXPECT_THAT(read(records::line_end(), "a\nbc\r\n\n\r\nd\n", StreamEnd::clean),
              ElementsAre(a_record("a"), a_record("bc"), a_record(""), a_record(""), a_record("d"), kNoMore));
}

TEST(LineEnd, KeepsACarriageReturnThatIsNotPartOfALineEnd) {
  EXPECT_THAT(read(records::line_end(), "a\rb\n\r\r\n", StreamEnd::clean),
              ElementsAre(a_record("a\rb"), a_record("\r"), kNoMore));
  EXPECT_THAT(read(accepting_unterminated(records::line_end()), "a\r", StreamEnd::clean),
              ElementsAre(a_record("a\r"), kNoMore));
}

TEST(LineEnd, CountsTheBodyAgainstTheMaximumNotTheLineEndD4) {
  EXPECT_THAT(read(records::line_end(), "abc\r\n", StreamEnd::open, 3),
              ElementsAre(a_record("abc"), kNeedMore));
  EXPECT_THAT(read(records::line_end(), "abc\r", StreamEnd::open, 3), ElementsAre(kNeedMore));
  EXPECT_THAT(read(records::line_end(), "abcd", StreamEnd::open, 3), ElementsAre(kTooLong));
  EXPECT_THAT(read(records::line_end(), "ab\n1234\n", StreamEnd::open, 3),
              ElementsAre(a_record("ab"), kTooLong));
}

// ---- delimited: custom

TEST(Delimited, FindsDelimitersThatOverlapThemselvesFromTheLeftD1) {
  EXPECT_THAT(read(records::delimited("aab"), "aaab", StreamEnd::clean), ElementsAre(a_record("a"), kNoMore));
  EXPECT_THAT(read(records::delimited("abab"), "xababab", StreamEnd::clean),
              ElementsAre(a_record("x"), kIncomplete));
  EXPECT_THAT(read(records::delimited("aa"), "aaa", StreamEnd::open), ElementsAre(a_record(""), kNeedMore));
  EXPECT_THAT(read(records::delimited("aba"), "xababa", StreamEnd::clean),
              ElementsAre(a_record("x"), kIncomplete));
}

TEST(Delimited, TakesAnyBytesAsDelimiter) {
  EXPECT_THAT(read(records::delimited("\0"_b), "a\0\0b\0"_b, StreamEnd::clean),
              ElementsAre(a_record("a"), a_record(""), a_record("b"), kNoMore));
  EXPECT_THAT(read(records::delimited("\xff\0\xff"_b), "a\xff\0\xff\xff\0"_b, StreamEnd::clean),
              ElementsAre(a_record("a"), kIncomplete));
  EXPECT_THAT(
      read(records::delimited(std::string(64, 'x')), "a" + std::string(64, 'x') + "b", StreamEnd::open),
      ElementsAre(a_record("a"), kNeedMore));
}

TEST(Delimited, LeavesACarriageReturnBeforeACustomLineFeedInTheBody) {
  EXPECT_THAT(read(records::delimited("\n"), "a\r\n\r\n", StreamEnd::clean),
              ElementsAre(a_record("a\r"), a_record("\r"), kNoMore));
  EXPECT_THAT(read(records::delimited("\n"), "ab\r", StreamEnd::open, 2), ElementsAre(kTooLong));
}

TEST(Delimited, LeavesBytesAfterTheLastPostfixDelimiterIncompleteD3) {
  for (const StreamEnd end : {StreamEnd::clean, StreamEnd::broken}) {
    EXPECT_THAT(read(records::delimited("--"), "a--b", end), ElementsAre(a_record("a"), kIncomplete));
    EXPECT_THAT(read(records::delimited("--"), "a--b-", end), ElementsAre(a_record("a"), kIncomplete));
    EXPECT_THAT(read(records::delimited("--"), "a--", end), ElementsAre(a_record("a"), kNoMore));
    EXPECT_THAT(read(records::delimited("--"), "", end), ElementsAre(kNoMore));
  }
}

TEST(Delimited, TakesAnUnterminatedLastRecordWhenToldToButNotAfterAResetD3) {
  const RecordFormat format = accepting_unterminated(records::delimited("--"));

  EXPECT_THAT(read(format, "a--b-", StreamEnd::clean), ElementsAre(a_record("a"), a_record("b-"), kNoMore));
  EXPECT_THAT(read(format, "a--", StreamEnd::clean), ElementsAre(a_record("a"), kNoMore));
  EXPECT_THAT(read(format, "a--b-", StreamEnd::broken), ElementsAre(a_record("a"), kIncomplete));
}

TEST(Delimited, TakesTheLastInfixPieceAsARecordAlsoWhenEmptyD3) {
  const RecordFormat format = records::delimited(",", Infix::value);

  EXPECT_THAT(read(format, "a,b", StreamEnd::clean), ElementsAre(a_record("a"), a_record("b"), kNoMore));
  EXPECT_THAT(read(format, "a,", StreamEnd::clean), ElementsAre(a_record("a"), a_record(""), kNoMore));
  EXPECT_THAT(read(format, ",", StreamEnd::clean), ElementsAre(a_record(""), a_record(""), kNoMore));
  EXPECT_THAT(read(format, "a", StreamEnd::clean), ElementsAre(a_record("a"), kNoMore));
  EXPECT_THAT(read(format, "", StreamEnd::clean), ElementsAre(kNoMore));
}

TEST(Delimited, NeverTakesTheLastInfixPieceAfterAResetD3) {
  const RecordFormat format = records::delimited(",", Infix::value);

  EXPECT_THAT(read(format, "a,b", StreamEnd::broken), ElementsAre(a_record("a"), kIncomplete));
  EXPECT_THAT(read(format, "a,", StreamEnd::broken), ElementsAre(a_record("a"), kIncomplete));
  EXPECT_THAT(read(format, "", StreamEnd::broken), ElementsAre(kNoMore));
}

TEST(Delimited, TellsTheNextDetectorOfTheStreamThatALastPieceIsOwedD3) {
  const RecordFormat format = records::delimited(",", Infix::value);
  RecordDetector first(format, 10);
  EXPECT_FALSE(first.owes_piece());

  first.next("a,", StreamEnd::open);
  RecordDetector second(format, 10, first.owes_piece());
  const Detection last = second.next("", StreamEnd::clean);
  RecordDetector third(format, 10, second.owes_piece());

  EXPECT_EQ(last.kind, Detection::Kind::record);
  EXPECT_EQ(last.size, 0u);
  EXPECT_EQ(third.next("", StreamEnd::clean).kind, Detection::Kind::no_more);
}

TEST(Delimited, OwesNothingAfterAPostfixDelimiter) {
  const RecordFormat format = records::delimited(",");
  RecordDetector detector(format, 10);

  detector.next("a,", StreamEnd::open);

  EXPECT_FALSE(detector.owes_piece());
}

TEST(Delimited, FailsWhenNoDelimiterCanComeWithinTheMaximumD4) {
  EXPECT_THAT(read(records::delimited("--"), "abc--", StreamEnd::open, 3),
              ElementsAre(a_record("abc"), kNeedMore));
  EXPECT_THAT(read(records::delimited("--"), "abc-", StreamEnd::open, 3), ElementsAre(kNeedMore));
  EXPECT_THAT(read(records::delimited("--"), "abc-d", StreamEnd::open, 3), ElementsAre(kTooLong));
  EXPECT_THAT(read(records::delimited("--"), "abcd--", StreamEnd::open, 3), ElementsAre(kTooLong));
  EXPECT_THAT(read(records::delimited(",", Infix::value), "a,bcde", StreamEnd::clean, 3),
              ElementsAre(a_record("a"), kTooLong));
  EXPECT_THAT(read(accepting_unterminated(records::delimited("--")), "abcd", StreamEnd::clean, 3),
              ElementsAre(kTooLong));
}

// ---- length_prefix

TEST(LengthPrefix, ReadsOneToEightBytesInEitherOrder) {
  for (std::size_t bytes = 1; bytes <= 8; ++bytes) {
    std::string prefix(bytes, '\0');
    prefix.back() = '\3';
    const std::string reversed(prefix.rbegin(), prefix.rend());

    EXPECT_THAT(read(records::length_prefix(bytes), prefix + "abc", StreamEnd::open),
                ElementsAre(a_record("abc"), kNeedMore));
    EXPECT_THAT(
        read(records::length_prefix(bytes, Encoding::little_endian), reversed + "abc", StreamEnd::clean),
        ElementsAre(a_record("abc"), kNoMore));
  }
  EXPECT_THAT(read(records::length_prefix(2), "\1\2"_b + std::string(258, 'x'), StreamEnd::clean),
              ElementsAre(a_record(std::string(258, 'x')), kNoMore));
  EXPECT_THAT(read(records::length_prefix(2, Encoding::little_endian), "\2\1"_b + std::string(258, 'x'),
                   StreamEnd::clean),
              ElementsAre(a_record(std::string(258, 'x')), kNoMore));
}

TEST(LengthPrefix, ReadsAsciiDigits) {
  const RecordFormat format = records::length_prefix(3, Encoding::ascii_digits);

  EXPECT_THAT(read(format, "002ab000012abcdefghijkl", StreamEnd::clean),
              ElementsAre(a_record("ab"), a_record(""), a_record("abcdefghijkl"), kNoMore));
  for (const char* prefix : {"  2ab", "+02ab", "-02ab", "0x2ab", "00:ab", "00/ab"}) {
    EXPECT_THAT(read(format, prefix, StreamEnd::open), ElementsAre(kInvalid)) << prefix;
  }
}

TEST(LengthPrefix, CountsThePrefixItselfWhenInclusive) {
  RecordFormat format = records::length_prefix(2);
  format.length_includes_prefix = true;

  EXPECT_THAT(read(format, "\0\5abc\0\2"_b, StreamEnd::clean),
              ElementsAre(a_record("abc"), a_record(""), kNoMore));
  EXPECT_THAT(read(format, "\0\1abc"_b, StreamEnd::open), ElementsAre(kInvalid))
      << "shorter than its own prefix";
}

TEST(LengthPrefix, KeepsAHeaderBeforeTheLengthAsPartOfTheBody) {
  RecordFormat format = records::length_prefix(1);
  format.prefix_offset = 2;

  EXPECT_THAT(read(format, "HD\3abcHD\0"_b, StreamEnd::clean),
              ElementsAre(a_record("HD\3abc"_b), a_record("HD\0"_b), kNoMore));

  format.length_includes_prefix = true;
  EXPECT_THAT(read(format, "HD\6abcHD\3"_b, StreamEnd::clean),
              ElementsAre(a_record("HD\6abc"_b), a_record("HD\3"_b), kNoMore));
}

TEST(LengthPrefix, AddsTheAdjustment) {
  RecordFormat format = records::length_prefix(1);
  format.adjustment = -2;
  EXPECT_THAT(read(format, "\5abc\2"_b, StreamEnd::clean),
              ElementsAre(a_record("abc"), a_record(""), kNoMore));

  format.adjustment = 2;
  EXPECT_THAT(read(format, "\1abc"_b, StreamEnd::clean), ElementsAre(a_record("abc"), kNoMore));
}

TEST(LengthPrefix, RefusesALengthThatComesOutBelowZeroOrBeyondSixtyFourBits) {
  RecordFormat below = records::length_prefix(1);
  below.adjustment = -2;
  RecordFormat beyond = records::length_prefix(8);
  beyond.adjustment = 1;

  EXPECT_THAT(read(below, "\1abc", StreamEnd::open), ElementsAre(kInvalid));
  EXPECT_THAT(read(beyond, std::string(8, '\xff'), StreamEnd::open), ElementsAre(kInvalid));

  beyond.length_includes_prefix = true;  // 1 more, 8 less: within 64 bits again, and more than any maximum
  EXPECT_THAT(read(beyond, std::string(8, '\xff'), StreamEnd::open), ElementsAre(kTooLong));
}

TEST(LengthPrefix, SaysWhichLengthWasWrong) {
  RecordFormat format = records::length_prefix(1);
  format.adjustment = -2;
  RecordDetector detector(format, 10);

  const Detection found = detector.next("\1", StreamEnd::open);

  EXPECT_THAT(found.reason, HasSubstr("length 1 with an adjustment of -2 is below zero"));
}

TEST(LengthPrefix, FailsAtOnceWhenTheLengthClaimsMoreThanTheMaximumD4) {
  EXPECT_THAT(read(records::length_prefix(4), "\0\0\0\4"_b, StreamEnd::open, 3), ElementsAre(kTooLong));
  EXPECT_THAT(read(records::length_prefix(8), std::string(8, '\xff'), StreamEnd::open),
              ElementsAre(kTooLong));
  EXPECT_THAT(read(records::length_prefix(4), "\0\0\0\3abc"_b, StreamEnd::open, 3),
              ElementsAre(a_record("abc"), kNeedMore));
}

TEST(LengthPrefix, CountsAHeaderThatBelongsToTheBodyAgainstTheMaximumD4) {
  RecordFormat format = records::length_prefix(1);
  format.prefix_offset = 2;

  EXPECT_THAT(read(format, "HD\3abc", StreamEnd::open, 6), ElementsAre(a_record("HD\3abc"), kNeedMore));
  EXPECT_THAT(read(format, "HD\3abc", StreamEnd::open, 5), ElementsAre(kTooLong));
  EXPECT_THAT(read(format, "HD\0"_b, StreamEnd::open, 2), ElementsAre(kTooLong));
}

TEST(LengthPrefix, LeavesACutRecordIncompleteHoweverTheStreamEndsD3) {
  for (const StreamEnd end : {StreamEnd::clean, StreamEnd::broken}) {
    EXPECT_THAT(read(records::length_prefix(2), "\0\1a\0"_b, end), ElementsAre(a_record("a"), kIncomplete));
    EXPECT_THAT(read(records::length_prefix(2), "\0\2a"_b, end), ElementsAre(kIncomplete));
    EXPECT_THAT(read(records::length_prefix(2), "\0\0"_b, end), ElementsAre(a_record(""), kNoMore));
  }
}

// ---- envelope

TEST(Envelope, FindsTheBodyBetweenStartAndEnd) {
  EXPECT_THAT(read(records::mllp(), "\x0bMSH|a\x1c\r\x0b\x1c\r", StreamEnd::clean),
              ElementsAre(a_record("MSH|a"), a_record(""), kNoMore));
  EXPECT_THAT(read(records::mllp(),
                   "\x0b"
                   "a\x1c"
                   "b\r\x1c\r",
                   StreamEnd::clean),
              ElementsAre(a_record("a\x1c"
                                   "b\r"),
                          kNoMore));
}

TEST(Envelope, FindsAnEndThatOverlapsItselfOrLooksLikeTheStartD1) {
  EXPECT_THAT(read(with_end("aab"), "<aaab<x", StreamEnd::open), ElementsAre(a_record("a"), kNeedMore));
  EXPECT_THAT(read(records::envelope("aa", "a"), "aaaaaa", StreamEnd::clean),
              ElementsAre(a_record(""), a_record(""), kNoMore));
}

TEST(Envelope, RefusesBytesBeforeTheStart) {
  EXPECT_THAT(read(records::mllp(), "MSH|", StreamEnd::open), ElementsAre(kInvalid));
  EXPECT_THAT(read(records::mllp(),
                   "\x0b"
                   "a\x1c\r\n",
                   StreamEnd::open),
              ElementsAre(a_record("a"), kInvalid));
  EXPECT_THAT(read(records::envelope("<<", ">>"), "<x", StreamEnd::clean), ElementsAre(kInvalid));
}

TEST(Envelope, SaysWhatStoodWhereTheStartShould) {
  const RecordFormat format = records::mllp();
  RecordDetector detector(format, 10);

  const Detection found = detector.next("MSH", StreamEnd::open);

  EXPECT_STREQ(found.reason, "found 0x4d where a record must start with 0x0b");
}

TEST(Envelope, LeavesACutRecordIncompleteHoweverTheStreamEndsD3) {
  for (const StreamEnd end : {StreamEnd::clean, StreamEnd::broken}) {
    EXPECT_THAT(read(records::envelope("<<", ">>"), "<<a>><", end), ElementsAre(a_record("a"), kIncomplete));
    EXPECT_THAT(read(records::envelope("<<", ">>"), "<<a>", end), ElementsAre(kIncomplete));
    EXPECT_THAT(read(records::envelope("<<", ">>"), "<<>>", end), ElementsAre(a_record(""), kNoMore));
  }
}

TEST(Envelope, FailsWhenNoEndCanComeWithinTheMaximumD4) {
  EXPECT_THAT(read(with_end(">>"), "<abc>>", StreamEnd::open, 3), ElementsAre(a_record("abc"), kNeedMore));
  EXPECT_THAT(read(with_end(">>"), "<abc>", StreamEnd::open, 3), ElementsAre(kNeedMore));
  EXPECT_THAT(read(with_end(">>"), "<abcde", StreamEnd::open, 3), ElementsAre(kTooLong));
  EXPECT_THAT(read(with_end(">>"), "<abcd>>", StreamEnd::open, 3), ElementsAre(kTooLong));
}

// ---- parsed

ParserVerdict one_digit_then_that_many(std::string_view unread, std::size_t) {
  if (unread[0] < '0' || unread[0] > '9')
    return {ParserVerdict::Kind::invalid, 0, "a record starts with a digit"};
  const auto size = static_cast<std::size_t>(unread[0] - '0') + 1;
  if (unread.size() < size) return {};
  return {ParserVerdict::Kind::complete, size, ""};
}

TEST(Parsed, TakesTheRecordsThatTheParserFinds) {
  const RecordFormat format = records::parsed(one_digit_then_that_many);

  EXPECT_THAT(read(format, "2ab01c", StreamEnd::clean),
              ElementsAre(a_record("2ab"), a_record("0"), a_record("1c"), kNoMore));
  EXPECT_THAT(read(format, "2ab3c", StreamEnd::clean), ElementsAre(a_record("2ab"), kIncomplete));
  EXPECT_THAT(read(format, "2ab3c", StreamEnd::open), ElementsAre(a_record("2ab"), kNeedMore));
  EXPECT_THAT(read(format, "2abx", StreamEnd::open), ElementsAre(a_record("2ab"), kInvalid));
}

TEST(Parsed, GivesTheParsersReason) {
  const RecordFormat format = records::parsed(one_digit_then_that_many);
  RecordDetector detector(format, 10);

  EXPECT_STREQ(detector.next("x", StreamEnd::open).reason, "a record starts with a digit");
}

TEST(Parsed, TellsTheParserWhatItHasSeenOfThisRecordD5) {
  std::vector<std::pair<std::size_t, std::size_t>> calls;  // size of unread, resume
  const RecordFormat format = records::parsed([&](std::string_view unread, std::size_t resume) {
    calls.emplace_back(unread.size(), resume);
    return one_digit_then_that_many(unread, resume);
  });
  RecordDetector detector(format, 10);

  detector.next("3", StreamEnd::open);
  detector.next("3a", StreamEnd::open);
  detector.next("3a", StreamEnd::open);
  detector.next("3abc2", StreamEnd::open);
  detector.next("2", StreamEnd::open);
  detector.next("2", StreamEnd::clean);

  using P = std::pair<std::size_t, std::size_t>;
  EXPECT_THAT(calls, ElementsAre(P(1, 0), P(2, 1), P(5, 2), P(1, 0)));
}

TEST(Parsed, RefusesAVerdictThatCannotBe) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{4}}) {
    const RecordFormat format = records::parsed([size](std::string_view, std::size_t) {
      return ParserVerdict{ParserVerdict::Kind::complete, size, ""};
    });
    RecordDetector detector(format, 10);

    const Detection found = detector.next("abc", StreamEnd::open);

    EXPECT_EQ(found.kind, Detection::Kind::invalid);
    EXPECT_THAT(found.reason, HasSubstr("a record of " + std::to_string(size) + " bytes in 3"));
  }
}

TEST(Parsed, TakesAnExceptionOfTheParserAsInvalidBytes) {
  const RecordFormat format = records::parsed(
      [](std::string_view, std::size_t) -> ParserVerdict { throw std::runtime_error("no such field"); });
  RecordDetector detector(format, 10);

  const Detection found = detector.next("abc", StreamEnd::open);

  EXPECT_EQ(found.kind, Detection::Kind::invalid);
  EXPECT_THAT(found.reason, HasSubstr("no such field"));
}

TEST(Parsed, FailsOverTheMaximumWhetherTheParserKnowsTheEndOrNotD4) {
  const RecordFormat never = records::parsed([](std::string_view, std::size_t) { return ParserVerdict{}; });

  EXPECT_THAT(read(records::parsed(one_digit_then_that_many), "3abc", StreamEnd::open, 3),
              ElementsAre(kTooLong));
  EXPECT_THAT(read(never, "abc", StreamEnd::open, 3), ElementsAre(kNeedMore));
  EXPECT_THAT(read(never, "abcd", StreamEnd::open, 3), ElementsAre(kTooLong));
}

// ---- all kinds

TEST(RecordDetector, LeavesBytesAfterARecordForTheNextReaderD2) {
  const RecordFormat lines = records::line_end();
  const RecordFormat fixed = records::fixed_length(3);
  const std::string_view bytes = "ab\nxyz";

  const Detection line = RecordDetector(lines, 10).next(bytes, StreamEnd::open);
  const Detection rest = RecordDetector(fixed, 10).next(bytes.substr(line.size), StreamEnd::open);

  EXPECT_EQ(line.size, 3u);
  EXPECT_EQ(rest.size, 3u);
}

// What has been searched may change unseen: a delimiter written there afterwards is not found.
TEST(RecordDetector, SearchesNoByteTwiceD5) {
  const auto reads_again = [](const RecordFormat& format, std::string searched, std::size_t changed_from,
                              const std::string& changed, const std::string& last) {
    RecordDetector detector(format, 100);
    EXPECT_EQ(detector.next(searched, StreamEnd::open).kind, Detection::Kind::need_more);
    searched.replace(changed_from, changed.size(), changed);
    return detector.next(searched + last, StreamEnd::open).size;
  };

  EXPECT_EQ(reads_again(records::line_end(), "aaaa", 0, "\n\n\n\n", "\n"), 5u);
  EXPECT_EQ(reads_again(records::delimited(","), "aaaa", 0, ",,,,", ","), 5u);
  EXPECT_EQ(reads_again(records::delimited("ab!"), "xxxxxx", 0, "ab!ab!", "ab!"), 9u);
  EXPECT_EQ(reads_again(with_end("b!"), "<xxxx", 1, "b!b!", "b!"), 7u);
}

// The byte that is looked for has arrived, what must follow it has not: that place alone is looked at again.
TEST(RecordDetector, GoesOnAtADelimiterThatStraddlesTwoReadsD1) {
  const RecordFormat format = records::delimited("!ab");
  RecordDetector detector(format, 100);

  EXPECT_EQ(detector.next("xx!a", StreamEnd::open).kind, Detection::Kind::need_more);
  const Detection found = detector.next("xx!ab", StreamEnd::open);

  EXPECT_EQ(found.kind, Detection::Kind::record);
  EXPECT_EQ(found.body_size, 2u);
}

// Each read() above checks that nothing waits with that many bytes; here, that one byte less may have to.
TEST(RecordDetector, KnowsHowManyBytesItNeedsAtMostD4) {
  RecordFormat header = records::length_prefix(2);
  header.prefix_offset = 3;
  const std::pair<RecordFormat, std::string> waiting[] = {{records::connection_closed(), "abc"},
                                                          {records::line_end(), "abc\r"},
                                                          {records::delimited("--"), "abc-"},
                                                          {records::mllp(),
                                                           "\x0b"
                                                           "abc\x1c"},
                                                          {records::length_prefix(4), "\0\0\0\3ab"_b}};
  for (const auto& [format, bytes] : waiting) {
    RecordDetector detector(format, 3);

    EXPECT_EQ(detector.next(bytes, StreamEnd::open).kind, Detection::Kind::need_more);
    EXPECT_EQ(detector.most_unread(), bytes.size() + 1);
  }
  EXPECT_EQ(RecordDetector(header, 100).most_unread(), 105u);
  constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(RecordDetector(header, kAll).most_unread(), kAll);
}

TEST(RecordDetector, TakesAnyMaximum) {
  for (const std::size_t max : {std::size_t{0}, std::numeric_limits<std::size_t>::max()}) {
    const Found x = max == 0 ? kTooLong : a_record("x");
    EXPECT_EQ(records_in_pieces(records::line_end(), max, "x\n", {1}, StreamEnd::clean).front(), x);
    EXPECT_EQ(records_in_pieces(records::delimited("--"), max, "x--", {1}, StreamEnd::clean).front(), x);
    EXPECT_EQ(records_in_pieces(records::length_prefix(1), max, "\1x", {1}, StreamEnd::clean).front(), x);
    EXPECT_EQ(records_in_pieces(with_end(">"), max, "<x>", {1}, StreamEnd::clean).front(), x);
    EXPECT_EQ(records_in_pieces(records::fixed_length(1), max, "x", {}, StreamEnd::clean).front(), x);
    EXPECT_EQ(records_in_pieces(records::connection_closed(), max, "x", {}, StreamEnd::clean).front(), x);
  }
}

// ---- any split, against the slow detector (D1)

std::string printable(std::string_view bytes) {
  std::ostringstream out;
  out << a_record(std::string(bytes));
  return out.str();
}

// Every string over `letters` up to a length, cut in every way, with every end, must be found as the slow
// detector finds it.
void explore(const RecordFormat& format, const std::string& letters, std::size_t longest, std::size_t max) {
  std::string bytes;
  std::vector<std::size_t> digits;
  for (std::size_t size = 0; size <= longest; ++size) {
    digits.assign(size, 0);
    bytes.assign(size, letters[0]);
    for (bool more = true; more;) {
      for (const StreamEnd end : {StreamEnd::open, StreamEnd::clean, StreamEnd::broken}) {
        const std::vector<Found> expected = slow_records(format, max, bytes, end);
        for (std::size_t mask = 0; mask < (std::size_t{1} << (size > 0 ? size - 1 : 0)); ++mask) {
          std::vector<std::size_t> cuts;
          for (std::size_t i = 0; i + 1 < size; ++i) {
            if (mask >> i & 1) cuts.push_back(i + 1);
          }
          const auto seen = mask & 1 ? EndSeen::after_them : EndSeen::with_the_last_bytes;
          ASSERT_EQ(records_in_pieces(format, max, bytes, cuts, end, seen), expected)
              << printable(bytes) << ", cuts " << ::testing::PrintToString(cuts) << ", end "
              << static_cast<int>(end);
        }
      }
      std::size_t place = 0;
      while (place < size && ++digits[place] == letters.size()) digits[place++] = 0;
      for (std::size_t i = 0; i < size; ++i) bytes[i] = letters[digits[i]];
      more = place < size;
    }
  }
}

TEST(EverySplit, OfEveryShortStringGivesTheSameDelimitedRecords) {
  for (const char* delimiter : {"a", "aa", "ab", "aab", "aba", "abab", "bba"}) {
    for (const std::size_t max : {std::size_t{2}, kNoLimit}) {
      SCOPED_TRACE(std::string(delimiter) + ", max " + std::to_string(max));
      explore(records::delimited(delimiter), "ab", 7, max);
      explore(accepting_unterminated(records::delimited(delimiter)), "ab", 7, max);
      explore(records::delimited(delimiter, Infix::value), "ab", 7, max);
    }
  }
}

TEST(EverySplit, OfEveryShortStringGivesTheSameLines) {
  RecordFormat infix = records::line_end();
  infix.use = Infix::value;
  for (const std::size_t max : {std::size_t{1}, kNoLimit}) {
    explore(records::line_end(), "\r\nx", 5, max);
    explore(accepting_unterminated(records::line_end()), "\r\nx", 5, max);
    explore(infix, "\r\nx", 5, max);
  }
}

TEST(EverySplit, OfEveryShortStringGivesTheSameLengthPrefixedRecords) {
  for (const Encoding encoding : {Encoding::big_endian, Encoding::little_endian, Encoding::ascii_digits}) {
    const std::string letters = encoding == Encoding::ascii_digits ? "012x" : "\0\1\2\3"_b;
    for (const std::size_t bytes : {1, 2}) {
      for (const std::size_t offset : {0, 1}) {
        for (const int adjustment : {-1, 0, 1}) {
          RecordFormat format = records::length_prefix(bytes, encoding);
          format.prefix_offset = offset;
          format.adjustment = adjustment;
          explore(format, letters, 4, 2);
          explore(format, letters, 4, kNoLimit);
          format.length_includes_prefix = true;
          explore(format, letters, 4, kNoLimit);
        }
      }
    }
  }
}

TEST(EverySplit, OfEveryShortStringGivesTheSameEnvelopesAndFixedLengths) {
  for (const std::size_t max : {std::size_t{1}, kNoLimit}) {
    for (const char* end : {"a", "b", "ab", "ba", "aab"}) {
      explore(records::envelope("a", end), "ab", 7, max);
      explore(records::envelope("ab", end), "ab", 7, max);
    }
    explore(records::fixed_length(1), "ab", 4, max);
    explore(records::fixed_length(3), "ab", 7, max);
    explore(records::connection_closed(), "ab", 4, max);
  }
}

// Longer delimiters and bodies than can be enumerated: bytes of which many are pieces of the delimiter.
TEST(EverySplit, OfLongRandomBytesGivesTheSameRecords) {
  constexpr unsigned kSeed = 20261121;
  std::mt19937 random(kSeed);
  const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
  for (int run = 0; run < 4000; ++run) {
    std::string delimiter(1 + below(9), ' ');
    for (char& c : delimiter) c = "ab\n!"[below(4)];
    std::string bytes;
    while (bytes.size() < 120) {
      bytes +=
          below(3) == 0 ? std::string(1, "abx"[below(3)]) : delimiter.substr(0, 1 + below(delimiter.size()));
    }
    const RecordFormat format = below(3) == 0
                                    ? records::envelope(delimiter.substr(0, 1 + below(2)), delimiter)
                                : below(2) == 0 ? records::delimited(delimiter, Infix::value)
                                                : records::delimited(delimiter);
    const std::size_t max = below(2) == 0 ? kNoLimit : below(60);
    const auto end = static_cast<StreamEnd>(below(3));
    std::vector<std::size_t> cuts;
    for (std::size_t at = 1 + below(9); at < bytes.size(); at += 1 + below(1 + below(30))) cuts.push_back(at);

    ASSERT_EQ(records_in_pieces(format, max, bytes, cuts, end), slow_records(format, max, bytes, end))
        << "seed " << kSeed << ", run " << run << ": delimiter " << printable(delimiter) << " in "
        << printable(bytes) << ", cuts " << ::testing::PrintToString(cuts) << ", max " << max;
  }
}

// ---- formats

TEST(RecordFormat, IsValidAsTheUsualOnesAreMade) {
  for (const RecordFormat& format :
       {records::connection_closed(), records::fixed_length(1), records::line_end(), records::delimited("x"),
        records::delimited(std::string(64, 'x')), records::length_prefix(1), records::length_prefix(8),
        records::mllp(), records::parsed(one_digit_then_that_many)}) {
    EXPECT_TRUE(validate(format)) << static_cast<int>(format.kind);
  }
}

TEST(RecordFormat, SaysWhatIsWrongAndWhatIsAllowed) {
  RecordFormat far_offset = records::length_prefix(4);
  far_offset.prefix_offset = 4097;
  RecordFormat wild_adjustment = records::length_prefix(4);
  wild_adjustment.adjustment = -1'000'000'001;
  const std::pair<RecordFormat, const char*> wrong[] = {
      {records::fixed_length(0), "found 0, allowed 1 and more"},
      {records::delimited(""), "bytes of the delimiter: found 0, allowed 1 to 64"},
      {records::delimited(std::string(65, 'x')), "bytes of the delimiter: found 65, allowed 1 to 64"},
      {records::length_prefix(0), "bytes of the length prefix: found 0, allowed 1 to 8"},
      {records::length_prefix(9), "bytes of the length prefix: found 9, allowed 1 to 8"},
      {far_offset, "offset of the length prefix: found 4097, allowed 0 to 4096"},
      {wild_adjustment, "adjustment of the length: found -1000000001, allowed -1000000000 to 1000000000"},
      {records::envelope("", ">"), "bytes of the envelope's start: found 0"},
      {records::envelope("<", ""), "bytes of the envelope's end: found 0"},
      {records::parsed(nullptr), "found no parser"}};
  for (const auto& [format, text] : wrong) {
    const auto outcome = validate(format);

    ASSERT_FALSE(outcome) << text;
    EXPECT_TRUE(outcome.error().is(Errc::invalid_configuration));
    EXPECT_THAT(outcome.error().text, HasSubstr(text));
  }
}

}  // namespace
}  // namespace connmgr

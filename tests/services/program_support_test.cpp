// The parts that connmgr-send and connmgr-receive share.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <random>

#include "services/programs/support/acknowledgment.h"
#include "services/programs/support/byte_buffer.h"
#include "services/programs/support/framing.h"
#include "services/programs/support/latency_histogram.h"
#include "services/programs/support/record_number.h"
#include "services/programs/support/record_source.h"
#include "services/programs/support/units.h"

namespace connmgr::programs {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(LatencyHistogram, PutsEveryValueIntoTheBucketThatBeginsAtOrBelowIt) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t value = random() >> (random() % 64);

    const std::size_t bucket = LatencyHistogram::bucket_of(value);

    ASSERT_LE(LatencyHistogram::lowest_of(bucket), value);
    ASSERT_LE(value - LatencyHistogram::lowest_of(bucket), value / LatencyHistogram::kSteps) << value;
  }
}

TEST(LatencyHistogram, NumbersItsBucketsWithoutGapsAsValuesGrow) {
  std::size_t last = 0;
  for (std::uint64_t value = 0; value < 1'000'000; ++value) {
    const std::size_t bucket = LatencyHistogram::bucket_of(value);
    ASSERT_LE(bucket, last + 1) << value;
    ASSERT_GE(bucket, last) << value;
    last = bucket;
  }
}

TEST(LatencyHistogram, GivesPercentilesRightToThreePercent) {
  LatencyHistogram latencies;
  for (int i = 1; i <= 10'000; ++i) latencies.record(i * 1us);

  EXPECT_NEAR(static_cast<double>(latencies.percentile(0.5).count()), 5e6, 5e6 * 0.032);
  EXPECT_NEAR(static_cast<double>(latencies.percentile(0.99).count()), 9.9e6, 9.9e6 * 0.032);
  EXPECT_EQ(latencies.percentile(1), 10ms);
  EXPECT_EQ(latencies.max(), 10ms);
}

TEST(LatencyHistogram, ShowsEveryLatencyInOneOfItsRanges) {
  LatencyHistogram latencies;
  latencies.record(0ns);
  latencies.record(3us);
  latencies.record(700us);

  const auto ranges = latencies.ranges();

  std::uint64_t shown = 0;
  for (const auto& range : ranges) shown += range.count;
  EXPECT_EQ(shown, 3u);
  EXPECT_EQ(ranges.front().from, 0ns);
  EXPECT_EQ(ranges.back().from, 500us);
  EXPECT_EQ(ranges.back().below, 1ms);
  for (std::size_t i = 1; i < ranges.size(); ++i) EXPECT_EQ(ranges[i].from, ranges[i - 1].below);
}

TEST(RecordNumber, IsReadBackAsItWasWritten) {
  for (const RecordNumber number :
       {RecordNumber{1, 1}, RecordNumber{50, 123}, RecordNumber{4294967295u, 12345678901u}}) {
    const std::string record = to_string(number) + " text";

    const auto parsed = parse_numbered(record);

    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->number, number);
    EXPECT_EQ(parsed->text, "text");
  }
  EXPECT_EQ(to_string(RecordNumber{7, 123}), "7:000123");
}

TEST(RecordNumber, IsNotSeenInDamagedBytes) {
  for (const char* record : {"", "7", "7:", ":000001 x", "7:123 x", "7:00012x", "x7:000123", "7:000000 x",
                             "-7:000123", "99999999999:000001 x"}) {
    EXPECT_FALSE(parse_numbered(record)) << record;
  }
}

TEST(Framing, TakesDelimitersWithEscapes) {
  const Result<Framing> framing = parse_framing(R"(delimited:|\r\n\x1e\\)");

  ASSERT_TRUE(framing);
  EXPECT_EQ(framing->format.delimiter, "|\r\n\x1e\\");
}

TEST(Framing, SaysWhichKindsThereAreWhenItKnowsNone) {
  for (const char* text :
       {"lines", "", "fixed:", "fixed:ten", "fixed:-3", "delimited:\\q", "delimited:\\x1", "length3"}) {
    const Result<Framing> framing = parse_framing(text);

    ASSERT_FALSE(framing) << text;
    EXPECT_THAT(framing.error().text, HasSubstr("length4")) << text;
  }
  EXPECT_FALSE(parse_framing("delimited:"));
  EXPECT_FALSE(parse_framing("fixed:0"));
}

TEST(RecordSource, MakesTheSameGeneratedRecordFromTheSameNumberAndAnotherFromTheNext) {
  const Framing framing = *parse_framing("line");
  const RecordSource one = *RecordSource::generated(64);
  const RecordSource two = *RecordSource::generated(64);
  std::string a, b, next;

  one.append_record(a, {3, 17}, framing);
  two.append_record(b, {3, 17}, framing);
  two.append_record(next, {3, 18}, framing);

  EXPECT_EQ(a, b);
  EXPECT_EQ(a.size(), 64u);
  EXPECT_NE(a.substr(9), next.substr(9));
}

TEST(RecordSource, SendsTheLinesOfAFileOverAndOverEachSenderFromItsOwn) {
  const std::string path = ::testing::TempDir() + "/connmgr-record-source";
  std::ofstream(path) << "one\r\n\nthree";  // short: it lies inside the string object that is moved
  const Framing framing = *parse_framing("line");

  const RecordSource source = *RecordSource::from_file(path);

  std::string records;
  for (const RecordNumber number : {RecordNumber{1, 1}, {1, 2}, {1, 3}, {1, 4}, {2, 1}}) {
    source.append_record(records, number, framing);
    records += '|';
  }
  EXPECT_EQ(records, "1:000001 one|1:000002 |1:000003 three|1:000004 one|2:000001 |");
  std::remove(path.c_str());
}

TEST(RecordSource, CutsAndFillsUpToAFixedLength) {
  const Framing framing = *parse_framing("fixed:24");
  const RecordSource longer = *RecordSource::generated(100);
  const RecordSource shorter = *RecordSource::generated(20);
  std::string cut, filled;

  longer.append_record(cut, {1, 1}, framing);
  shorter.append_record(filled, {1, 1}, framing);

  EXPECT_EQ(cut.size(), 24u);
  EXPECT_EQ(filled.size(), 24u);
  EXPECT_EQ(filled.substr(20), "    ");
}

TEST(RecordSource, RefusesTextThatContainsTheDelimiter) {
  const RecordSource source = *RecordSource::generated(4096);

  const Result<void> fits = source.check_framing(*parse_framing("delimited:a"));

  ASSERT_FALSE(fits);
  EXPECT_THAT(fits.error().text, HasSubstr("delimited:a"));
}

TEST(ByteBuffer, KeepsBytesInOrderWhateverIsAppendedAndConsumed) {
  std::mt19937 random(7);
  ByteBuffer buffer;
  std::string expected;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0) {
      const std::string more(random() % 3000, static_cast<char>('a' + i % 26));
      buffer.append(more);
      expected += more;
    } else {
      const std::size_t some = random() % (expected.size() + 1);
      buffer.consume(some);
      expected.erase(0, some);
    }
    ASSERT_EQ(buffer.bytes(), expected);
  }
}

TEST(Acknowledgment, PutsTheNumberWhereTheTemplateSaysSo) {
  std::string usual, own, fixed;
  Acknowledgment().append(usual, {7, 123});
  Acknowledgment("<{number}>").append(own, {7, 123});
  Acknowledgment("+").append(fixed, {7, 123});

  EXPECT_EQ(usual, "OK 7:000123");
  EXPECT_EQ(own, "<7:000123>");
  EXPECT_EQ(fixed, "+");
}

TEST(Units, ReadDurationsAndRefuseWhatIsNone) {
  EXPECT_EQ(*parse_duration("500ms"), 500ms);
  EXPECT_EQ(*parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(*parse_duration("2"), 2s);
  EXPECT_EQ(*parse_duration("3m"), 180s);
  for (const char* text : {"", "s", "-1s", "5 parsecs", "1d", "nan", "inf", "1e300h"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Units, ShowFiguresAsPeopleReadThem) {
  EXPECT_EQ(count_text(1), "1");
  EXPECT_EQ(count_text(200000), "200,000");
  EXPECT_EQ(count_text(1234567), "1,234,567");
  EXPECT_EQ(duration_text(5s), "5 s");
  EXPECT_EQ(duration_text(1234ns), "1.23 us");
  EXPECT_EQ(bytes_text(12'345'678), "12.3 MB");
  EXPECT_EQ(escaped("a\n\x01", 10), "a\\x0a\\x01");
}

}  // namespace
}  // namespace connmgr::programs

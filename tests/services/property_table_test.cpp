#include "services/config/property_table.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "services/config/schema_rules.h"

namespace connmgr::services {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kBegin = "<!-- property table: begin -->\n";
constexpr std::string_view kEnd = "<!-- property table: end -->\n";

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// With CONNMGR_RENEW_DOCS=1 it writes the table instead of comparing it.
TEST(PropertyTable, StandsInTheReadmeAsTheSchemaSays) {
  const std::string path = CONNMGR_SOURCE_DIR "/services/README.md";
  const std::string readme = content_of(path);
  const std::size_t begin = readme.find(kBegin);
  const std::size_t end = readme.find(kEnd);
  ASSERT_NE(begin, std::string::npos) << path << " has no line " << kBegin;
  ASSERT_NE(end, std::string::npos) << path << " has no line " << kEnd;
  const std::size_t from = begin + kBegin.size();
  const std::string fresh = readme.substr(0, from) + property_table() + readme.substr(end);

  if (std::getenv("CONNMGR_RENEW_DOCS") != nullptr) {
    std::ofstream(path) << fresh;
    GTEST_SKIP() << "wrote the table into " << path;
  }

  EXPECT_EQ(readme.substr(from, end - from), property_table())
      << "The schema has changed. Renew the table: CONNMGR_RENEW_DOCS=1 "
         "build/release/tests/services_property_table_test";
}

TEST(PropertyTable, HasARowForEachProperty) {
  const std::string table = property_table();

  for (const std::string& property : all_properties())
    EXPECT_THAT(table, HasSubstr("| `" + property + "` |"));
}

TEST(Describe, SaysWhatAPropertyIsAllowsAndDefaultsTo) {
  EXPECT_EQ(
      describe("connection_timeout"),
      "connection_timeout (duration; client and server services)\n"
      "  How long a request for a stream waits when none is available and no connection may be opened.\n"
      "  `0s` does not wait at all; to wait for ever must be written `never`.\n"
      "  allowed: 0s to 365d, or never\n"
      "  default: 180s\n"
      "  a change takes effect: now\n"
      "  example: connection_timeout: 5s\n");
}

TEST(Describe, GivesBothMeaningsOfAPropertyThatDiffersByKind) {
  EXPECT_THAT(describe("port"), HasSubstr("port (port; client services)\n"));
  EXPECT_THAT(describe("port"), HasSubstr("port (port; server services)\n"));
}

TEST(Describe, NamesTheNearestPropertyOfAnUnknownOne) {
  EXPECT_EQ(describe("keepalive.idel"),
            "unknown property 'keepalive.idel'; did you mean 'keepalive.idle'?\n");
}

TEST(Describe, KnowsEachProperty) {
  for (const std::string& property : all_properties()) {
    EXPECT_THAT(describe(property), Not(HasSubstr("unknown"))) << property;
    EXPECT_THAT(describe(property), HasSubstr(property + " (")) << property;
  }
}

}  // namespace
}  // namespace connmgr::services

#include "services/config/values.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace connmgr::services {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsANumberAndAUnit) {
  EXPECT_EQ(duration_from("7ns"), 7ns);
  EXPECT_EQ(duration_from("7us"), 7us);
  EXPECT_EQ(duration_from("7ms"), 7ms);
  EXPECT_EQ(duration_from("7s"), 7s);
  EXPECT_EQ(duration_from("7m"), 7min);
  EXPECT_EQ(duration_from("7h"), 7h);
  EXPECT_EQ(duration_from("7d"), 168h);
  EXPECT_EQ(duration_from("30 s"), 30s);
  EXPECT_EQ(duration_from("-5s"), -5s);
  EXPECT_EQ(duration_from("0s"), 0s);
}

TEST(Duration, MayHaveAFractionThatIsExact) {
  EXPECT_EQ(duration_from("1.5s"), 1500ms);
  EXPECT_EQ(duration_from("0.000000001s"), 1ns);
  EXPECT_EQ(duration_from("0.1ns"), std::nullopt);
}

TEST(Duration, IsNothingElse) {
  for (const char* text : {"",
                           "s",
                           "5",
                           "0",
                           "5 parsecs",
                           "5 S",
                           "5  s",
                           "s5",
                           "1h30m",
                           "1.s",
                           ".5s",
                           "1.2.3s",
                           "--5s",
                           "+5s",
                           "5s ",
                           " 5s",
                           "1e3s",
                           "never",
                           "293y",
                           "106752d",
                           "99999999999999999999s",
                           "9223372036854775807ns"}) {
    EXPECT_EQ(duration_from(text), std::nullopt) << text;
  }
}

TEST(Size, IsBytesOrANumberAndAUnit) {
  EXPECT_EQ(size_from("100000000"), 100'000'000);
  EXPECT_EQ(size_from("7B"), 7);
  EXPECT_EQ(size_from("64KiB"), 65536);
  EXPECT_EQ(size_from("64kB"), 64000);
  EXPECT_EQ(size_from("1.5MiB"), 1572864);
  EXPECT_EQ(size_from("4TiB"), std::int64_t{1} << 42);
  for (const char* text : {"", "B", "64K", "64kb", "64KB", "0.5B", "-", "9000000TiB"}) {
    EXPECT_EQ(size_from(text), std::nullopt) << text;
  }
}

TEST(Number, IsDecimalAlone) {
  EXPECT_EQ(whole_number_from("-5"), -5);
  EXPECT_EQ(number_from("1.6"), 1.6);
  EXPECT_EQ(share_from("0.2"), 0.2);
  EXPECT_EQ(share_from("20%"), 0.2);
  for (const char* text : {"", "+5", "0x10", "1_000", "5 ", " 5", "5x", "five"}) {
    EXPECT_EQ(whole_number_from(text), std::nullopt) << text;
    EXPECT_EQ(number_from(text), std::nullopt) << text;
  }
  for (const char* text : {"nan", "inf", "-inf", "1e400", "%"}) {
    EXPECT_EQ(number_from(text), std::nullopt) << text;
    EXPECT_EQ(share_from(text), std::nullopt) << text;
  }
}

TEST(Host, IsANameOrAnAddress) {
  for (const char* text : {"localhost", "a", "orders.example.com", "orders.example.com.", "my_host",
                           "10.0.0.1", "::1", "fe80::1%eth0"}) {
    EXPECT_TRUE(is_host(text)) << text;
  }
  for (const char* text :
       {"", ".", "-a", "a..b", "a b", "[::1]", "a:1", ":", "fe80::1%", "a/b", "\xc3\xa4"}) {
    EXPECT_FALSE(is_host(text)) << text;
  }
  EXPECT_FALSE(is_host(std::string(254, 'a')));
  EXPECT_FALSE(is_address("localhost"));
  EXPECT_FALSE(is_address("127.0.0.1%lo"));
}

TEST(Nearest, IsWhatWasMeant) {
  const std::vector<std::string> known{"port", "hostname", "max_connections", "max_connecting", "when_full"};

  EXPECT_EQ(nearest("prot", known), "port");
  EXPECT_EQ(nearest("hotsname", known), "hostname");
  EXPECT_EQ(nearest("max_conections", known), "max_connections");
  EXPECT_EQ(nearest("MAX_connections", known), "max_connections");
  EXPECT_EQ(nearest("max_connec", known), "max_connections");  // cut off: the first
  EXPECT_EQ(nearest("xyzzy", known), std::nullopt);
  EXPECT_EQ(nearest("", known), std::nullopt);
  EXPECT_EQ(nearest(std::string(1'000'000, 'p'), known), std::nullopt);
}

TEST(Printable, ShowsAnyBytesInALine) {
  EXPECT_EQ(printable("a\tb\n\x1b[2J"), "a\\tb\\n\\x1b[2J");
  EXPECT_EQ(printable(std::string(100, 'x')), std::string(60, 'x') + "...");
  EXPECT_EQ(printable(std::string(59, 'x') + "\xe2\x82\xac\xe2\x82\xac"),
            std::string(59, 'x') + "\xe2\x82\xac...");
}

}  // namespace
}  // namespace connmgr::services

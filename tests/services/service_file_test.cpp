// Each kind of mistake, with its message and place; and what a file without mistakes means.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/services/service_text.h"

namespace connmgr::services {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

// One property of a client service, in line 2.
std::string with(const std::string& property) {
  return "client_services:\n- {name: orders, " + property + "}\n";
}
std::string server_with(const std::string& property) {
  return "server_services:\n- {name: orders, " + property + "}\n";
}

TEST(ServiceFile, GivesEachServiceItsProperties) {
  const LoadOutcome outcome = load(R"(# The order system of the warehouse
client_services:
  - name: orders
    hostname: 127.0.0.1
    port: 7777
    min_connections: 2
    max_connections: 20
    connection_timeout: 5s
    keepalive: {idle: 300s, count: 5}
server_services:
  - {name: pos, port: 7790, max_connections: 500, when_full: pause}
)");

  ASSERT_TRUE(outcome) << outcome.text();
  const auto orders = outcome.services.find(ServiceKind::client, "orders");
  ASSERT_NE(orders, nullptr);
  EXPECT_EQ(orders->hostname, "127.0.0.1");
  EXPECT_EQ(orders->port, 7777);
  EXPECT_EQ(orders->min_connections, 2u);
  EXPECT_EQ(orders->max_connections, 20u);
  EXPECT_EQ(orders->connection_timeout, 5s);
  EXPECT_EQ(orders->socket.keepalive.detection_time(), 300s + 5 * 10s);
  const auto pos = outcome.services.find(ServiceKind::server, "pos");
  ASSERT_NE(pos, nullptr);
  EXPECT_EQ(pos->port, 7790);
  EXPECT_EQ(pos->max_connections, 500u);
  EXPECT_EQ(pos->when_full, WhenFull::pause);
}

TEST(ServiceFile, MayBeJson) {
  const ConfigurableService orders = service_in(
      "{\n\t\"client_services\": [\n\t\t{\"name\": \"orders\", \"port\": 7777, "
      "\"connection_timeout\": \"5s\", \"keepalive\": false}\n\t]\n}\n");

  EXPECT_EQ(orders.port, 7777);
  EXPECT_EQ(orders.connection_timeout, 5s);
  EXPECT_FALSE(orders.socket.keepalive.on);
}

TEST(ServiceFile, MayHaveAByteOrderMarkAndLinesThatEndAsOnWindows) {
  EXPECT_EQ(service_in("\xef\xbb\xbf"
                       "client_services:\r\n- name: orders\r\n  port: 7777\r\n")
                .port,
            7777);
}

TEST(ServiceFile, OfCommentsAloneSaysNothing) {
  EXPECT_THAT(mistakes_in("# later\n"), IsEmpty());
}

TEST(ServiceFile, TellsAnUnsetMinimumFromAWrittenZero) {
  EXPECT_EQ(service_in(with("port: 1")).min_connections, std::nullopt);
  EXPECT_EQ(service_in(with("port: 1, min_connections: 0")).min_connections, 0u);
}

TEST(ServiceFile, WaitsForEverOnlyWhereNeverIsWritten) {
  EXPECT_EQ(service_in(with("connection_timeout: never")).connection_timeout, kForever);
  EXPECT_EQ(service_in(with("connection_timeout: 0s")).connection_timeout, 0s);
}

TEST(ServiceFile, TurnsKeepaliveOffInOneWord) {
  EXPECT_FALSE(service_in(with("keepalive: off")).socket.keepalive.on);
  EXPECT_FALSE(service_in(with("keepalive: {on: false}")).socket.keepalive.on);
  EXPECT_TRUE(service_in(with("keepalive: on")).socket.keepalive.on);
}

TEST(ServiceFile, LeavesThePortToTheSystemOrToAServerService) {
  const std::string text =
      "server_services:\n- {name: pos, port: auto}\n"
      "client_services:\n- {name: orders, port: {of: pos}}\n";

  EXPECT_TRUE(service_in(text, "pos", ServiceKind::server).port_auto);
  EXPECT_EQ(service_in(text).port_of, "pos");
}

TEST(ServiceFile, MeansEachAddressByAll) {
  EXPECT_EQ(service_in(server_with("bind_address: all"), "orders", ServiceKind::server).bind_address, "");
  EXPECT_EQ(service_in(server_with("bind_address: ::1"), "orders", ServiceKind::server).bind_address, "::1");
}

TEST(ServiceFile, TellsAllMistakesAtOnceEachAtItsPlace) {
  const std::string text = R"(client_services:
  - name: orders
    hostname: 127.0.0.1
    prot: 7777
    min_connections: 2
    connection_timeout: 30 parsecs
    max_connections: 1
  - name: billing
    port: 70000
clients: []
)";

  EXPECT_THAT(
      mistakes_in(text),
      ElementsAre("orders.yaml:4:5: client_services[0]: unknown property 'prot'; did you mean 'port'?",
                  "orders.yaml:6:25: client_services[0].connection_timeout: '30 parsecs' is not a duration "
                  "(a number and ns, us, ms, s, m, h or d, as in 30s, or never)",
                  "orders.yaml:7:22: client_services[0].max_connections: 1 is below min_connections 2 "
                  "(orders.yaml:5)",
                  "orders.yaml:9:11: client_services[1].port: found 70000, allowed 0 to 65535, or {of: NAME "
                  "of a server service}",
                  "orders.yaml:10:1: unknown section 'clients', allowed client_services or server_services"));
}

TEST(ServiceFile, CountsColumnsInCharacters) {
  EXPECT_THAT(
      mistakes_in("client_services:\n- {name: orders, hostname: \"ä€😀\", port: x}\n"),
      ElementsAre("orders.yaml:2:28: client_services[0].hostname: found 'ä€😀', allowed a host name or "
                  "address, without brackets",
                  "orders.yaml:2:41: client_services[0].port: found 'x', allowed 0 to 65535, or "
                  "{of: NAME of a server service}"));
}

struct BadValue {
  std::string property;
  std::string message;  // after "orders.yaml:2:18: client_services[0]"
  int column = 0;       // of the message; 0: that of the value
};

// Values at the place where each kind of property can go wrong.
const std::vector<BadValue> kBadClientValues{
    {"max_connections: -5", ".max_connections: found -5, allowed 0 to 1000000"},
    {"max_connections: 1000001", ".max_connections: found 1000001, allowed 0 to 1000000"},
    {"max_connections: 99999999999999999999999",
     ".max_connections: found '99999999999999999999999', allowed a whole number, 0 to 1000000"},
    {"max_connections: 1.5", ".max_connections: found '1.5', allowed a whole number, 0 to 1000000"},
    {"max_connections: 0x10", ".max_connections: found '0x10', allowed a whole number, 0 to 1000000"},
    {"max_connections: many", ".max_connections: found 'many', allowed a whole number, 0 to 1000000"},
    {"max_connections: '7'", ".max_connections: found '7' in quotes, allowed a whole number, 0 to 1000000"},
    {"max_connections: [7]", ".max_connections: found a list, allowed 0 to 1000000"},
    {"max_connections: {of: 7}", ".max_connections: found a map, allowed 0 to 1000000"},
    {"max_connections: ~",
     ".max_connections: has no value, allowed 0 to 1000000 (without the line, its default holds)", 18},
    {"max_connections:",
     ".max_connections: has no value, allowed 0 to 1000000 (without the line, its default holds)", 18},
    {"connect_timeout: 5",
     ".connect_timeout: '5' is not a duration (a number and ns, us, ms, s, m, h or d, as in 30s)"},
    {"connect_timeout: 0",
     ".connect_timeout: '0' is not a duration (a number and ns, us, ms, s, m, h or d, as in 30s)"},
    {"connect_timeout: never",
     ".connect_timeout: 'never' is not a duration (a number and ns, us, ms, s, m, h or d, as in 30s)"},
    {"connect_timeout: -5s", ".connect_timeout: found -5s, allowed 1ms to 1h"},
    {"connect_timeout: 0s", ".connect_timeout: found 0s, allowed 1ms to 1h"},
    {"connect_timeout: 2h", ".connect_timeout: found 2h, allowed 1ms to 1h"},
    {"connect_timeout: 999999999999d",
     ".connect_timeout: '999999999999d' is not a duration (a number and ns, us, ms, s, m, h or d, as in "
     "30s)"},
    {"connection_timeout: 366d", ".connection_timeout: found 366d, allowed 0s to 365d, or never"},
    {"max_record_bytes: 64K",
     ".max_record_bytes: '64K' is not a size (a number of bytes, or a number and kB, MB, "
     "GB, TB, KiB, MiB, GiB or TiB, as in 64KiB)"},
    {"max_record_bytes: 0", ".max_record_bytes: found 0, allowed 1 to 16GiB"},
    {"max_record_bytes: 17GiB", ".max_record_bytes: found 17GiB, allowed 1 to 16GiB"},
    {"send_buffer: 2GiB", ".send_buffer: found 2GiB, allowed 0 to 1GiB"},
    {"retry_backoff: 0.5", ".retry_backoff: found 0.5, allowed 1 to 100"},
    {"retry_backoff: nan", ".retry_backoff: found 'nan', allowed a number, 1 to 100"},
    {"retry_jitter: 101%", ".retry_jitter: found 101%, allowed 0% to 100%"},
    {"retry_jitter: some", ".retry_jitter: found 'some', allowed a share, as in 0.2 or 20%, 0% to 100%"},
    {"no_delay: maybe", ".no_delay: found 'maybe', allowed true or false"},
    {"no_delay: 'true'", ".no_delay: found 'true' in quotes, allowed true or false"},
    {"no_delay: 1", ".no_delay: found '1', allowed true or false"},
    {"selection: random", ".selection: found 'random', allowed most_recent, least_recent or round_robin"},
    {"selection: SELECTION_MOST_RECENT",
     ".selection: found 'SELECTION_MOST_RECENT', allowed most_recent, least_recent or round_robin"},
    {"hostname: ''", ".hostname: found '', allowed a host name or address, without brackets"},
    {"hostname: a b", ".hostname: found 'a b', allowed a host name or address, without brackets"},
    {"hostname: '[::1]'", ".hostname: found '[::1]', allowed a host name or address, without brackets"},
    {"hostname: 'a:1'", ".hostname: found 'a:1', allowed a host name or address, without brackets"},
    {"port: auto", ".port: found 'auto', allowed 0 to 65535, or {of: NAME of a server service}"},
    {"port: -1", ".port: found '-1', allowed 0 to 65535, or {of: NAME of a server service}"},
    {"port: {off: pos}", ".port: found a map, allowed 0 to 65535, or {of: NAME of a server service}"},
    {"port: {of: [pos]}", ".port: found a map, allowed 0 to 65535, or {of: NAME of a server service}"},
    {"port: {of: pos}", ".port: unknown server service 'pos'"},
    {"keepalive: 60s", ".keepalive: found '60s', allowed a map of on, idle, interval or count"},
    {"keepalive: {idle: 1500ms}", ".keepalive.idle: found 1500ms, allowed 1s to 32767s, a multiple of 1s",
     36},
    {"keepalive: {idel: 5s}", ".keepalive: unknown property 'idel'; did you mean 'idle'?", 30},
    {"keepalive: {count: 3, count: 3}", ".keepalive: 'count' is written twice, the first time in line 2", 40},
    {"when_full: pause", ": 'when_full' is a property of server services only", 18},
    {"keepalive.idle: 5s", ": 'keepalive.idle' is written keepalive: {idle: ...}", 18},
    {"xyzzy: 5",
     ": unknown property 'xyzzy', allowed name, hostname, port, min_connections, "
     "max_connecting, connect_timeout, retry_delay, retry_backoff, retry_max_delay, retry_jitter, "
     "max_connections, connection_timeout, max_waiters, selection, drain_timeout, keep_manager, "
     "reservation_expiry, max_kept, max_record_bytes, half_close, no_delay, keepalive, user_timeout, "
     "send_buffer, "
     "receive_buffer, traffic_class or close_timeout",
     18},
    {"[a]: 5", ": found a list where the name of a property stands", 18},
    {"port: 1, port: 2", ": 'port' is written twice, the first time in line 2", 27},
};

TEST(ServiceFile, SaysOfEachBadValueWhatWasFoundAndWhatIsAllowed) {
  for (const BadValue& bad : kBadClientValues) {
    const std::size_t value = bad.property.find(": ");
    const int column = bad.column != 0 ? bad.column : 18 + static_cast<int>(value) + 2;

    EXPECT_THAT(mistakes_in(with(bad.property)),
                ElementsAre("orders.yaml:2:" + std::to_string(column) + ": client_services[0]" + bad.message))
        << bad.property;
  }
}

TEST(ServiceFile, SaysWhatAServerServiceAllows) {
  EXPECT_THAT(
      mistakes_in(server_with("port: {of: pos}")),
      ElementsAre("orders.yaml:2:24: server_services[0].port: found a map, allowed 0 to 65535, or auto"));
  EXPECT_THAT(
      mistakes_in(server_with("bind_address: example.com")),
      ElementsAre("orders.yaml:2:32: server_services[0].bind_address: found 'example.com', allowed an "
                  "address of this host, or all"));
  EXPECT_THAT(
      mistakes_in(server_with("when_ful: pause")),
      ElementsAre(
          "orders.yaml:2:18: server_services[0]: unknown property 'when_ful'; did you mean 'when_full'?"));
}

TEST(ServiceFile, WantsANameThatIsNeitherPortNorAddress) {
  EXPECT_THAT(
      mistakes_in("client_services:\n- port: 7777\n"),
      ElementsAre("orders.yaml:2:3: client_services[0]: name is missing, allowed a letter, then letters, "
                  "digits, - and _"));
  for (const char* name : {"7777", "a:1", "a@b", "a.b", "'a b'", "''", "ü"}) {
    EXPECT_EQ(mistakes_in("client_services:\n- name: " + std::string(name) + "\n").size(), 1u) << name;
  }
}

TEST(ServiceFile, TellsAMinimumAboveTheMaximumWhereTheServiceSaysIt) {
  EXPECT_THAT(
      mistakes_in(with("min_connections: 101")),
      ElementsAre("orders.yaml:2:35: client_services[0].min_connections: 101 is above max_connections 100, "
                  "its default"));
  EXPECT_THAT(mistakes_in(with("min_connections: 101, max_connections: 0")), IsEmpty());  // 0 is unlimited
  EXPECT_THAT(
      mistakes_in(with("min_connections: 101, max_connections: no")),
      ElementsAre("orders.yaml:2:57: client_services[0].max_connections: found 'no', allowed a whole number, "
                  "0 to 1000000"));
}

struct BrokenFile {
  std::string name;
  std::string text;
  std::string mistake;
};

const std::vector<BrokenFile> kBrokenFiles{
    {"empty", "",
     "orders.yaml:1:1: the file is empty, allowed client_services and server_services (a file that is to say "
     "nothing "
     "holds a comment)"},
    {"a list", "- name: orders\n",
     "orders.yaml:1:1: found a list, allowed a map of client_services or server_services"},
    {"a text", "orders\n",
     "orders.yaml:1:1: found 'orders', allowed a map of client_services or server_services"},
    {"a section of one service", "client_services:\n  name: orders\n",
     "orders.yaml:2:3: client_services: found a map, allowed a list of services, each beginning with '- '"},
    {"a section without services", "client_services:\n# - name: orders\n",
     "orders.yaml:1:1: client_services: has no value, allowed a list of services"},
    {"a service that is a text", "client_services:\n  - orders\n",
     "orders.yaml:2:5: client_services[0]: found 'orders', allowed a map of properties, as in {name: orders, "
     "port: 7777}"},
    {"a section twice", "client_services: []\nclient_services: []\n",
     "orders.yaml:2:1: 'client_services' is written twice, the first time in line 1"},
    {"two documents", "client_services: []\n---\nserver_services: []\n",
     "orders.yaml:3:1: found a second document (---), allowed one a file"},
    {"tab", "client_services:\n\t- name: orders\n",
     "orders.yaml:2:1: found a tab as indentation, allowed spaces"},
    {"tab after spaces", "client_services:\n- name: orders\n  \tport: 7\n",
     "orders.yaml:3:3: found a tab as indentation, allowed spaces"},
    {"zero byte", std::string("client_services: []\n# \0\n", 24),
     "orders.yaml:2:3: found a zero byte, allowed text in UTF-8"},
    {"UTF-16 with mark",
     std::string("\xff\xfe"
                 "c\0l\0",
                 6),
     "orders.yaml:1:1: found text in UTF-16, allowed UTF-8: save the file in that encoding"},
    {"UTF-16 of the other order", std::string("\xfe\xff\0c\0l", 6),
     "orders.yaml:1:1: found text in UTF-16, allowed UTF-8: save the file in that encoding"},
    {"UTF-16 without mark", std::string("c\0l\0", 4),
     "orders.yaml:1:2: found text in UTF-16 or UTF-32, allowed UTF-8: save the file in that encoding"},
    {"Latin-1", "# caf\xe9\n",
     "orders.yaml:1:6: found a byte that is not UTF-8: save the file in that encoding"},
    {"overlong", "# \xc0\x80\n",
     "orders.yaml:1:3: found a byte that is not UTF-8: save the file in that encoding"},
    {"surrogate", "# \xed\xa0\x80\n",
     "orders.yaml:1:3: found a byte that is not UTF-8: save the file in that encoding"},
    {"beyond Unicode", "# \xf4\x90\x80\x80\n",
     "orders.yaml:1:3: found a byte that is not UTF-8: save the file in that encoding"},
    {"cut character", "# \xe2\x82",
     "orders.yaml:1:3: found a byte that is not UTF-8: save the file in that encoding"},
    {"an ELF program",
     "\x7f"
     "ELF\x02\x01\x01",
     "orders.yaml:1:1: found the control character \\x7f, allowed text"},
    {"cut in a quote", "client_services:\n- name: \"ord",
     "orders.yaml:2:13: this is not YAML: illegal EOF in scalar (is the file cut short?)"},
    {"cut in a quote behind a line", "client_services:\n- name: \"ord\\\"\n",
     "orders.yaml:2:9: the quote \" that opens here is not closed: the file is cut short"},
    {"cut in a quote with a quoted quote", "client_services:\n- name: 'ord''\n",
     "orders.yaml:2:9: the quote ' that opens here is not closed: the file is cut short"},
    {"cut in a flow map", "client_services:\n- {name: orders,\n",
     "orders.yaml:3:1: this is not YAML: end of map flow not found (is the file cut short?)"},
    {"cut in a property", "client_services:\n- name: orders\n  max_con",
     "orders.yaml:3:3: client_services[0]: unknown property 'max_con'; did you mean 'max_connecting'?"},
    {"wrong indentation", "client_services:\n- name: orders\n   port: 7\n",
     "orders.yaml:3:8: this is not YAML: illegal map value (a value stands where none may: look at the "
     "indentation, and "
     "at texts with ': ' in them, which need quotes)"},
    {"an escape that is none", "client_services:\n- name: \"\\q\"\n",
     "orders.yaml:2:12: this is not YAML: unknown escape character: q"},
    {"cut in an escape", "client_services:\n- name: \"\\",
     "orders.yaml:2:12: this is not YAML: unknown escape character: not found (is the file cut short?)"},
    {"an alias", "client_services:\n- &a {name: orders}\n- *a\n",
     "orders.yaml:3:3: found an alias (*), which service files do not have; what services share goes into "
     "the service "
     "Default"},
    {"an undefined alias", "client_services: *a\n",
     "orders.yaml:1:18: this is not YAML: the referenced anchor is not defined"},
    {"a tag", "client_services:\n- {name: !!str orders}\n",
     "orders.yaml:2:10: found a tag (!), which service files do not have"},
    {"deep brackets", std::string(100'000, '['),
     "orders.yaml:1:65: lists and maps lie too deeply within each other, allowed 16 levels"},
    {"deep lists", "client_services: [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]",
     "orders.yaml:1:33: lists and maps lie too deeply within each other, allowed 16 levels"},
    {"deep dashes",
     [] {
       std::string s;
       for (int i = 0; i < 100'000; ++i) s += "- ";
       return s;
     }(),
     "orders.yaml:1:33: lists and maps lie too deeply within each other, allowed 16 levels"},
    {"too large", std::string((4u << 20) + 1, '#'), "orders.yaml: the file has more than 4 MiB"},
    {"too many values",
     [] {
       std::string s = "[";
       for (int i = 0; i < 1'000'000; ++i) s += "1,";
       return s;
     }(),
     "orders.yaml:1:1000001: the file has more than 500000 values"},
    {"too many values in lines",
     [] {
       std::string s;
       for (int i = 0; i < 1'000'000; ++i) s += "- 1\n";
       return s;
     }(),
     "orders.yaml:500000:3: the file has more than 500000 values"},
};

TEST(ServiceFile, ThatIsBrokenIsRefusedWithOneClearMistake) {
  for (const BrokenFile& broken : kBrokenFiles) {
    EXPECT_THAT(mistakes_in(broken.text), ElementsAre(broken.mistake)) << broken.name;
  }
}

TEST(ServiceFile, TellsTheFirstThousandMistakesAndCountsTheOthers) {
  std::string text = "client_services:\n- name: orders\n";
  for (int i = 0; i < 1500; ++i) text += "  wrong" + std::to_string(i) + ": 1\n";

  const LoadOutcome outcome = load(text);

  EXPECT_EQ(outcome.mistakes.size(), 1000u);
  EXPECT_EQ(outcome.left_out, 500u);
  EXPECT_TRUE(outcome.text().ends_with("\nand 500 more\n"));
}

// A file is written in place while it is read: at whatever byte it ends, it is read or refused, and what is
// read of it is the beginning of the whole.
TEST(ServiceFile, CutAnywhereIsReadOrRefused) {
  const std::string whole =
      "client_services:\n- {name: orders, port: 7777}\n- name: \"billing\"\n  keepalive: {idle: 60s}\n";
  const std::size_t services = load(whole).services.services.size();
  ASSERT_EQ(services, 4u);

  for (std::size_t length = 0; length < whole.size(); ++length) {
    const LoadOutcome outcome = load(whole.substr(0, length));

    EXPECT_NE(outcome.mistakes.empty(), outcome.services.services.empty()) << length;
    EXPECT_LE(outcome.services.services.size(), services) << length;
  }
}

}  // namespace
}  // namespace connmgr::services

// A whole set: directories, the service Default, values from the command line, and what only several
// services show.
#include "services/config/service_directory.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/services/service_text.h"

namespace connmgr::services {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

// A directory of its own, gone at the end.
class Directory {
 public:
  Directory() {
    std::string name = (fs::temp_directory_path() / "connmgr-services-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~Directory() { fs::remove_all(path_); }

  const fs::path& path() const { return path_; }
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }

 private:
  fs::path path_;
};

std::vector<std::string> names_in(const LoadOutcome& outcome) {
  std::vector<std::string> names;
  for (const auto& service : outcome.services.services) names.push_back(service->name);
  return names;
}

std::vector<std::string> lines_of(const LoadOutcome& outcome) {
  std::vector<std::string> lines;
  for (const Mistake& mistake : outcome.mistakes) lines.push_back(to_string(mistake));
  return lines;
}

TEST(ServiceDirectory, IsReadFileByFileInTheOrderOfTheirNames) {
  const Directory directory;
  directory.write("b.yml", "client_services:\n- name: second\n");
  directory.write("a.yaml", "client_services:\n- name: first\n");
  directory.write("c.json", R"({"server_services": [{"name": "third"}]})");

  const LoadOutcome outcome = load_services(directory.path());

  EXPECT_TRUE(outcome) << outcome.text();
  EXPECT_THAT(names_in(outcome), ElementsAre("Default", "Default", "first", "second", "third"));
}

TEST(ServiceDirectory, LeavesAloneWhatIsNoServiceFile) {
  const Directory directory;
  directory.write("a.yaml", "client_services:\n- name: first\n");
  for (const char* other : {".hidden.yaml", "a.yaml~", "a.yaml.bak", "README.md", "#a.yaml#"})
    directory.write(other, "\t[");
  fs::create_directory(directory.path() / "nested");
  std::ofstream(directory.path() / "nested" / "b.yaml") << "\t[";

  const LoadOutcome outcome = load_services(directory.path());

  EXPECT_TRUE(outcome) << outcome.text();
  EXPECT_THAT(names_in(outcome), ElementsAre("Default", "Default", "first"));
}

TEST(ServiceDirectory, TellsTheMistakesOfAllItsFiles) {
  const Directory directory;
  directory.write("a.yaml", "client_services:\n- {name: orders, prot: 1}\n");
  directory.write("b.yaml", "client_services: [\n");
  directory.write("c.yaml", "client_services:\n- {name: orders}\n");

  const LoadOutcome outcome = load_services(directory.path());

  EXPECT_FALSE(outcome);
  EXPECT_THAT(outcome.services.services, IsEmpty());
  EXPECT_THAT(
      lines_of(outcome),
      ElementsAre(directory.file("a.yaml") +
                      ":2:18: client_services[0]: unknown property 'prot'; did you mean 'port'?",
                  directory.file("b.yaml") +
                      ":2:1: this is not YAML: end of sequence flow not found (is the file cut short?)",
                  directory.file("c.yaml") +
                      ":2:10: client_services[0].name: there is a client service 'orders' already (" +
                      directory.file("a.yaml") + ":2)"));
}

TEST(ServiceDirectory, MayBeAFile) {
  const Directory directory;
  directory.write("services.conf", "client_services:\n- name: orders\n");

  EXPECT_THAT(names_in(load_services(directory.file("services.conf"))),
              ElementsAre("Default", "Default", "orders"));
}

TEST(ServiceDirectory, ThatIsNotThereIsAMistake) {
  EXPECT_THAT(lines_of(load_services(fs::path("/nowhere/services.d"))),
              ElementsAre("/nowhere/services.d: No such file or directory"));
}

TEST(ServiceDirectory, WithoutServiceFilesIsAMistake) {
  const Directory directory;

  EXPECT_THAT(lines_of(load_services(directory.path())),
              ElementsAre(directory.path().string() + ": the directory holds no *.yaml, *.yml or *.json"));
}

// Opening a pipe would wait for a writer.
TEST(ServiceDirectory, RefusesWhatIsNoRegularFile) {
  const Directory directory;
  ASSERT_EQ(mkfifo(directory.file("pipe.yaml").c_str(), 0600), 0);
  fs::create_directory(directory.path() / "directory.yaml");
  fs::create_symlink("nowhere", directory.path() / "dangling.yaml");

  EXPECT_THAT(lines_of(load_services(directory.path())),
              ElementsAre(directory.file("dangling.yaml") + ": No such file or directory",
                          directory.file("directory.yaml") + ": this is not a regular file",
                          directory.file("pipe.yaml") + ": this is not a regular file"));
}

TEST(ServiceDirectory, ReadsNoMoreOfAFileThanItMayHave) {
  const Directory directory;
  directory.write("a.yaml", "#");
  fs::resize_file(directory.path() / "a.yaml", std::uintmax_t{1} << 40);  // sparse

  EXPECT_THAT(lines_of(load_services(directory.path())),
              ElementsAre(directory.file("a.yaml") + ": the file has more than 4 MiB"));
}

TEST(ServiceDirectory, FollowsSymbolicLinksAsMountedVolumesHaveThem) {
  const Directory directory;
  fs::create_directory(directory.path() / "..2026");
  std::ofstream(directory.path() / "..2026" / "a.yaml") << "client_services:\n- name: orders\n";
  fs::create_symlink("..2026", directory.path() / "..data");
  fs::create_symlink("..data/a.yaml", directory.path() / "a.yaml");

  EXPECT_THAT(names_in(load_services(directory.path())), ElementsAre("Default", "Default", "orders"));
}

// --- Default ------------------------------------------------------------------------------------

TEST(Default, IsBuiltInForBothKinds) {
  const LoadOutcome outcome = load("# nothing\n");

  ASSERT_THAT(names_in(outcome), ElementsAre("Default", "Default"));
  EXPECT_EQ(*outcome.services.find(ServiceKind::client, "Default"),
            (ConfigurableService{.name = "Default", .kind = ServiceKind::client}));
  EXPECT_EQ(*outcome.services.find(ServiceKind::server, "Default"),
            (ConfigurableService{.name = "Default", .kind = ServiceKind::server}));
}

TEST(Default, GivesOthersOfItsKindWhatTheyLeaveUnset) {
  const std::string text = R"(
client_services:
  - {name: orders, port: 7777, max_connections: 5}
  - {name: Default, max_connections: 9, min_connections: 3, keepalive: {idle: 7s}, selection: round_robin}
  - {name: billing, port: 7778, keepalive: {count: 1}}
server_services:
  - {name: pos, port: 7790}
)";

  const ConfigurableService orders = service_in(text);
  const ConfigurableService billing = service_in(text, "billing");

  EXPECT_EQ(orders.max_connections, 5u);
  EXPECT_EQ(orders.min_connections, 3u);
  EXPECT_EQ(orders.port, 7777);
  EXPECT_EQ(orders.selection, Selection::round_robin);
  EXPECT_EQ(billing.max_connections, 9u);
  EXPECT_EQ(billing.socket.keepalive, (KeepaliveSettings{.idle = 7s, .count = 1}));
  EXPECT_EQ(service_in(text, "pos", ServiceKind::server).max_connections, 100u);
  EXPECT_EQ(service_in(text, "Default").max_connections, 9u);
}

TEST(Default, KeepsAWrittenZeroOfAnother) {
  const std::string text =
      "client_services:\n- {name: Default, min_connections: 3}\n- {name: orders, min_connections: 0}\n";

  EXPECT_EQ(service_in(text).min_connections, 0u);
}

TEST(Default, HasNoAddress) {
  EXPECT_THAT(mistakes_in("client_services:\n- {name: Default, hostname: a, port: 1}\nserver_services:\n- "
                          "{name: Default, port: auto}\n"),
              ElementsAre("orders.yaml:2:29: client_services[0].hostname: the service Default supplies "
                          "properties only: it has no address",
                          "orders.yaml:2:38: client_services[0].port: the service Default supplies "
                          "properties only: it has no address",
                          "orders.yaml:4:25: server_services[0].port: the service Default supplies "
                          "properties only: it has no address"));
}

TEST(Default, IsNamedAsTheCauseWhereItContradictsAService) {
  EXPECT_THAT(
      mistakes_in(
          "client_services:\n- {name: Default, max_connections: 4}\n- {name: orders, min_connections: 5}\n"),
      ElementsAre("orders.yaml:3:35: client_services[1].min_connections: 5 is above max_connections 4 "
                  "(orders.yaml:2)"));
}

TEST(Default, ThatContradictsItselfIsToldOnce) {
  EXPECT_THAT(mistakes_in("client_services:\n- {name: Default, max_connections: 4, min_connections: 5}\n- "
                          "name: a\n- name: b\n"),
              ElementsAre("orders.yaml:2:36: client_services[0].max_connections: 4 is below min_connections "
                          "5 (orders.yaml:2)"));
}

// --- names and claims ---------------------------------------------------------------------------

TEST(Names, AreUniqueWithinAKind) {
  const std::string both = "client_services:\n- name: orders\nserver_services:\n- name: orders\n";

  EXPECT_THAT(mistakes_in(both), IsEmpty());
  EXPECT_THAT(mistakes_in(both + "- name: orders\n"),
              ElementsAre("orders.yaml:5:9: server_services[1].name: there is a server service 'orders' "
                          "already (orders.yaml:4)"));
}

std::string clients(const std::string& first, const std::string& second) {
  return "client_services:\n- {name: a, " + first + "}\n- {name: b, " + second + "}\n";
}
std::string servers(const std::string& first, const std::string& second) {
  return "server_services:\n- {name: a, " + first + "}\n- {name: b, " + second + "}\n";
}

TEST(Claims, OfTwoClientsToOneAddressAreAMistake) {
  EXPECT_THAT(mistakes_in(clients("hostname: h, port: 7", "hostname: H, port: 7")),
              ElementsAre("orders.yaml:3:32: client_services[1].port: h:7 is claimed by the client service "
                          "'a' already (orders.yaml:2)"));
  EXPECT_THAT(mistakes_in(clients("port: 7", "hostname: localhost, port: 7")),
              ElementsAre("orders.yaml:3:40: client_services[1].port: localhost:7 is claimed by the client "
                          "service 'a' already (orders.yaml:2)"));
}

TEST(Claims, OfClientsDifferByHostAsWritten) {
  EXPECT_THAT(mistakes_in(clients("hostname: localhost, port: 7", "hostname: 127.0.0.1, port: 7")),
              IsEmpty());
  EXPECT_THAT(mistakes_in(clients("port: 7", "port: 8")), IsEmpty());
}

TEST(Claims, OfTwoServersToOnePortAreAMistake) {
  const std::string taken = "port 7 is claimed by the server service 'a' already (orders.yaml:2)";

  EXPECT_THAT(mistakes_in(servers("port: 7", "port: 7")),
              ElementsAre("orders.yaml:3:19: server_services[1].port: " + taken));
  EXPECT_THAT(mistakes_in(servers("port: 7, bind_address: ::1", "port: 7")),
              ElementsAre("orders.yaml:3:19: server_services[1].port: " + taken));
  EXPECT_THAT(
      mistakes_in(servers("port: 7", "port: 7, bind_address: 127.0.0.1")),
      ElementsAre(StartsWith("orders.yaml:3:19: server_services[1].port: port 7 of 127.0.0.1 is claimed")));
  EXPECT_THAT(
      mistakes_in(servers("port: 7, bind_address: FE80::1", "port: 7, bind_address: fe80::1")),
      ElementsAre(StartsWith("orders.yaml:3:19: server_services[1].port: port 7 of fe80::1 is claimed")));
}

TEST(Claims, OfServersDifferByAddress) {
  EXPECT_THAT(mistakes_in(servers("port: 7, bind_address: 127.0.0.1", "port: 7, bind_address: 127.0.0.2")),
              IsEmpty());
}

TEST(Claims, OfAServerCollideThroughTheAddressThatDefaultGives) {
  const std::string text =
      "server_services:\n- {name: Default, bind_address: 127.0.0.1}\n- {name: a, port: 7}\n- {name: b, port: "
      "7, bind_address: 127.0.0.1}\n";

  EXPECT_THAT(
      mistakes_in(text),
      ElementsAre(StartsWith("orders.yaml:4:19: server_services[2].port: port 7 of 127.0.0.1 is claimed")));
}

TEST(Claims, AreNotMadeByPortZeroNorByAPortOfTheSystemsChoice) {
  EXPECT_THAT(mistakes_in(clients("port: 0", "port: 0")), IsEmpty());
  EXPECT_THAT(mistakes_in(servers("port: 0", "port: 0")), IsEmpty());
  EXPECT_THAT(mistakes_in(servers("port: auto", "port: auto")), IsEmpty());
}

TEST(Claims, AreMadeThroughThePortOfAServerService) {
  const std::string automatic = "server_services:\n- {name: pos, port: auto}\n";
  const std::string fixed = "server_services:\n- {name: pos, port: 7}\n";

  EXPECT_THAT(mistakes_in(automatic + clients("port: {of: pos}", "port: {of: pos}")),
              ElementsAre("orders.yaml:5:19: client_services[1].port: localhost:{of: pos} is claimed by the "
                          "client service 'a' already (orders.yaml:4)"));
  EXPECT_THAT(mistakes_in(fixed + clients("port: {of: pos}", "port: 7")),
              ElementsAre("orders.yaml:5:19: client_services[1].port: localhost:7 is claimed by the client "
                          "service 'a' already (orders.yaml:4)"));
  EXPECT_THAT(mistakes_in(fixed + clients("port: {of: pos}", "port: {of: pos}, hostname: other")), IsEmpty());
}

TEST(PortOf, NamesAServerServiceThatHasAPort) {
  const std::string server = "server_services:\n- {name: pos}\n";

  EXPECT_THAT(
      mistakes_in(server + "client_services:\n- {name: a, port: {of: pso}}\n"),
      ElementsAre(
          "orders.yaml:4:19: client_services[0].port: unknown server service 'pso'; did you mean 'pos'?"));
  EXPECT_THAT(
      mistakes_in(server + "client_services:\n- {name: a, port: {of: pos}}\n"),
      ElementsAre(
          "orders.yaml:4:19: client_services[0].port: the server service 'pos' has no port (orders.yaml:2)"));
}

// --- overrides ----------------------------------------------------------------------------------

const std::string kOrders =
    "client_services:\n- {name: orders, port: 7777, max_connections: 5}\nserver_services:\n- {name: pos, "
    "port: 7790}\n";

TEST(Override, WinsOverTheFile) {
  const ConfigurableService orders =
      service_in(kOrders, "orders", ServiceKind::client,
                 {"orders.port=41234", "orders.keepalive.idle=5s", "orders.connect_timeout=1s"});

  EXPECT_EQ(orders.port, 41234);
  EXPECT_EQ(orders.socket.keepalive.idle, 5s);
  EXPECT_EQ(orders.connect_timeout, 1s);
  EXPECT_EQ(orders.max_connections, 5u);
}

TEST(Override, IsWrittenAsInAFile) {
  EXPECT_EQ(service_in(kOrders, "orders", ServiceKind::client, {"orders.port={of: pos}"}).port_of, "pos");
  EXPECT_TRUE(service_in(kOrders, "pos", ServiceKind::server, {"pos.port=auto"}).port_auto);
  EXPECT_FALSE(service_in(kOrders, "pos", ServiceKind::server, {"pos.keepalive=off"}).socket.keepalive.on);
}

TEST(Override, ReplacesAPortOfAnotherForm) {
  const std::string text =
      "server_services:\n- {name: pos, port: auto}\nclient_services:\n- {name: orders, port: {of: pos}}\n";

  const ConfigurableService orders = service_in(text, "orders", ServiceKind::client, {"orders.port=7"});
  const ConfigurableService pos = service_in(text, "pos", ServiceKind::server, {"pos.port=8"});

  EXPECT_EQ(orders.port, 7);
  EXPECT_EQ(orders.port_of, "");
  EXPECT_EQ(pos.port, 8);
  EXPECT_FALSE(pos.port_auto);
}

TEST(Override, RepairsAValueThatTheFileHasWrong) {
  EXPECT_THAT(mistakes_in("client_services:\n- {name: orders, min_connections: 200}\n",
                          {"orders.max_connections=300"}),
              IsEmpty());
}

TEST(Override, OfDefaultReachesBothKindsAndTheServices) {
  const std::vector<std::string> overrides{"Default.max_connections=7"};

  EXPECT_EQ(service_in(kOrders, "pos", ServiceKind::server, overrides).max_connections, 7u);
  EXPECT_EQ(service_in(kOrders, "Default", ServiceKind::client, overrides).max_connections, 7u);
  EXPECT_EQ(service_in(kOrders, "orders", ServiceKind::client, overrides).max_connections, 5u);
}

TEST(Override, OfANameOfBothKindsReachesThoseThatHaveTheProperty) {
  EXPECT_EQ(service_in(kOrders, "Default", ServiceKind::server, {"Default.when_full=pause"}).when_full,
            WhenFull::pause);
}

struct BadOverride {
  std::string text;
  std::string mistake;
};

TEST(Override, WithAMistakeIsToldAtItsOption) {
  const std::vector<BadOverride> all{
      {"orders", "allowed NAME.PROPERTY=VALUE, as in orders.port=7777"},
      {"orders=5", "allowed NAME.PROPERTY=VALUE, as in orders.port=7777"},
      {"orders.=5", "allowed NAME.PROPERTY=VALUE, as in orders.port=7777"},
      {".port=5", "allowed NAME.PROPERTY=VALUE, as in orders.port=7777"},
      {"", "allowed NAME.PROPERTY=VALUE, as in orders.port=7777"},
      {"ordres.port=5", "unknown service 'ordres'; did you mean 'orders'?"},
      {"orders.prot=5", "unknown property 'prot'; did you mean 'port'?"},
      {"orders.name=x", "name: a service keeps the name that its file gives it"},
      {"orders.port=x", "port: found 'x', allowed 0 to 65535, or {of: NAME of a server service}"},
      {"orders.port=",
       "port: has no value, allowed 0 to 65535, or {of: NAME of a server service} (without the line, its "
       "default holds)"},
      {"orders.port={of: nobody}", "port: unknown server service 'nobody', allowed pos"},
      {"orders.port=[", "port: this is not YAML: end of sequence flow not found (is the file cut short?)"},
      {"orders.keepalive.idle=5",
       "keepalive.idle: '5' is not a duration (a number and ns, us, ms, s, m, h or d, as in 30s)"},
      {"orders.keepalive={idel: 5s}", "keepalive: unknown property 'idel'; did you mean 'idle'?"},
      {"orders.min_connections=6", "min_connections: 6 is above max_connections 5"},
  };
  for (const BadOverride& bad : all) {
    const std::string line = "--set " + bad.text + ": " + bad.mistake;

    EXPECT_THAT(mistakes_in(kOrders, {bad.text}), ElementsAre(StartsWith(line))) << bad.text;
  }
}

// --- the manual ---------------------------------------------------------------------------------

TEST(Readme, ShowsAFileThatLoads) {
  std::ifstream file(CONNMGR_SOURCE_DIR "/services/README.md");
  const std::string readme{std::istreambuf_iterator<char>(file), {}};
  const std::string fence = "```yaml\n";
  const std::size_t begin = readme.find(fence);
  ASSERT_NE(begin, std::string::npos);
  const std::size_t from = begin + fence.size();

  const LoadOutcome outcome = load(readme.substr(from, readme.find("```", from) - from));

  EXPECT_TRUE(outcome) << outcome.text();
  EXPECT_NE(outcome.services.find(ServiceKind::client, "orders"), nullptr);
}

TEST(Examples, Load) {
  const fs::path examples = CONNMGR_SOURCE_DIR "/services/examples";
  if (!fs::exists(examples)) GTEST_SKIP() << examples << " is not there";

  const LoadOutcome outcome = load_services(examples);

  EXPECT_TRUE(outcome) << outcome.text();
}

}  // namespace
}  // namespace connmgr::services

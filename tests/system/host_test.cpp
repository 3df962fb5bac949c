// connmgr-host as an operator meets it: what it says to bad input, and that nothing else is lost by it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/host_process.h"

namespace connmgr::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kFile = "/usr/share/common-licenses/GPL-3";
const std::string kExamples = CONNMGR_SOURCE_DIR "/services/examples";

ChildProcess::Finished host(const Arguments& options) {
  return ChildProcess(Arguments{CONNMGR_HOST} + options).wait();
}
Arguments expenses(const std::string& ledger_port) {
  return {"--flow", "expenses", "--set", "ledger.port=" + ledger_port};
}
// So many claims over four connections, each acknowledged before the next one.
Arguments claims(const Host& host, const Arguments& how_many) {
  return Arguments{CONNMGR_SEND,
                   "--to",
                   "127.0.0.1:" + host.port_of("pos"),
                   "--file",
                   kFile,
                   "--expect-reply",
                   "ack",
                   "--first-sender",
                   "101"} +
         how_many;
}
std::string reply_to(Socket& client, const std::string& claim) {
  client.send(claim + "\n");
  return client.read_line();
}

// What the first record of sender 1 holds.
std::string first_line_of(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// ---- the command line and the service files

TEST(Host, TellsEveryMistakeOfItsServiceFilesAtOnce) {
  const TemporaryFolder folder;
  folder.write("a.yaml", "server_services:\n  - name: pos\n    prot: auto\n    max_connections: many\n");
  folder.write("b.yaml", "client_services:\n  - name: ledger\n    hostname: 127.0.0.1\n    port: 70000\n");

  const auto ended = host({"--services", folder.path(), "--flow", "expenses"});

  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.error,
              AllOf(HasSubstr("a.yaml:3:5: "), HasSubstr("unknown property 'prot'; did you mean 'port'?"),
                    HasSubstr("a.yaml:4:22: "), HasSubstr("max_connections"), HasSubstr("many"),
                    HasSubstr("b.yaml:4:11: "), HasSubstr("70000")));
}

struct WrongUse {
  Arguments options;
  std::vector<std::string> said;
};

TEST(Host, ExplainsACommandLineThatIsWrong) {
  const Arguments services{"--services", kExamples};
  const WrongUse all[] = {
      {{}, {"--services PATH", "--flow NAME", "connmgr-host --help"}},
      {{"--flow", "expenses"}, {"--services PATH"}},
      {services, {"--flow NAME"}},
      {services + Arguments{"--flow", "expenes", "--flow", "ordres"},
       {"no sample flow 'expenes'", "no sample flow 'ordres'", "there are: expenses, orders"}},
      {{"--services", "/no/such/directory", "--flow", "expenses"},
       {"/no/such/directory", "No such file or directory"}},
      {services + Arguments{"--flow", "expenses", "--set", "leger.port=1"}, {"leger", "ledger"}},
      {services + Arguments{"--flow", "expenses", "--set", "ledger.prot=1"}, {"prot", "port"}},
      {services + Arguments{"--flow", "expenses", "--set", "ledger.port=door"}, {"ledger.port", "door"}},
      {services + Arguments{"--flow", "expenses", "--shards", "65"}, {"--shards", "64"}},
      {services + Arguments{"--flow", "expenses", "--log-level", "loud"}, {"--log-level", "debug"}},
  };
  for (const WrongUse& wrong : all) {
    const auto ended = host(wrong.options);

    EXPECT_EQ(ended.exit_code, 2) << ended.error;
    for (const std::string& text : wrong.said) EXPECT_THAT(ended.error, HasSubstr(text));
  }
}

TEST(Host, HelpsWithExamplesAndTheListOfItsFlows) {
  const auto help = host({"--help"});
  const auto flows = host({"--list-flows"});

  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out,
              AllOf(HasSubstr("Examples:"), HasSubstr("--set ledger.port="), HasSubstr("Exit status:")));
  EXPECT_EQ(flows.exit_code, 0);
  EXPECT_THAT(flows.out, AllOf(HasSubstr("expenses "), HasSubstr("needs: server pos, client ledger"),
                               HasSubstr("orders "), HasSubstr("needs: server shop, client orders")));
}

TEST(Host, SaysWhichServiceAFlowMisses) {
  const TemporaryFolder folder;
  folder.write("pos.yaml", "server_services:\n  - {name: pos, port: auto}\n");

  const auto ended = host({"--services", folder.path(), "--flow", "expenses"});

  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.error, HasSubstr("flow 'expenses', node 'ledger': no client service named 'ledger'"));
}

TEST(Host, SaysThatAFileCannotBeWritten) {
  const auto ended =
      host({"--services", kExamples, "--flow", "expenses", "--ready-file", "/no/such/place/ready"});

  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.error, HasSubstr("cannot write /no/such/place/ready: No such file or directory"));
}

// ---- descriptors (L10)

Arguments under_limit(const std::string& limit, const Arguments& options) {
  std::string command = "ulimit " + limit + " && exec \"$0\" \"$@\"";
  return Arguments{"/bin/sh", "-c", command, CONNMGR_HOST, "--services", kExamples, "--shards", "2"} +
         options;
}

TEST(Host, RefusesServicesThatMayNeedMoreDescriptorsThanItMayHave) {
  const auto ended = ChildProcess(under_limit("-n 300", {"--flow", "expenses"})).wait();

  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.error, AllOf(HasSubstr("may need 689 descriptors"), HasSubstr("may have 300"),
                                 HasSubstr("greatest in 'pos' (500)")));
}

TEST(Host, RaisesItsSoftDescriptorLimitToTheHardOne) {
  ChildProcess process(under_limit("-Sn 300", {"--flow", "expenses"}));
  process.wait_for_error_text("ready: ");

  const std::string limits = content_of("/proc/" + std::to_string(process.pid()) + "/limits");
  process.signal(SIGTERM);

  EXPECT_EQ(process.wait().exit_code, 0);
  const std::string row = limits.substr(limits.find("Max open files"));
  const std::string soft = row.substr(26, 21), hard = row.substr(47, 21);
  EXPECT_EQ(soft, hard) << row;
  EXPECT_THAT(soft, Not(HasSubstr("300 ")));
}

// ---- ports

TEST(Host, SaysWhoHasAPortAndTheHolderGoesOnServing) {
  FarEnd ledger(CONNMGR_RECEIVE, {"--expect-records", "3003", "--linger", "0s"});
  Host holder(CONNMGR_HOST, expenses(ledger.port()));
  ChildProcess sender(claims(holder, {"--connections", "4", "--records", "3000"}));
  Socket client = Socket::connected_to(holder.port_of("pos"));
  EXPECT_EQ(reply_to(client, "1:000001 before"), "OK 1:000001\n");

  ChildProcess second(
      Arguments{CONNMGR_HOST, "--services", kExamples, "--set", "pos.port=" + holder.port_of("pos")} +
      expenses(ledger.port()));
  EXPECT_EQ(reply_to(client, "1:000002 during"), "OK 1:000002\n");
  const auto refused = second.wait();
  EXPECT_EQ(reply_to(client, "1:000003 after"), "OK 1:000003\n");

  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(
      refused.error,
      AllOf(HasSubstr("flow 'expenses', node 'claims': pos: listen on port " + holder.port_of("pos")),
            HasSubstr("in use by connmgr-host (process " + std::to_string(holder.process().pid()) + ")")));
  EXPECT_EQ(sender.wait().exit_code, 0);
  EXPECT_EQ(ledger.wait().exit_code, 0);
  EXPECT_EQ(holder.end(SIGTERM).exit_code, 0);
}

TEST(Host, StartsAgainOnItsPortAtOnceAfterItWasKilledWithConnectionsOpen) {
  const Socket reserved = Socket::bound();
  FarEnd ledger(CONNMGR_RECEIVE, {"--expect-records", "8", "--linger", "0s"});
  const Arguments options = expenses(ledger.port()) + Arguments{"--set", "pos.port=" + reserved.port()};
  std::vector<Socket> open;
  {
    Host killed(CONNMGR_HOST, options);
    for (int i = 1; i <= 4; ++i) {
      open.push_back(Socket::connected_to(reserved.port()));
      EXPECT_THAT(reply_to(open.back(), std::to_string(i) + ":000001 a"), HasSubstr("OK "));
    }
    EXPECT_EQ(killed.end(SIGKILL).exit_code, 128 + SIGKILL);
  }
  // Two are half open now, two in TIME_WAIT on the host's side.
  open.pop_back();
  open.pop_back();

  Host again(CONNMGR_HOST, options);
  for (int i = 1; i <= 4; ++i) {
    Socket client = Socket::connected_to(reserved.port());
    EXPECT_EQ(reply_to(client, std::to_string(i) + ":000002 b"), "OK " + std::to_string(i) + ":000002\n");
  }

  EXPECT_EQ(ledger.wait().exit_code, 0);
  EXPECT_EQ(again.end(SIGTERM).exit_code, 0);
}

// ---- peers

TEST(Host, SaysWhyAPeerCannotBeReachedAndGoesOnWhenItIsBack) {
  Socket ledger = Socket::bound();
  Host host(CONNMGR_HOST, expenses(ledger.port()) + Arguments{"--set", "ledger.connection_timeout=200ms",
                                                              "--set", "ledger.retry_max_delay=100ms"});
  Socket first = Socket::connected_to(host.port_of("pos"));
  first.send("1:000001 while the ledger is down\n");

  const std::string said = host.process().wait_for_error_text("flow 'expenses', node 'ledger': ");
  ledger.listen();
  Socket line = ledger.accept();
  host.process().wait_for_error_text("127.0.0.1:" + ledger.port() + " is reached again");
  EXPECT_EQ(reply_to(first, "1:000002 when it is back"), "OK 1:000002\n");

  EXPECT_THAT(said, AllOf(HasSubstr("127.0.0.1:" + ledger.port()), HasSubstr("Connection refused")));
  EXPECT_EQ(line.read(28), std::string("\0\0\0\x18", 4) + "1:000002 when it is back");
  EXPECT_EQ(host.end(SIGTERM).exit_code, 0);
}

TEST(Host, NamesBadPeersAndLosesNothingOfTheOthers) {
  FarEnd ledger(CONNMGR_RECEIVE, {"--expect-records", "20001", "--file", kFile, "--linger", "0s"});
  Host host(CONNMGR_HOST, expenses(ledger.port()));
  ChildProcess sender(claims(host, {"--connections", "4", "--records", "20000"}));

  Socket too_long = Socket::connected_to(host.port_of("pos"));
  too_long.send(std::string(70000, 'x'));
  EXPECT_EQ(too_long.read_line(), "");
  EXPECT_THAT(
      host.process().wait_for_error_text("flow 'expenses', node 'claims': service 'pos', connection "),
      AllOf(HasSubstr("with 127.0.0.1:"),
            HasSubstr("a record is longer than 65536 bytes (max_record_bytes)")));

  // The acknowledgment of the first tells that the half of the second has come, too.
  Socket reset = Socket::connected_to(host.port_of("pos"));
  reset.send("1:000001 " + first_line_of(kFile) + "\n1:000002 half of a rec");
  EXPECT_EQ(reset.read_line(), "OK 1:000001\n");
  reset.reset();
  const std::string broken =
      host.process().wait_for_error_text("the stream ended inside a record, after 22 bytes");
  EXPECT_THAT(broken, HasSubstr("Connection reset by peer"));

  Socket garbage = Socket::connected_to(host.port_of("pos"));
  garbage.send(std::string("\0\xff\xfe\x80 no line \r\r\0", 16));
  garbage.finish_sending();
  EXPECT_EQ(garbage.read_line(), "");

  EXPECT_EQ(sender.wait().exit_code, 0);
  EXPECT_EQ(ledger.wait().exit_code, 0);
  EXPECT_EQ(host.end(SIGTERM).exit_code, 0);
  EXPECT_EQ(json_value(host.report(), "records_in", "\"pos\""), "20001");
  EXPECT_EQ(json_value(host.report(), "records_out", "\"ledger\""), "20001");
}

TEST(Host, AnswersErrorWhenAFarEndSendsGarbageAndServesTheNextAsker) {
  Socket far_end = Socket::bound();
  far_end.listen();
  Host host(CONNMGR_HOST, {"--flow", "orders", "--set", "orders.port=" + far_end.port()});
  Socket asker = Socket::connected_to(host.port_of("shop"));
  asker.send("first\n");
  Socket bad = far_end.accept();
  EXPECT_EQ(bad.read(9), std::string("\0\0\0\x05", 4) + "first");

  bad.send("\xff\xff\xff\xff\xff\xff\xff\xff");
  EXPECT_EQ(asker.read_line(), "ERROR\n");
  asker.send("second\n");
  Socket good = far_end.accept();
  EXPECT_EQ(good.read(10), std::string("\0\0\0\x06", 4) + "second");
  good.send(std::string("\0\0\0\x04here", 8));

  EXPECT_EQ(asker.read_line(), "here\n");
  asker.close();
  good.close();
  EXPECT_EQ(host.end(SIGTERM).exit_code, 0);
}

// ---- the end

TEST(Host, EndsUnderLoadWithEverythingItAcknowledgedAtTheFarEnd) {
  const TemporaryFolder folder;
  FarEnd ledger(CONNMGR_RECEIVE, {"--until-closed", "--linger", "0s", "--json", folder.file("receive")});
  Host host(CONNMGR_HOST, expenses(ledger.port()));
  ChildProcess sender(
      claims(host, {"--connections", "10", "--duration", "1h", "--json", folder.file("send")}));
  Socket client = Socket::connected_to(host.port_of("pos"));
  for (int i = 1; i <= 200; ++i) {
    const std::string number = "1:" + std::to_string(1000000 + i).substr(1);
    ASSERT_EQ(reply_to(client, number + " beside the load"), "OK " + number + "\n");
  }

  client.close();
  sender.wait_for_error_text(" records  ");  // its progress, after two seconds: the load runs
  const auto ended = host.end(SIGTERM);
  sender.wait();
  const auto received = ledger.wait();

  EXPECT_EQ(ended.exit_code, 0) << ended.error;
  EXPECT_EQ(received.exit_code, 0) << received.error;
  const auto acknowledged = std::stoull(json_value(content_of(folder.file("send")), "replies"));
  const auto arrived = std::stoull(json_value(content_of(folder.file("receive")), "records"));
  EXPECT_GT(acknowledged, 0u);
  EXPECT_GE(arrived, acknowledged + 200);
  EXPECT_EQ(json_value(host.report(), "records_out", "\"ledger\""), std::to_string(arrived));
}

TEST(Host, TellsItsPortsWhenReadyAndItsFiguresAtTheEnd) {
  FarEnd ledger(CONNMGR_RECEIVE, {"--until-closed", "--linger", "0s"});
  const Socket nobody = Socket::bound();
  Host host(CONNMGR_HOST,
            expenses(ledger.port()) + Arguments{"--flow", "orders", "--set", "orders.port=" + nobody.port()});
  EXPECT_EQ(host.ready_file(), "pos " + host.port_of("pos") + "\nshop " + host.port_of("shop") + "\n");
  {
    Socket client = Socket::connected_to(host.port_of("pos"));
    EXPECT_EQ(reply_to(client, "1:000001 one"), "OK 1:000001\n");
    EXPECT_EQ(reply_to(client, "1:000002 two"), "OK 1:000002\n");
  }

  const auto ended = host.end(SIGINT);

  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_EQ(ledger.wait().exit_code, 0);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("most in use"), HasSubstr("ledger"), HasSubstr("shop")));
  EXPECT_THAT(ended.error, HasSubstr("flows finish what they have begun"));
  const std::string report = host.report();
  EXPECT_EQ(json_value(report, "records_in", "\"pos\""), "2");
  EXPECT_EQ(json_value(report, "records_out", "\"pos\""), "2");
  EXPECT_EQ(json_value(report, "opened", "\"pos\""), "1");
  EXPECT_EQ(json_value(report, "port", "\"pos\""), host.port_of("pos"));
  EXPECT_EQ(json_value(report, "opened", "\"ledger\""), "1");
  EXPECT_EQ(json_value(report, "records_out", "\"ledger\""), "2");
  EXPECT_EQ(json_value(report, "opened", "\"orders\""), "0");
}

}  // namespace
}  // namespace connmgr::test

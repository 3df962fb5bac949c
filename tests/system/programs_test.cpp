// connmgr-send and connmgr-receive as a user runs them: against each other, and each against a peer in this
// test that loses, doubles, alters and reorders records.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/support/child_process.h"
#include "tests/support/tcp_socket.h"

namespace connmgr::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A receiver that runs, and where it listens.
class Receive {
 public:
  explicit Receive(std::vector<std::string> options) : process_(with_program(std::move(options))) {
    const std::string where = process_.wait_for_error_text("listening on 127.0.0.1:");
    port_ = where.substr(0, where.find(','));
  }
  const std::string& port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + port_; }
  ChildProcess& process() { return process_; }
  ChildProcess::Finished wait() { return process_.wait(); }

 private:
  static std::vector<std::string> with_program(std::vector<std::string> options) {
    options.insert(options.begin(), {CONNMGR_RECEIVE, "--listen", "auto"});
    return options;
  }

  ChildProcess process_;
  std::string port_;
};

ChildProcess::Finished run(const std::string& program, std::vector<std::string> options) {
  options.insert(options.begin(), program);
  return ChildProcess(options).wait();
}
ChildProcess::Finished send(std::vector<std::string> options) {
  return run(CONNMGR_SEND, std::move(options));
}

class Programs : public ::testing::Test {
 protected:
  Programs() {
    char name[] = "/tmp/connmgr-programs-XXXXXX";
    folder_ = ::mkdtemp(name);
    std::ofstream(lines())
        << "first line\n\nthe third line is a little longer than the others\r\nno line end here";
  }
  ~Programs() override { std::filesystem::remove_all(folder_); }

  std::string lines() const { return folder_ + "/lines.txt"; }
  std::string file(const std::string& name) const { return folder_ + "/" + name; }
  static std::string content(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  // What a receiver says of these bytes, sent over one connection that then ends.
  ChildProcess::Finished received(const std::string& bytes, std::vector<std::string> options = {}) {
    options.insert(options.end(), {"--until-closed", "--linger", "10ms"});
    Receive receiver(std::move(options));
    Socket peer = Socket::connected_to(receiver.port());
    peer.send(bytes);
    peer.close();
    return receiver.wait();
  }

  std::string folder_;
};

// ---- against each other

class EveryFraming : public Programs, public ::testing::WithParamInterface<const char*> {};

TEST_P(EveryFraming, CarriesAllRecordsAndTheirAcknowledgments) {
  Receive receiver(
      {"--framing", GetParam(), "--reply", "ack", "--expect-records", "300", "--file", lines(), "--json"});

  const auto sent =
      send({"--to", receiver.address(), "--framing", GetParam(), "--expect-reply", "ack", "--connections",
            "7", "--records", "300", "--file", lines(), "--depth", "5", "--json"});

  const auto got = receiver.wait();
  EXPECT_EQ(sent.exit_code, 0) << sent.error;
  EXPECT_THAT(sent.out, AllOf(HasSubstr("\"records\": 300"), HasSubstr("\"replies\": 300"),
                              HasSubstr("\"differences\": 0")));
  EXPECT_EQ(got.exit_code, 0) << got.error;
  EXPECT_THAT(got.out, AllOf(HasSubstr("\"records\": 300"), HasSubstr("\"verified\": 300")));
}

TEST_P(EveryFraming, CarriesGeneratedRecordsThatAreEchoed) {
  Receive receiver({"--framing", GetParam(), "--reply", "echo", "--expect-records", "200", "--size", "777"});

  const auto sent = send({"--to", receiver.address(), "--framing", GetParam(), "--expect-reply", "echo",
                          "--connections", "3", "--records", "200", "--size", "777"});

  EXPECT_EQ(sent.exit_code, 0) << sent.error;
  EXPECT_EQ(receiver.wait().exit_code, 0);
}

TEST_P(EveryFraming, CarriesRecordsOneWay) {
  Receive receiver({"--framing", GetParam(), "--expect-records", "400", "--file", lines()});

  const auto sent = send({"--to", receiver.address(), "--framing", GetParam(), "--connections", "4",
                          "--records", "400", "--file", lines(), "--half-close"});

  EXPECT_EQ(sent.exit_code, 0) << sent.error;
  const auto got = receiver.wait();
  EXPECT_EQ(got.exit_code, 0) << got.error << got.out;
}

std::string name_of(const ::testing::TestParamInfo<const char*>& framing) {
  std::string name = framing.param;
  std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
  return name == "delimited" ? "delimitedByBars" : name;
}

INSTANTIATE_TEST_SUITE_P(All, EveryFraming,
                         ::testing::Values("line", "length2", "length4", "fixed:64", "mllp", "stx-etx",
                                           "delimited:||", "delimited:\\r\\n", "end-of-stream"),
                         name_of);

TEST_F(Programs, SayTheSameInTheirJsonFilesAsInTheirTables) {
  Receive receiver({"--reply", "ack", "--expect-records", "50", "--json", file("received.json")});

  const auto sent = send({"--to", receiver.address(), "--expect-reply", "ack", "--records", "50",
                          "--connections", "2", "--json", file("sent.json")});

  const auto got = receiver.wait();
  EXPECT_THAT(sent.out, AllOf(HasSubstr("latency p99"), HasSubstr("latency distribution")));
  EXPECT_THAT(got.out, HasSubstr("as expected"));
  EXPECT_THAT(content(file("sent.json")), AllOf(HasSubstr("\"replies\": 50"), HasSubstr("\"p99_us\"")));
  EXPECT_THAT(content(file("received.json")), HasSubstr("\"verified\": 50"));
}

TEST_F(Programs, WriteWhereTheyListenIntoTheReadyFile) {
  Receive receiver({"--ready-file", file("ready")});

  EXPECT_EQ(content(file("ready")), receiver.port() + "\n");

  receiver.process().signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0);
}

TEST_F(Programs, KeepToTheRateThatWasAskedFor) {
  Receive receiver({"--reply", "ack", "--expect-records", "50"});

  const auto sent = send({"--to", receiver.address(), "--expect-reply", "ack", "--records", "50",
                          "--connections", "5", "--rate", "1000", "--json"});

  EXPECT_EQ(sent.exit_code, 0) << sent.error;
  const auto at = sent.out.find("\"seconds\": ");
  ASSERT_NE(at, std::string::npos);
  EXPECT_GE(std::stod(sent.out.substr(at + 11)), 0.049);  // the 50th is due 49 ms after the first
}

TEST_F(Programs, EndAfterTheDurationWithEveryReply) {
  Receive receiver({"--reply", "echo", "--until-closed", "--linger", "10ms"});

  const auto sent = send({"--to", receiver.address(), "--expect-reply", "echo", "--connections", "3",
                          "--duration", "100ms", "--rate", "1000", "--depth", "2"});

  EXPECT_EQ(sent.exit_code, 0) << sent.error;
  EXPECT_EQ(receiver.wait().exit_code, 0);
}

// ---- what connmgr-receive finds

TEST_F(Programs, FindARecordThatWasLost) {
  const auto got = received("1:000001 a\n1:000003 c\n2:000001 a\n");

  EXPECT_EQ(got.exit_code, 1);
  EXPECT_THAT(got.error, HasSubstr("1:000002 is lost"));
  EXPECT_THAT(got.error, Not(HasSubstr("2:0000")));
}

TEST_F(Programs, FindThatTheLastRecordsDidNotCome) {
  Receive receiver({"--expect-records", "5", "--idle-timeout", "200ms"});
  Socket peer = Socket::connected_to(receiver.port());
  peer.send("1:000001 a\n1:000002 b\n");

  const auto got = receiver.wait();

  EXPECT_EQ(got.exit_code, 1);
  EXPECT_THAT(got.error, HasSubstr("3 of 5 records did not come"));
}

TEST_F(Programs, FindARecordThatCameTwice) {
  const auto got = received("1:000001 a\n1:000002 b\n1:000001 a\n");

  EXPECT_EQ(got.exit_code, 1);
  EXPECT_THAT(got.error, HasSubstr("1:000001 came twice"));
}

TEST_F(Programs, FindARecordTooManyAfterTheLast) {
  Receive receiver({"--expect-records", "1", "--reply", "ack", "--linger", "30s"});
  Socket peer = Socket::connected_to(receiver.port());
  peer.send("1:000001 a\n");
  EXPECT_EQ(peer.read_line(), "OK 1:000001\n");
  EXPECT_EQ(peer.read_line(), "");  // it has closed its side, and reads on

  peer.send("1:000001 a\n");
  peer.close();

  const auto got = receiver.wait();
  EXPECT_EQ(got.exit_code, 1);
  EXPECT_THAT(got.error, HasSubstr("1:000001 came twice"));
}

TEST_F(Programs, FindRecordsThatChangedPlacesOnAConnection) {
  for (const char* order : {"sender", "connection"}) {
    const auto got = received("1:000001 a\n1:000003 c\n1:000002 b\n", {"--order", order});

    EXPECT_EQ(got.exit_code, 1);
    EXPECT_THAT(got.error, HasSubstr("1:000002 is out of order: it came after 1:000003"));
  }
}

// Two connections; record 2 comes over one and is read, and two rounds of reading later record 1 comes over
// the other.
ChildProcess::Finished received_late(const char* order) {
  Receive receiver({"--reply", "ack", "--until-closed", "--linger", "10ms", "--order", order});
  Socket a = Socket::connected_to(receiver.port());
  Socket b = Socket::connected_to(receiver.port());
  for (const char* record : {"1:000002", "2:000001", "2:000002", "2:000003"}) {
    b.send(std::string(record) + " x\n");
    EXPECT_EQ(b.read_line(), "OK " + std::string(record) + "\n");
  }
  a.send("1:000001 x\n");
  EXPECT_EQ(a.read_line(), "OK 1:000001\n");
  a.close();
  b.close();
  return receiver.wait();
}

TEST_F(Programs, FindARecordThatCameTooLateOverAnotherConnection) {
  const auto got = received_late("sender");

  EXPECT_EQ(got.exit_code, 1);
  EXPECT_THAT(got.error, HasSubstr("1:000001 is out of order"));
}

TEST_F(Programs, LetConnectionsOvertakeEachOtherWhereThatIsAllowed) {
  const auto got = received_late("connection");

  EXPECT_EQ(got.exit_code, 0) << got.error;
}

TEST_F(Programs, FindTheFirstByteThatWasAltered) {
  const auto got = received("1:000001 first lime\n", {"--file", lines()});

  EXPECT_EQ(got.exit_code, 1);
  EXPECT_THAT(got.error, HasSubstr("1:000001 is altered at byte 17: expected 'ne' there, found 'me'"));
}

TEST_F(Programs, FindARecordThatWasCut) {
  const auto got = received("1:000001 first\n", {"--file", lines()});

  EXPECT_EQ(got.exit_code, 1);
  EXPECT_THAT(got.error, HasSubstr("1:000001 is cut: it has 14 of 19 bytes"));
}

TEST_F(Programs, FindARecordWithoutANumber) {
  const auto got = received("1:000001 a\nGET / HTTP/1.1\n");

  EXPECT_EQ(got.exit_code, 1);
  EXPECT_THAT(got.error, HasSubstr("does not begin with a number like 7:000123: 'GET / HTTP/1.1'"));
}

TEST_F(Programs, FindAStreamThatEndedInsideARecord) {
  const auto got = received("1:000001 a\n1:000002 b");

  EXPECT_EQ(got.exit_code, 1);
  EXPECT_THAT(got.error, HasSubstr("ended inside a record; unread are 10 bytes: '1:000002 b'"));
}

TEST_F(Programs, DoNotTakeAResetForTheEndOfARecord) {
  Receive receiver({"--framing", "end-of-stream", "--until-closed", "--linger", "10ms"});
  Socket peer = Socket::connected_to(receiver.port());
  peer.send("1:000001 whole or not?");
  peer.reset();

  const auto got = receiver.wait();

  EXPECT_EQ(got.exit_code, 1);
  EXPECT_THAT(got.error, HasSubstr("ended inside a record"));
  EXPECT_THAT(got.out, HasSubstr("connections reset"));
}

TEST_F(Programs, DescribeTenDifferencesAndCountTheRest) {
  std::string all;
  for (int i = 0; i < 25; ++i) all += "1:000001 again\n";

  const auto got = received(all);

  EXPECT_EQ(got.exit_code, 1);
  EXPECT_THAT(got.error, HasSubstr("and 14 more"));
}

// ---- what connmgr-send finds

// Listens; the program under test is its client.
class Peer {
 public:
  Peer() { listener_.listen(); }
  std::string address() const { return "127.0.0.1:" + listener_.port(); }
  Socket accept() { return listener_.accept(); }

 private:
  Socket listener_ = Socket::bound();
};

TEST_F(Programs, FindAWrongAcknowledgment) {
  Peer peer;
  ChildProcess sender({CONNMGR_SEND, "--to", peer.address(), "--connections", "1", "--records", "1",
                       "--expect-reply", "ack"});
  Socket connection = peer.accept();
  EXPECT_THAT(connection.read_line(), HasSubstr("1:000001 "));

  connection.send("OK 1:000002\n");

  const auto sent = sender.wait();
  EXPECT_EQ(sent.exit_code, 1);
  EXPECT_THAT(
      sent.error,
      HasSubstr("reply to 1:000001: expected 'OK 1:000001', found 'OK 1:000002', different from byte 10"));
}

TEST_F(Programs, FindAnAcknowledgmentTooMany) {
  Peer peer;
  ChildProcess sender({CONNMGR_SEND, "--to", peer.address(), "--connections", "1", "--records", "2",
                       "--expect-reply", "ack"});
  Socket connection = peer.accept();
  connection.read_line();

  connection.send("OK 1:000001\nOK 1:000001\n");

  EXPECT_THAT(connection.read_line(), HasSubstr("1:000002 "));
  connection.send("OK 1:000002\n");
  const auto sent = sender.wait();

  EXPECT_EQ(sent.exit_code, 1);
  EXPECT_THAT(sent.error, HasSubstr("a reply that nothing was sent for: 'OK 1:000001'"));
}

TEST_F(Programs, FindAnEchoThatWasAltered) {
  Peer peer;
  ChildProcess sender({CONNMGR_SEND, "--to", peer.address(), "--connections", "1", "--records", "1",
                       "--expect-reply", "echo", "--file", lines()});
  Socket connection = peer.accept();
  EXPECT_EQ(connection.read_line(), "1:000001 first line\n");

  connection.send("1:000001 first lane\n");

  const auto sent = sender.wait();
  EXPECT_EQ(sent.exit_code, 1);
  EXPECT_THAT(sent.error, HasSubstr("different from byte 16"));
}

TEST_F(Programs, SayHowManyRepliesAConnectionThatEndedStillOwed) {
  Peer peer;
  ChildProcess sender({CONNMGR_SEND, "--to", peer.address(), "--connections", "1", "--records", "3",
                       "--depth", "3", "--expect-reply", "ack"});
  Socket connection = peer.accept();
  for (int i = 0; i < 3; ++i) connection.read_line();

  connection.send("OK 1:000001\n");
  connection.close();

  const auto sent = sender.wait();
  EXPECT_EQ(sent.exit_code, 1);
  EXPECT_THAT(sent.error,
              HasSubstr("closed by the peer) after 3 records, 2 replies missing, first to 1:000002"));
}

TEST_F(Programs, GiveUpOnAPeerThatDoesNotReply) {
  Peer peer;

  const auto sent = send({"--to", peer.address(), "--connections", "1", "--records", "1", "--expect-reply",
                          "ack", "--timeout", "50ms"});

  EXPECT_EQ(sent.exit_code, 3);
  EXPECT_THAT(sent.error, HasSubstr("no reply to 1:000001 within 50 ms"));
}

TEST_F(Programs, GiveUpOnAPeerThatDoesNotRead) {
  Peer peer;

  const auto sent = send({"--to", peer.address(), "--connections", "1", "--records", "10000", "--size",
                          "100000", "--timeout", "50ms"});

  EXPECT_EQ(sent.exit_code, 3);
  EXPECT_THAT(sent.error, HasSubstr("sender 1: the peer takes no bytes any more"));
}

TEST_F(Programs, WantThePeersEndAfterAHalfClose) {
  Peer peer;

  const auto sent = send(
      {"--to", peer.address(), "--connections", "1", "--records", "1", "--half-close", "--timeout", "50ms"});

  EXPECT_EQ(sent.exit_code, 3);
  EXPECT_THAT(sent.error, HasSubstr("the peer did not close its side within 50 ms"));
}

TEST_F(Programs, SayWhereNobodyListensAndWhatTheSystemSaid) {
  const Socket nobody = Socket::bound();

  const auto sent =
      send({"--to", "127.0.0.1:" + nobody.port(), "--records", "1", "--connect-timeout", "50ms"});

  EXPECT_EQ(sent.exit_code, 3);
  EXPECT_THAT(sent.error, HasSubstr("cannot connect to 127.0.0.1:" + nobody.port() + ": Connection refused"));
}

TEST_F(Programs, ReachAPeerThatStartsLater) {
  Socket late = Socket::bound();
  ChildProcess sender({CONNMGR_SEND, "--to", "127.0.0.1:" + late.port(), "--connections", "1", "--records",
                       "1", "--expect-reply", "ack", "--connect-timeout", "30s"});
  late.listen();
  Socket connection = late.accept();
  connection.read_line();
  connection.send("OK 1:000001\n");

  EXPECT_EQ(sender.wait().exit_code, 0);
}

// ---- the end, and the command line

TEST_F(Programs, EndWithTheTableSoFarWhenInterrupted) {
  Peer peer;
  ChildProcess sender({CONNMGR_SEND, "--to", peer.address(), "--connections", "1", "--duration", "1h",
                       "--expect-reply", "ack"});
  Socket connection = peer.accept();
  connection.read_line();
  connection.send("OK 1:000001\n");
  connection.read_line();  // the second record: the first reply has been taken

  sender.signal(SIGINT);

  const auto sent = sender.wait();
  EXPECT_EQ(sent.exit_code, 130);
  EXPECT_THAT(sent.out, AllOf(HasSubstr("replies as expected"), HasSubstr("interrupted")));
}

TEST_F(Programs, SayThatNobodyCame) {
  Receive receiver({"--expect-records", "1", "--idle-timeout", "50ms"});

  const auto got = receiver.wait();

  EXPECT_EQ(got.exit_code, 3);
  EXPECT_THAT(got.error, HasSubstr("nobody connected to " + receiver.address()));
}

TEST_F(Programs, SayThatAPortIsTaken) {
  Socket holder = Socket::bound();
  holder.listen();

  const auto got = run(CONNMGR_RECEIVE, {"--listen", holder.port()});

  EXPECT_EQ(got.exit_code, 3);
  EXPECT_THAT(got.error,
              HasSubstr("cannot listen on 127.0.0.1:" + holder.port() + ": Address already in use"));
}

struct WrongUse {
  std::string program;
  std::vector<std::string> options;
  std::string message;
};

TEST_F(Programs, ExplainACommandLineThatIsWrong) {
  const std::string to = "127.0.0.1:9";
  const WrongUse all[] = {
      {CONNMGR_SEND, {}, "--to is required"},
      {CONNMGR_SEND, {"--to", "nowhere"}, "'nowhere' is not HOST:PORT"},
      {CONNMGR_SEND, {"--to", "127.0.0.1:70000"}, "a port from 1 to 65535"},
      {CONNMGR_SEND, {"--to", to, "--framing", "words"}, "framing 'words' is none of these"},
      {CONNMGR_SEND,
       {"--to", to, "--file", "/no/such/file"},
       "cannot read /no/such/file: No such file or directory"},
      {CONNMGR_SEND, {"--to", to, "--file", folder_}, "cannot read " + folder_},
      {CONNMGR_SEND, {"--to", to, "--framing", "fixed:5"}, "at least fixed:20 is needed"},
      {CONNMGR_SEND,
       {"--to", to, "--file", lines(), "--framing", "delimited:longer"},
       lines() + ":3: cannot be a record"},
      {CONNMGR_SEND, {"--to", to, "--size", "3"}, "size 3 is not from 20 to"},
      {CONNMGR_SEND, {"--to", to, "--duration", "soon"}, "--duration: 'soon' is not a duration"},
      {CONNMGR_SEND, {"--to", to, "--expect-reply", "maybe"}, "--expect-reply"},
      {CONNMGR_SEND, {"--to", to, "--connections", "0"}, "--connections"},
      {CONNMGR_SEND, {"--to", to, "--sped", "9"}, "--sped"},
      {CONNMGR_RECEIVE, {}, "--listen is required"},
      {CONNMGR_RECEIVE, {"--listen", "door"}, "'door' is not a port from 1 to 65535, or auto"},
      {CONNMGR_RECEIVE,
       {"--listen", "auto", "--ready-file", "/no/such/folder/ready"},
       "cannot write /no/such/folder/ready"},
  };
  for (const WrongUse& wrong : all) {
    const auto finished = run(wrong.program, wrong.options);

    EXPECT_EQ(finished.exit_code, 2) << wrong.message;
    EXPECT_THAT(finished.error, HasSubstr(wrong.message));
  }
}

TEST_F(Programs, ShowExamplesInTheirHelp) {
  for (const char* program : {CONNMGR_SEND, CONNMGR_RECEIVE}) {
    const auto finished = run(program, {"--help"});

    EXPECT_EQ(finished.exit_code, 0);
    EXPECT_THAT(finished.out, AllOf(HasSubstr("Examples:"), HasSubstr("Exit status:"), HasSubstr("length4")));
  }
}

}  // namespace
}  // namespace connmgr::test

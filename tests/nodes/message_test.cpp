// The message: its body, the record as it came, and its local environment (SPEC 15, DESIGN 3.9).
#include "nodes/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace connmgr::nodes {
namespace {

using ::testing::HasSubstr;

Message message_of(std::string_view record, bool keep_original = true) {
  Message message;
  message.begin(record, keep_original);
  return message;
}

TEST(MessageBody, IsTheRecordAsItCameAgainWhenTheFlowFails) {
  for (const char* record : {"short", "a record that is too long for the room inside a string"}) {
    Message set = message_of(record);
    Message edited = message_of(record);
    set.set_body("something else");
    set.set_body("and again");
    edited.edit_body() += " and more";
    EXPECT_EQ(set.body(), "and again");
    EXPECT_EQ(edited.body(), record + std::string(" and more"));

    set.restore_original();
    edited.restore_original();

    EXPECT_EQ(set.body(), record);
    EXPECT_EQ(edited.body(), record);
  }
}

TEST(MessageBody, IsNotCopiedForItsFirstChange) {
  const std::string record(1000, 'x');
  Message message = message_of(record);
  const char* const where = message.body().data();

  message.set_body("OK");
  message.restore_original();

  EXPECT_EQ(message.body().data(), where);
}

TEST(MessageBody, IsChangedInPlaceWhereNobodyMayAskForTheOriginal) {
  Message message = message_of(std::string(1000, 'x'), false);
  const char* const where = message.body().data();

  message.edit_body()[0] = 'y';

  EXPECT_EQ(message.body().data(), where);
}

TEST(MessageBody, MayBecomeAPartOfItself) {
  for (const std::string record : {"12 taxi", "12345678901234567890 a train and a long way to go by it"}) {
    for (const bool keep : {true, false}) {
      Message message = message_of(record, keep);
      const std::string number = record.substr(0, record.find(' '));

      message.set_body(std::string_view(message.body()).substr(0, number.size()));
      EXPECT_EQ(message.body(), number);
      message.set_body(std::string_view(message.body()).substr(1));
      EXPECT_EQ(message.body(), number.substr(1));
    }
  }
}

TEST(MessageBody, LetsGoOfTheMemoryOfAHugeRecord) {
  Message message = message_of(std::string(1'000'000, 'x'));
  message.set_body("OK");

  message.clear();
  message.begin("next", true);

  EXPECT_LT(message.body().capacity(), 100'000u);
}

TEST(MessageSaved, BringsBackBodyAndEnvironmentAndKeepsTheOriginal) {
  Message message = message_of("record");
  message.set_body("before the branch");
  message.local_environment().set("mark", "before");
  Message::Saved saved;
  message.save(saved);
  message.set_body("in the branch");
  message.local_environment().set("mark", "inside");

  message.restore(saved);

  EXPECT_EQ(message.body(), "before the branch");
  EXPECT_EQ(message.local_environment().find("mark"), "before");
  message.restore_original();
  EXPECT_EQ(message.body(), "record");
}

// --- local environment -------------------------------------------------------------------------------

std::shared_ptr<const ConnectionDetails> some_details() {
  auto details = std::make_shared<ConnectionDetails>();
  details->id = {7, 3, 0x1234567890abcdef};
  details->type = ServiceKind::server;
  details->hostname = "10.0.0.1";
  details->port = 7790;
  details->peer = {"10.0.0.9", 50000};
  details->opened = std::chrono::system_clock::time_point(std::chrono::seconds(1'000'000'000));
  return details;
}

TEST(LocalEnvironment, IsReadByPath) {
  LocalEnvironment environment;
  ConnectionUse& input = environment.write_input();
  input.connection = some_details();
  input.reply_id = "desk 7";
  input.input_record = 12;
  WrittenDestination& written = environment.add_written();
  written.use.connection = some_details();
  written.use.output_record = 4;
  written.outcome = io::SendOutcome::handed;
  environment.output_destination().hostname = "bank";
  environment.output_destination().timeout = std::chrono::milliseconds(1500);
  environment.set_failure({Failure(Errc::timeout, "too late"), "answer"});
  environment.set("account", "17");

  const std::vector<std::pair<const char*, std::string>> expected{
      {"tcpip.input.connection.id", to_string(some_details()->id)},
      {"tcpip.input.type", "server"},
      {"tcpip.input.hostname", "10.0.0.1"},
      {"tcpip.input.port", "7790"},
      {"tcpip.input.opened", "2001-09-09T01:46:40Z"},
      {"tcpip.input.reply_id", "desk 7"},
      {"tcpip.input.sequence_number.input_record", "12"},
      {"tcpip.input.client.address", "10.0.0.9"},
      {"tcpip.input.client.port", "50000"},
      {"written_destination.tcpip.output[0].sequence_number.output_record", "4"},
      {"written_destination.tcpip.output.outcome", "handed"},
      {"destination.tcpip.output.hostname", "bank"},
      {"destination.tcpip.output.timeout", "1500ms"},
      {"failure.text", "too late"},
      {"failure.code", "timed out"},
      {"failure.node", "answer"},
      {"account", "17"},
  };
  for (const auto& [path, value] : expected) EXPECT_EQ(environment.find(path), value) << path;
}

TEST(LocalEnvironment, HasNothingWhereNothingWasWritten) {
  LocalEnvironment environment;
  environment.write_input().connection = some_details();

  for (const char* path :
       {"tcpip.receive.connection.id", "written_destination.tcpip.output[0].port",
        "written_destination.tcpip.output.port", "tcpip.input.sequence_number.output_record",
        "tcpip.input.reply_id", "destination.tcpip.receive.length", "failure.text", "account"}) {
    EXPECT_EQ(environment.find(path), std::nullopt) << path;
  }
}

TEST(LocalEnvironment, GivesIdsByPathAlsoWhenTheyWereKeptAsText) {
  LocalEnvironment environment;
  environment.write_input().connection = some_details();
  environment.output_destination().id = some_details()->id;
  environment.set("kept", to_string(some_details()->id));
  environment.set("no id", "17");

  for (const char* path : {"tcpip.input.connection.id", "destination.tcpip.output.id", "kept"}) {
    EXPECT_EQ(environment.find_id(*EnvironmentPath::parse(path)), some_details()->id) << path;
  }
  for (const char* path : {"tcpip.receive.connection.id", "destination.tcpip.receive.id", "no id", "unknown",
                           "tcpip.input.port", "written_destination.tcpip.output[0].connection.id"}) {
    EXPECT_FALSE(environment.find_id(*EnvironmentPath::parse(path))) << path;
  }
}

TEST(LocalEnvironment, RefusesPathsThatLookLikeOursAndAreNot) {
  for (const char* path :
       {"", "tcpip", "tcpip.inptu.connection.id", "tcpip.input.", "tcpip.input.connection",
        "written_destination.tcpip.output[x].port", "written_destination.tcpip.output[0",
        "written_destination.tcpip.output[0]", "destination.tcpip.send.id", "failure.reason"}) {
    const auto parsed = EnvironmentPath::parse(path);

    ASSERT_FALSE(parsed) << path;
    EXPECT_TRUE(parsed.error().is(Errc::invalid_configuration));
    EXPECT_THAT(parsed.error().text, HasSubstr(path));
  }
  EXPECT_TRUE(EnvironmentPath::parse("tcpip_of_my_own")) << "a name that only starts alike is the user's";
}

TEST(LocalEnvironment, StartsTheNextMessageEmpty) {
  LocalEnvironment environment;
  environment.write_input().connection = some_details();
  environment.write_input().reply_id = "desk 7";
  environment.add_written().use.connection = some_details();
  environment.set("account", "17");
  environment.receive_destination().length = 5;

  environment.clear();

  EXPECT_EQ(environment.find("tcpip.input.port"), std::nullopt);
  EXPECT_TRUE(environment.written().empty());
  EXPECT_EQ(environment.find("account"), std::nullopt);
  EXPECT_EQ(environment.receive_destination().length, std::nullopt);
  EXPECT_EQ(environment.add_written().use.connection, nullptr);
}

}  // namespace
}  // namespace connmgr::nodes

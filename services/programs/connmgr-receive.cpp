// connmgr-receive: the command line. What it does is in connmgr-receive/.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "services/programs/connmgr-receive/options.h"
#include "services/programs/connmgr-receive/receiver.h"
#include "services/programs/support/units.h"

namespace {

using namespace connmgr;
using namespace connmgr::programs;

constexpr const char* kExamples = R"(
Records are those of connmgr-send, numbered as in "7:000123 text of the line". For each sender none may be lost,
doubled, cut or out of order; with --file or --size every byte is compared with what was sent.

Examples:
  # answer each line with OK and its number, until Ctrl-C
  connmgr-receive --listen 7790 --reply ack

  # exactly 10000 records, 4 bytes of length before each, compared with the file they come from
  connmgr-receive --listen auto --ready-file port --framing length4 --expect-records 10000 --file /usr/share/common-licenses/GPL-3

  # whatever comes until everybody has closed, the result as JSON
  connmgr-receive --listen 7790 --until-closed --json result.json

Exit status: 0 all good; 1 a difference was found; 2 the command line is wrong; 3 cannot listen, or nobody came;
130 interrupted before all came.
)";

int usage(const std::string& text) {
  std::fprintf(stderr, "connmgr-receive: %s\nTry connmgr-receive --help.\n", text.c_str());
  return static_cast<int>(Exit::usage);
}

template <class T>
bool take(T& into, Result<T> result, const char* option) {
  if (!result) {
    std::fprintf(stderr, "connmgr-receive: %s: %s\n", option, result.error().text.c_str());
    return false;
  }
  into = *std::move(result);
  return true;
}

Result<std::uint16_t> parse_port(const std::string& text) {
  if (text == "auto") return std::uint16_t{0};
  const Result<HostAndPort> where = parse_host_and_port(text);
  if (!where || text.find(':') != std::string::npos) {
    return Failure{Errc::invalid_configuration, "'" + text + "' is not a port from 1 to 65535, or auto"};
  }
  return static_cast<std::uint16_t>(std::stoi(where->port));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Takes numbered records from many connections, checks every one and answers if asked to.",
               "connmgr-receive");
  app.footer(kExamples);
  app.get_formatter()->column_width(32);

  ReceiveOptions options;
  std::string listen, framing = "line", reply = "none", ack = Acknowledgment::kUsual, order = "sender", file;
  std::string idle_timeout, linger = "1s";
  std::size_t size = 0;
  std::uint64_t records = 0;

  app.add_option("--listen", listen, "where; auto: the system chooses, see --ready-file")
      ->type_name("PORT")
      ->required()
      ->group("Where");
  app.add_option("--bind", options.bind, "the address to listen on; 0.0.0.0 is all")
      ->type_name("ADDRESS")
      ->capture_default_str()
      ->group("Where");
  app.add_option("--ready-file", options.ready_file,
                 "is there, with the port in it, once connections are taken")
      ->type_name("PATH")
      ->group("Where");

  app.add_option("--framing", framing, "how records lie in the bytes:\n" + framing_help())
      ->type_name("KIND")
      ->capture_default_str()
      ->group("What");
  auto* file_option =
      app.add_option("--file", file, "compare with its lines, as connmgr-send --file sends them")
          ->type_name("PATH")
          ->group("What");
  auto* size_option = app.add_option("--size", size, "compare with what connmgr-send --size sends")
                          ->type_name("BYTES")
                          ->excludes(file_option)
                          ->group("What");
  app.add_option("--order", order,
                 "sender: in order for each sender; connection: on each connection (over networks)")
      ->type_name("KIND")
      ->check(CLI::IsMember({"sender", "connection"}))
      ->capture_default_str()
      ->group("What");
  app.add_option("--reply", reply, "none; ack: see --ack; echo: the record itself")
      ->type_name("KIND")
      ->check(CLI::IsMember({"none", "ack", "echo"}))
      ->capture_default_str()
      ->group("What");
  app.add_option("--ack", ack, "the acknowledgment; {number} is as in 7:000123")
      ->type_name("TEXT")
      ->capture_default_str()
      ->group("What");

  auto* expect_option = app.add_option("--expect-records", records, "end when so many have come")
                            ->type_name("N")
                            ->check(CLI::PositiveNumber)
                            ->group("End");
  app.add_flag("--until-closed", options.until_closed,
               "end when the last connection has been closed for --linger")
      ->group("End");
  auto* idle_option = app.add_option("--idle-timeout", idle_timeout,
                                     "end when nothing has come for so long [30s with --expect-records]")
                          ->type_name("TIME")
                          ->group("End");
  app.add_option("--linger", linger, "how long to look for a record too many after the last")
      ->type_name("TIME")
      ->capture_default_str()
      ->group("End");
  app.add_option("--json", options.json, "the result as JSON, to FILE or to stdout")
      ->type_name("[FILE]")
      ->expected(0, 1)
      ->default_str(kJsonToStdout)
      ->group("Output");
  app.add_flag("--quiet", options.quiet, "no progress")->group("Output");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    return usage(error.what());
  }
  if (*expect_option) options.expect_records = records;
  if (*expect_option && !*idle_option) options.idle_timeout = std::chrono::seconds(30);
  if (*idle_option) {
    options.idle_timeout.emplace();
    if (!take(*options.idle_timeout, parse_duration(idle_timeout), "--idle-timeout"))
      return static_cast<int>(Exit::usage);
  }
  options.reply = reply == "none" ? Reply::none : reply == "ack" ? Reply::ack : Reply::echo;
  options.acknowledgment = Acknowledgment(ack);
  options.order = order == "sender" ? Order::by_sender : Order::by_connection;
  if (!take(options.port, parse_port(listen), "--listen") ||
      !take(options.framing, parse_framing(framing), "--framing") ||
      !take(options.linger, parse_duration(linger), "--linger")) {
    return static_cast<int>(Exit::usage);
  }
  std::optional<RecordSource> source;
  if (!file.empty() || *size_option) {
    Result<RecordSource> made = file.empty() ? RecordSource::generated(size) : RecordSource::from_file(file);
    if (!made) return usage(made.error().text);
    source = *std::move(made);
    if (const Result<void> fits = source->check_framing(options.framing); !fits)
      return usage(fits.error().text);
  }

  raise_descriptor_limit();
  Receiver receiver(options, source ? &*source : nullptr);
  if (const Result<void> listening = receiver.listen(); !listening) {
    std::fprintf(stderr, "connmgr-receive: %s\n", listening.error().text.c_str());
    return static_cast<int>(listening.error().is(Errc::invalid_configuration) ? Exit::usage
                                                                              : Exit::unreachable);
  }
  return static_cast<int>(receiver.report(receiver.run()));
}

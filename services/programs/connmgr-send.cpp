// connmgr-send: the command line. What it does is in connmgr-send/.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "services/programs/connmgr-send/options.h"
#include "services/programs/connmgr-send/sender.h"
#include "services/programs/support/units.h"

namespace {

using namespace connmgr;
using namespace connmgr::programs;

constexpr const char* kExamples = R"(
Each record is numbered, as in "7:000123 text of the line": the 123rd record of the 7th connection.

Examples:
  # 1000 lines of a file over 4 connections; each waits for OK and its number before the next is sent
  connmgr-send --to 127.0.0.1:7790 --connections 4 --records 1000 --file /usr/share/common-licenses/GPL-3 --expect-reply ack

  # as fast as it goes for ten seconds, 16 records under way on each connection, the peer echoes them
  connmgr-send --to 127.0.0.1:7790 --duration 10s --size 128 --depth 16 --expect-reply echo

  # 500 records a second to an HL7 v2 receiver, the result as JSON
  connmgr-send --to lab:2575 --framing mllp --rate 500 --duration 1m --file messages.txt --json result.json

  # both ends on this host: the receiver says where it listens, and checks every byte
  connmgr-receive --listen auto --ready-file port --file /usr/share/common-licenses/GPL-3 --expect-records 10000 &
  sleep 1; connmgr-send --to 127.0.0.1:$(cat port) --records 10000 --file /usr/share/common-licenses/GPL-3

Exit status: 0 all good; 1 a reply was wrong or a connection broke; 2 the command line is wrong;
3 nobody to connect to, or no reply in time; 130 interrupted before all was sent.
)";

template <class T>
bool take(T& into, Result<T> result, const char* option) {
  if (!result) {
    std::fprintf(stderr, "connmgr-send: %s: %s\n", option, result.error().text.c_str());
    return false;
  }
  into = *std::move(result);
  return true;
}

int usage(const std::string& text) {
  std::fprintf(stderr, "connmgr-send: %s\nTry connmgr-send --help.\n", text.c_str());
  return static_cast<int>(Exit::usage);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Sends numbered records over many connections at once and checks every reply.",
               "connmgr-send");
  app.footer(kExamples);
  app.get_formatter()->column_width(32);

  SendOptions options;
  std::string to, framing = "line", reply = "none", ack = Acknowledgment::kUsual, file;
  std::string duration, timeout = "10s", connect_timeout = "5s";
  std::size_t size = 0;
  std::uint64_t records = 0;

  const auto group = [&](const char* name) { return std::string(name); };
  app.add_option("--to", to, "where to connect to")
      ->type_name("HOST:PORT")
      ->required()
      ->group(group("Where"));
  app.add_option("--connections", options.connections, "how many, each a sender of its own")
      ->type_name("N")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str()
      ->group(group("Where"));
  app.add_option("--first-sender", options.first_sender,
                 "number of the first connection (for several connmgr-send at once)")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000000))
      ->capture_default_str()
      ->group(group("Where"));
  app.add_option("--connect-timeout", connect_timeout, "how long to try, when nobody listens (yet)")
      ->type_name("TIME")
      ->capture_default_str()
      ->group(group("Where"));

  auto* records_option =
      app.add_option("--records", records, "how many over all connections [10000 without --duration]")
          ->type_name("N")
          ->check(CLI::PositiveNumber)
          ->group(group("What"));
  app.add_option("--duration", duration, "for how long, as in 30s")->type_name("TIME")->group(group("What"));
  auto* file_option = app.add_option("--file", file, "send its lines, over and over")
                          ->type_name("PATH")
                          ->group(group("What"));
  app.add_option("--size", size, "send generated records of so many bytes [128 without --file]")
      ->type_name("BYTES")
      ->excludes(file_option)
      ->group(group("What"));
  app.add_option("--framing", framing, "how records lie in the bytes:\n" + framing_help())
      ->type_name("KIND")
      ->capture_default_str()
      ->group(group("What"));

  app.add_option("--expect-reply", reply,
                 "none; ack: one for each record, see --ack; echo: the record itself")
      ->type_name("KIND")
      ->check(CLI::IsMember({"none", "ack", "echo"}))
      ->capture_default_str()
      ->group(group("Replies"));
  app.add_option("--ack", ack, "the acknowledgment, exactly; {number} is as in 7:000123")
      ->type_name("TEXT")
      ->capture_default_str()
      ->group(group("Replies"));
  app.add_option("--depth", options.depth, "records of one connection that wait for replies at once")
      ->type_name("N")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str()
      ->group(group("Replies"));
  app.add_option("--timeout", timeout, "for each reply, and for the peer to take bytes")
      ->type_name("TIME")
      ->capture_default_str()
      ->group(group("Replies"));

  app.add_option("--rate", options.rate,
                 "records a second over all connections; latency counts from when each was due")
      ->type_name("R")
      ->check(CLI::PositiveNumber)
      ->group(group("How"));
  app.add_flag("--half-close", options.half_close,
               "close our side after the last record; the peer then has to close its own")
      ->group(group("How"));
  app.add_option("--json", options.json, "the result as JSON, to FILE or to stdout")
      ->type_name("[FILE]")
      ->expected(0, 1)
      ->default_str(kJsonToStdout)
      ->group(group("Output"));
  app.add_flag("--quiet", options.quiet, "no progress")->group(group("Output"));

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    return usage(error.what());
  }
  if (*records_option) options.records = records;
  if (!*records_option && duration.empty()) options.records = 10000;
  if (!duration.empty()) {
    options.duration.emplace();
    if (!take(*options.duration, parse_duration(duration), "--duration"))
      return static_cast<int>(Exit::usage);
  }
  options.reply = reply == "none" ? Reply::none : reply == "ack" ? Reply::ack : Reply::echo;
  options.acknowledgment = Acknowledgment(ack);
  if (!take(options.to, parse_host_and_port(to), "--to") ||
      !take(options.framing, parse_framing(framing), "--framing") ||
      !take(options.reply_timeout, parse_duration(timeout), "--timeout") ||
      !take(options.connect_timeout, parse_duration(connect_timeout), "--connect-timeout")) {
    return static_cast<int>(Exit::usage);
  }
  const Result<RecordSource> source =
      file.empty() ? RecordSource::generated(size == 0 ? 128 : size) : RecordSource::from_file(file);
  if (!source) return usage(source.error().text);
  if (const Result<void> fits = source->check_framing(options.framing); !fits)
    return usage(fits.error().text);

  raise_descriptor_limit();
  Sender sender(options, *source);
  return static_cast<int>(sender.report(sender.run()));
}

// Single values in a scenario: how each kind is written, read and shown again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connmgr/core/close_cause.h"
#include "connmgr/core/error.h"
#include "connmgr/core/stream.h"
#include "connmgr/core/time.h"

namespace connmgr::scenarios {

// Where something stands in its file; both count from 1.
struct Position {
  int line = 0;
  int column = 0;
};

// A value as it was written.
struct Written {
  std::string text;
  Position where;
};

// What a value may be. The reader checks each against it; the player then reads it without a second look.
enum class Kind {
  new_label,  // the name of a request, given here
  label,      // of a request made anywhere in the scenario, or `node.1`: the first stream offered to a node
  new_node,   // the name of an Input node, given here
  node,
  connection,  // a connection's number, or the label of a request that got one of its streams
  id,          // as connection, or `nobody`: an id that no connection ever had
  thread,
  event,
  number,
  flag,      // true, false
  duration,  // 0s, 1500us, 10ms, 3m ...
  duration_or_never,
  direction,  // input, output
  change,     // what becomes of a stream
  cause,      // why a connection ends
  reason,     // an error code
  how         // orderly, abort, abandon
};

// What a person may write there; for messages.
std::string allowed(Kind kind);
// Whether the text is of the kind; labels, nodes, threads and events are looked up by the reader.
bool well_formed(Kind kind, std::string_view text);
// One spelling for each value, so that 1000ms and 1s are equal.
std::string canonical(Kind kind, std::string_view text);

std::optional<std::uint64_t> number_from(std::string_view text);
std::optional<bool> flag_from(std::string_view text);
std::optional<double> fraction_from(std::string_view text);
std::optional<Duration> duration_from(std::string_view text);           // a number and its unit, as in 10ms
std::optional<Duration> duration_or_never_from(std::string_view text);  // never: kForever
std::string to_text(Duration duration);

// The candidate that a misspelt word probably means; empty when none is near.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace connmgr::scenarios

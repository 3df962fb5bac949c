// Puts a record's body into the bytes that go out (SPEC N6): the other half of record detection. What a
// writer makes of a body, a detector of the same format gives back as the same body; a body with which that
// would fail is refused. (Fixed length is the exception: the padding is part of what comes back.)
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "connmgr/core/error.h"
#include "connmgr/core/record_format.h"

namespace connmgr {

struct RecordDefinition {
  enum class Kind : std::uint8_t { unmodified, fixed_length, delimited, length_prefix, envelope };
  Kind kind = Kind::unmodified;

  std::size_t length = 0;  // fixed_length: shorter bodies are filled up, longer ones are an error
  char padding = ' ';
  std::string delimiter = "\n";  // delimited
  bool line_end = false;         // delimited by "\n" or "\r\n", for readers that take either
  RecordFormat::DelimiterUse use = RecordFormat::DelimiterUse::postfix;  // infix: before each but the first
  std::size_t prefix_bytes = 4;  // length_prefix: as in RecordFormat, the reader's way round
  RecordFormat::Encoding encoding = RecordFormat::Encoding::big_endian;
  bool length_includes_prefix = false;
  std::size_t prefix_offset =
      0;                        // the body then begins with header and prefix; the right length is put there
  std::int64_t adjustment = 0;  // what a reader adds; so it is subtracted here
  std::string start;            // envelope
  std::string end;

  friend bool operator==(const RecordDefinition&, const RecordDefinition&) = default;
};

// The definition whose records a detector of `format` finds again; unmodified for kinds that need no bytes
// around the body (connection_closed, parsed).
RecordDefinition definition_for(const RecordFormat& format);

// The format by which a reader finds the records of `definition`; for unmodified, the end of the stream.
RecordFormat format_for(const RecordDefinition& definition);

// Nothing, or what is wrong with the definition and what is allowed.
Result<void> validate(const RecordDefinition& definition);

// The bytes of one record, in order: before, body, after. Each points into the frame itself, into the
// definition or into the body given, and is good while all three live. A frame can be filled again and
// again; then nothing is allocated, for its room stays.
struct RecordFrame {
  std::string_view before;
  std::string_view body;  // the body given; without its header where that went into `before`
  std::string_view after;

  RecordFrame() = default;
  RecordFrame(const RecordFrame&) = delete;  // `before` may point into it
  RecordFrame& operator=(const RecordFrame&) = delete;

  std::size_t size() const noexcept { return before.size() + body.size() + after.size(); }

  std::array<char, 8> prefix_room{};
  std::string room;  // for padding, or for a header with its length
};

// Fills `frame` for this body. `first_on_connection` matters to infix delimiters alone. Fails with
// record_too_long (fixed length) or record_invalid (a length that its prefix cannot hold; a delimiter or
// an envelope end inside the body, which a reader would take for the end of the record).
Result<void> frame_record(const RecordDefinition& definition, std::string_view body, bool first_on_connection,
                          RecordFrame& frame);

}  // namespace connmgr

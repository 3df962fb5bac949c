// Puts a record's body into the bytes that go out (SPEC N6): the other half of record detection. What a
// writer makes of a body, a detector of the same format gives back as the same body.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "connmgr/core/error.h"
#include "connmgr/core/record_detector.h"

namespace connmgr {

struct RecordDefinition {
  enum class Kind : std::uint8_t { unmodified, fixed_length, delimited, length_prefix, envelope };
  Kind kind = Kind::unmodified;

  std::size_t length = 0;          // fixed_length: shorter bodies are filled up, longer ones are an error
  char padding = ' ';
  std::string delimiter = "\n";    // delimited
  RecordFormat::DelimiterUse use = RecordFormat::DelimiterUse::postfix;  // infix: before each but the first
  std::size_t prefix_bytes = 4;    // length_prefix
  RecordFormat::Encoding encoding = RecordFormat::Encoding::big_endian;
  bool length_includes_prefix = false;
  std::int64_t adjustment = 0;     // what a reader adds; so it is subtracted here
  std::string start;               // envelope
  std::string end;

  friend bool operator==(const RecordDefinition&, const RecordDefinition&) = default;
};

// The definition whose records a detector of `format` finds again; nothing for kinds that need no bytes
// around the body (connection_closed, parsed): they are written unmodified.
RecordDefinition definition_for(const RecordFormat& format);

Result<void> validate(const RecordDefinition& definition);

// The bytes of one record, in order: before, body, after. `before` and `after` point into the frame
// itself or into the definition; nothing is allocated, unless a fixed-length record needs padding.
struct RecordFrame {
  std::string_view before;
  std::string_view after;
  std::array<char, 24> prefix_room{};  // a length of 8 bytes or 20 digits
  std::string padding_room;

  RecordFrame() = default;
  RecordFrame(const RecordFrame&) = delete;             // `before` may point into it
  RecordFrame& operator=(const RecordFrame&) = delete;
};

// Fills `frame` for this body. `first_on_connection` matters to infix delimiters alone. Fails with
// record_too_long (fixed length) or record_invalid (a length that its prefix cannot hold; a delimiter or
// an envelope end inside the body, which a reader would take for the end of the record).
Result<void> frame_record(const RecordDefinition& definition, std::string_view body, bool first_on_connection,
                          RecordFrame& frame);

}  // namespace connmgr

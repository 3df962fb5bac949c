// `--framing`: how records lie in the bytes, as a reader and as a writer need it.
#pragma once

#include <string>
#include <string_view>

#include "connmgr/core/record_detector.h"
#include "connmgr/core/record_writer.h"

namespace connmgr::programs {

inline constexpr std::size_t kMaxRecordBytes = 100'000'000;

struct Framing {
  std::string name;  // as it was written
  RecordFormat format;
  RecordDefinition definition;

  // A record is all that one connection carries.
  bool one_per_connection() const { return format.kind == RecordFormat::Kind::connection_closed; }
  // 0 unless all records have this many bytes.
  std::size_t fixed_length() const {
    return format.kind == RecordFormat::Kind::fixed_length ? format.length : 0;
  }
  // What a reader gets of this body: with fixed length the padding is part of it.
  void pad(std::string& body) const {
    if (body.size() < fixed_length()) body.resize(fixed_length(), definition.padding);
  }
};

// line, length2, length4, fixed:N, mllp, stx-etx, delimited:BYTES (with \n \r \t \0 \\ \xHH), end-of-stream.
Result<Framing> parse_framing(const std::string& text);

// One line of help for each.
std::string framing_help();

}  // namespace connmgr::programs

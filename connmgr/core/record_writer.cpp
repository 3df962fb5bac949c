#include "connmgr/core/record_writer.h"

#include <algorithm>
#include <utility>

namespace connmgr {
namespace {

using Kind = RecordDefinition::Kind;

Failure refused(std::string why) {
  return {Errc::record_invalid, std::move(why)};
}

// Whether a reader that searches body + pattern for the pattern finds it anywhere before the body's end:
// inside, or begun by the last bytes of the body and completed by the pattern itself ("a" + "aab" is found
// at 1, but "xab" + "aba" at 1 as well, and there the reader would be wrong).
bool ends_early(std::string_view body, std::string_view pattern) {
  if (body.find(pattern) != std::string_view::npos) return true;
  const std::size_t longest = std::min(body.size(), pattern.size() - 1);
  for (std::size_t tail = 1; tail <= longest; ++tail) {
    if (body.back() != pattern[tail - 1]) continue;  // nearly always: spares the comparing
    const bool begins = body.ends_with(pattern.substr(0, tail));
    if (begins && pattern.starts_with(pattern.substr(tail))) return true;
  }
  return false;
}

Result<void> frame_delimited(const RecordDefinition& definition, bool first_on_connection,
                             RecordFrame& frame) {
  if (definition.line_end) {
    if (frame.body.find('\n') != std::string_view::npos) return refused("the body has a line end inside");
    if (definition.delimiter == "\n" && frame.body.ends_with('\r')) {
      return refused("the body ends in CR, which a reader would take for a part of the line end");
    }
  } else if (ends_early(frame.body, definition.delimiter)) {
    return refused("the body has the delimiter inside, or forms one with the delimiter that follows");
  }
  if (definition.use == RecordFormat::DelimiterUse::postfix) {
    frame.after = definition.delimiter;
  } else if (!first_on_connection) {
    frame.before = definition.delimiter;
  }
  return {};
}

// Into `to`, all of it; false when the number needs more room.
bool put_length(std::uint64_t length, RecordFormat::Encoding encoding, char* to, std::size_t bytes) {
  const bool digits = encoding == RecordFormat::Encoding::ascii_digits;
  const bool backwards = encoding == RecordFormat::Encoding::little_endian;
  const unsigned base = digits ? 10 : 256;
  for (std::size_t i = 0; i < bytes; ++i) {  // the lowest place first
    const auto place = static_cast<unsigned char>(length % base + (digits ? '0' : 0));
    to[backwards ? i : bytes - 1 - i] = static_cast<char>(place);
    length /= base;
  }
  return length == 0;
}

Result<void> frame_length_prefix(const RecordDefinition& definition, RecordFrame& frame) {
  const std::size_t header = definition.prefix_offset + definition.prefix_bytes;
  char* to = frame.prefix_room.data();
  frame.before = {to, definition.prefix_bytes};
  if (definition.prefix_offset > 0) {
    if (frame.body.size() < header) {
      return refused("a body of " + std::to_string(frame.body.size()) + " bytes lacks its header of " +
                     std::to_string(header));
    }
    frame.room.assign(frame.body.substr(0, header));
    frame.before = frame.room;
    frame.body.remove_prefix(header);
    to = frame.room.data() + definition.prefix_offset;
  }
  const auto counted =
      static_cast<std::int64_t>(frame.body.size() + (definition.length_includes_prefix ? header : 0));
  const std::int64_t told = counted - definition.adjustment;
  if (told < 0 ||
      !put_length(static_cast<std::uint64_t>(told), definition.encoding, to, definition.prefix_bytes)) {
    return refused("a length of " + std::to_string(told) + " does not fit a prefix of " +
                   std::to_string(definition.prefix_bytes) + " bytes");
  }
  return {};
}

}  // namespace

Result<void> frame_record(const RecordDefinition& definition, std::string_view body, bool first_on_connection,
                          RecordFrame& frame) {
  frame.before = frame.after = {};
  frame.body = body;
  switch (definition.kind) {
    case Kind::unmodified: return {};
    case Kind::fixed_length:
      if (body.size() > definition.length) {
        return Failure(Errc::record_too_long, "a body of " + std::to_string(body.size()) +
                                                  " bytes is longer than the fixed length of " +
                                                  std::to_string(definition.length));
      }
      frame.room.assign(definition.length - body.size(), definition.padding);
      frame.after = frame.room;
      return {};
    case Kind::delimited: return frame_delimited(definition, first_on_connection, frame);
    case Kind::length_prefix: return frame_length_prefix(definition, frame);
    case Kind::envelope:
      if (ends_early(body, definition.end)) {
        return refused("the body has the envelope's end inside, or forms one with the end that follows");
      }
      frame.before = definition.start;
      frame.after = definition.end;
      return {};
  }
  check(false, "kind of record definition");
  return {};
}

RecordDefinition definition_for(const RecordFormat& format) {
  RecordDefinition definition;
  definition.length = format.length;
  definition.line_end = format.line_end;
  definition.use = format.use;
  definition.prefix_bytes = format.prefix_bytes;
  definition.encoding = format.encoding;
  definition.length_includes_prefix = format.length_includes_prefix;
  definition.prefix_offset = format.prefix_offset;
  definition.adjustment = format.adjustment;
  definition.start = format.start;
  definition.end = format.end;
  switch (format.kind) {
    case RecordFormat::Kind::connection_closed:
    case RecordFormat::Kind::parsed: definition.kind = Kind::unmodified; break;
    case RecordFormat::Kind::fixed_length: definition.kind = Kind::fixed_length; break;
    case RecordFormat::Kind::delimited:
      definition.kind = Kind::delimited;
      if (!format.line_end) definition.delimiter = format.delimiter;
      break;
    case RecordFormat::Kind::length_prefix: definition.kind = Kind::length_prefix; break;
    case RecordFormat::Kind::envelope: definition.kind = Kind::envelope; break;
  }
  return definition;
}

RecordFormat format_for(const RecordDefinition& definition) {
  RecordFormat format;
  switch (definition.kind) {
    case Kind::unmodified: return records::connection_closed();
    case Kind::fixed_length: return records::fixed_length(definition.length);
    case Kind::delimited:
      format = definition.line_end ? records::line_end() : records::delimited(definition.delimiter);
      format.use = definition.use;
      return format;
    case Kind::length_prefix:
      format = records::length_prefix(definition.prefix_bytes, definition.encoding);
      format.length_includes_prefix = definition.length_includes_prefix;
      format.prefix_offset = definition.prefix_offset;
      format.adjustment = definition.adjustment;
      return format;
    case Kind::envelope: return records::envelope(definition.start, definition.end);
  }
  check(false, "kind of record definition");
  return format;
}

// A definition is valid when a reader could have its format.
Result<void> validate(const RecordDefinition& definition) {
  const bool line_end_known = definition.delimiter == "\n" || definition.delimiter == "\r\n";
  if (definition.kind == Kind::delimited && definition.line_end && !line_end_known) {
    return Failure(Errc::invalid_configuration,
                   "delimiter of a line_end definition: allowed are LF and CRLF");
  }
  return validate(format_for(definition));
}

}  // namespace connmgr

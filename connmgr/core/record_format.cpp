#include "connmgr/core/record_format.h"

#include <utility>

namespace connmgr {
namespace records {

RecordFormat connection_closed() {
  return {};
}

RecordFormat fixed_length(std::size_t bytes) {
  RecordFormat format;
  format.kind = RecordFormat::Kind::fixed_length;
  format.length = bytes;
  return format;
}

RecordFormat line_end() {
  RecordFormat format;
  format.kind = RecordFormat::Kind::delimited;
  format.line_end = true;
  return format;
}

RecordFormat delimited(std::string delimiter, RecordFormat::DelimiterUse use) {
  RecordFormat format;
  format.kind = RecordFormat::Kind::delimited;
  format.delimiter = std::move(delimiter);
  format.use = use;
  return format;
}

RecordFormat length_prefix(std::size_t bytes, RecordFormat::Encoding encoding) {
  RecordFormat format;
  format.kind = RecordFormat::Kind::length_prefix;
  format.prefix_bytes = bytes;
  format.encoding = encoding;
  return format;
}

RecordFormat envelope(std::string start, std::string end) {
  RecordFormat format;
  format.kind = RecordFormat::Kind::envelope;
  format.start = std::move(start);
  format.end = std::move(end);
  return format;
}

RecordFormat mllp() {
  return envelope("\x0b", "\x1c\r");
}

RecordFormat parsed(RecordParser parser) {
  RecordFormat format;
  format.kind = RecordFormat::Kind::parsed;
  format.parser = std::make_shared<const RecordParser>(std::move(parser));
  return format;
}

}  // namespace records

namespace {

Result<void> within(const char* name, std::int64_t found, std::int64_t least, std::int64_t most) {
  if (found >= least && found <= most) return {};
  return Failure(Errc::invalid_configuration, std::string(name) + ": found " + std::to_string(found) +
                                                  ", allowed " + std::to_string(least) + " to " +
                                                  std::to_string(most));
}

Result<void> fits_delimiter(const char* name, const std::string& bytes) {
  return within(name, static_cast<std::int64_t>(bytes.size()), 1, RecordFormat::kMaxDelimiter);
}

Result<void> fits_prefix(const RecordFormat& format) {
  if (auto bytes = within("bytes of the length prefix", static_cast<std::int64_t>(format.prefix_bytes), 1, 8);
      !bytes) {
    return bytes;
  }
  if (auto offset = within("offset of the length prefix", static_cast<std::int64_t>(format.prefix_offset), 0,
                           RecordFormat::kMaxPrefixOffset);
      !offset) {
    return offset;
  }
  return within("adjustment of the length", format.adjustment, -RecordFormat::kMaxAdjustment,
                RecordFormat::kMaxAdjustment);
}

}  // namespace

Result<void> validate(const RecordFormat& format) {
  switch (format.kind) {
    case RecordFormat::Kind::connection_closed: return {};
    case RecordFormat::Kind::fixed_length:
      if (format.length >= 1) return {};
      return Failure(Errc::invalid_configuration,
                     "length of a fixed-length record: found 0, allowed 1 and more");
    case RecordFormat::Kind::delimited:
      return format.line_end ? Result<void>() : fits_delimiter("bytes of the delimiter", format.delimiter);
    case RecordFormat::Kind::parsed:
      if (format.parser && *format.parser) return {};
      return Failure(Errc::invalid_configuration, "parsed records: found no parser, one must be given");
    case RecordFormat::Kind::length_prefix: return fits_prefix(format);
    case RecordFormat::Kind::envelope:
      if (auto start = fits_delimiter("bytes of the envelope's start", format.start); !start) return start;
      return fits_delimiter("bytes of the envelope's end", format.end);
  }
  return Failure(Errc::invalid_configuration, "kind of record format: found none of the six");
}

}  // namespace connmgr

// What a record is on a stream of bytes (SPEC section 14): a value that can be compared and copied. The
// detector finds records by it (record_detector.h), the writer makes them (record_writer.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "connmgr/core/error.h"

namespace connmgr {

// What a parser callback says of the bytes from the start of the record.
struct ParserVerdict {
  enum class Kind : std::uint8_t { need_more, complete, invalid };
  Kind kind = Kind::need_more;
  std::size_t size = 0;  // complete: bytes of this record, at least 1
  std::string reason;    // invalid: said in the failure
};
// `resume` is what the parser has looked at already in an earlier call for the same record (0 at first),
// so that it can stay linear. Its verdict must depend on the bytes alone, and be `complete` as soon as the
// record's bytes are there: then any split gives the same records. An exception counts as `invalid`.
using RecordParser = std::function<ParserVerdict(std::string_view unread, std::size_t resume)>;

struct RecordFormat {
  enum class Kind : std::uint8_t {
    connection_closed,
    fixed_length,
    delimited,
    parsed,
    length_prefix,
    envelope
  };
  enum class DelimiterUse : std::uint8_t { postfix, infix };
  enum class Encoding : std::uint8_t { big_endian, little_endian, ascii_digits };

  static constexpr std::size_t kMaxDelimiter = 64;
  static constexpr std::size_t kMaxPrefixOffset = 4096;
  static constexpr std::int64_t kMaxAdjustment = 1'000'000'000;

  Kind kind = Kind::connection_closed;

  std::size_t length = 0;  // fixed_length: bytes of a record, at least 1

  bool line_end = false;  // delimited: LF or CRLF; else `delimiter`
  std::string delimiter;  // delimited, custom: 1 to 64 bytes
  DelimiterUse use = DelimiterUse::postfix;
  bool accept_unterminated_last = false;  // last_record_unterminated: accept (D3)

  // length_prefix. The bytes that follow the prefix are: the length read + adjustment, less (if inclusive)
  // the offset and the prefix itself. The body is what follows the prefix; but with an offset it is the
  // whole record, header and prefix included, because what stands in a header is not ours to lose.
  std::size_t prefix_bytes = 4;  // 1 to 8
  Encoding encoding = Encoding::big_endian;
  bool length_includes_prefix = false;  // inclusive: counted from the first byte of the record
  std::size_t prefix_offset = 0;        // header bytes before the length
  std::int64_t adjustment = 0;          // added to the length read

  std::string start;  // envelope: bytes that open and that end a record, 1 to 64 each
  std::string end;

  std::shared_ptr<const RecordParser> parser;  // parsed

  std::size_t header_bytes() const noexcept { return prefix_offset + prefix_bytes; }

  friend bool operator==(const RecordFormat&, const RecordFormat&) = default;
};

// Names for the usual ones; each result can be refined field by field.
namespace records {
RecordFormat connection_closed();
RecordFormat fixed_length(std::size_t bytes);
RecordFormat line_end();
RecordFormat delimited(std::string delimiter,
                       RecordFormat::DelimiterUse use = RecordFormat::DelimiterUse::postfix);
RecordFormat length_prefix(std::size_t bytes,
                           RecordFormat::Encoding encoding = RecordFormat::Encoding::big_endian);
RecordFormat envelope(std::string start, std::string end);
RecordFormat mllp();  // HL7 v2: <VT> body <FS><CR>
RecordFormat parsed(RecordParser parser);
}  // namespace records

// Nothing, or what is wrong with the format and what is allowed.
Result<void> validate(const RecordFormat& format);

}  // namespace connmgr

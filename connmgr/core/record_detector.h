// Where a record ends (SPEC section 14). A format is a value that can be compared and copied; a detector
// walks over the unread bytes of one stream and remembers how far it has looked, so that no byte is looked
// at twice however the bytes are cut into reads (D1, D5).
//
// A detector never owns bytes. Its user keeps them in order and calls next() with all that is unread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "connmgr/core/error.h"

namespace connmgr {

// How a stream of bytes came to its end, as far as records are concerned.
enum class StreamEnd : std::uint8_t {
  open,       // it has not ended
  clean,      // the peer closed its side (FIN; with TLS: close alert)
  broken      // reset, timeout, expiry, TLS end without alert: never completes a record (D3)
};

// What a parser callback says of the bytes from the start of the record.
struct ParserVerdict {
  enum class Kind : std::uint8_t { need_more, complete, invalid };
  Kind kind = Kind::need_more;
  std::size_t size = 0;      // complete: bytes of this record, at least 1
  std::string reason;        // invalid: said in the failure
};
// `resume` is what the parser has looked at already in an earlier call for the same record (0 at first),
// so that it can stay linear.
using RecordParser = std::function<ParserVerdict(std::string_view unread, std::size_t resume)>;

struct RecordFormat {
  enum class Kind : std::uint8_t { connection_closed, fixed_length, delimited, parsed, length_prefix, envelope };
  enum class DelimiterUse : std::uint8_t { postfix, infix };
  enum class Encoding : std::uint8_t { big_endian, little_endian, ascii_digits };

  Kind kind = Kind::connection_closed;

  std::size_t length = 0;                       // fixed_length: bytes of a record

  bool line_end = false;                        // delimited: LF or CRLF; else `delimiter`
  std::string delimiter;                        // delimited, custom: 1 to 64 bytes
  DelimiterUse use = DelimiterUse::postfix;
  bool accept_unterminated_last = false;        // last_record_unterminated: accept (D3)

  // length_prefix: `prefix_bytes` of length at `prefix_offset` from the start of the record.
  std::size_t prefix_bytes = 4;                 // 1 to 8
  Encoding encoding = Encoding::big_endian;
  bool length_includes_prefix = false;          // inclusive: the length counts everything up to the prefix's end
  std::size_t prefix_offset = 0;                // header bytes before the length; they are part of the body
  std::int64_t adjustment = 0;                  // added to the length read

  std::string start;                            // envelope: bytes that open and that end a record
  std::string end;

  std::shared_ptr<const RecordParser> parser;   // parsed

  friend bool operator==(const RecordFormat&, const RecordFormat&) = default;
};

// Names for the usual ones; each result can be refined field by field.
namespace records {
RecordFormat connection_closed();
RecordFormat fixed_length(std::size_t bytes);
RecordFormat line_end();
RecordFormat delimited(std::string delimiter, RecordFormat::DelimiterUse use = RecordFormat::DelimiterUse::postfix);
RecordFormat length_prefix(std::size_t bytes, RecordFormat::Encoding encoding = RecordFormat::Encoding::big_endian);
RecordFormat envelope(std::string start, std::string end);
RecordFormat mllp();  // HL7 v2: <VT> body <FS><CR>
RecordFormat parsed(RecordParser parser);
}  // namespace records

// Nothing, or what is wrong with the format and what is allowed.
Result<void> validate(const RecordFormat& format);

// What the detector found in the unread bytes.
struct Detection {
  enum class Kind : std::uint8_t {
    need_more,   // no whole record yet
    record,      // `body` lies in the bytes given; the record takes `size` bytes of them
    too_long,    // D4: more than the maximum without an end (or a length that claims more)
    incomplete,  // the stream has ended inside a record; `size` bytes are left
    invalid,     // the bytes break the format; `reason` says how
    no_more      // the stream has ended and no record is left
  };
  Kind kind = Kind::need_more;
  std::size_t size = 0;                    // bytes to consume
  std::size_t body_offset = 0;             // where the body starts in the bytes given
  std::size_t body_size = 0;
  const char* reason = "";                 // static text, or of the parser until the next call
};

class RecordDetector {
 public:
  // `max_record_bytes` counts the body (SPEC section 8).
  RecordDetector(const RecordFormat& format, std::size_t max_record_bytes);

  // `unread`: every byte not yet consumed, from the start of the current record. `end`: whether more can
  // come. After `record` the user consumes `size` bytes and calls again with the rest; the detector has
  // then forgotten the record. After too_long, incomplete or invalid the stream cannot be read on.
  Detection next(std::string_view unread, StreamEnd end);

  // Fixed length told by a message (SPEC 15, `length`): holds from the next record on.
  void set_fixed_length(std::size_t bytes);

  const RecordFormat& format() const noexcept { return *format_; }

 private:
  Detection next_fixed(std::string_view unread, StreamEnd end);
  Detection next_delimited(std::string_view unread, StreamEnd end);
  Detection next_length_prefix(std::string_view unread, StreamEnd end);
  Detection next_envelope(std::string_view unread, StreamEnd end);
  Detection next_parsed(std::string_view unread, StreamEnd end);
  Detection next_connection_closed(std::string_view unread, StreamEnd end);

  const RecordFormat* format_;             // outlives the detector: it lies in the node
  std::size_t max_record_bytes_;
  std::size_t fixed_length_ = 0;
  std::size_t scanned_ = 0;                // bytes of `unread` known not to hold the end
  bool last_piece_given_ = false;          // infix: the piece after the last delimiter has been given
  bool any_record_ = false;
  std::string reason_;
};

}  // namespace connmgr

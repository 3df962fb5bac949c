// Where a record ends (SPEC section 14). A detector walks over the unread bytes of one stream and remembers
// how far it has looked, so that no byte is searched twice however the bytes are cut into reads (D1, D5).
//
// A detector never owns bytes. Its user keeps them in order and calls next() with all that is unread:
//
//   for (;;) {
//     const Detection found = detector.next(unread, end);
//     if (found.kind != Detection::Kind::record) break;         // need_more, or the end of this stream
//     take(unread.substr(found.body_offset, found.body_size));
//     unread.remove_prefix(found.size);                         // what follows is for the next reader (D2)
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "connmgr/core/error.h"
#include "connmgr/core/record_format.h"

namespace connmgr {

// How a stream of bytes came to its end, as far as records are concerned.
enum class StreamEnd : std::uint8_t {
  open,   // it has not ended
  clean,  // the peer closed its side (FIN; with TLS: close alert)
  broken  // reset, timeout, expiry, TLS end without alert: never completes a record (D3)
};

// What the detector found in the unread bytes.
struct Detection {
  enum class Kind : std::uint8_t {
    need_more,   // no whole record yet
    record,      // the body lies in the bytes given; the record takes `size` bytes of them
    too_long,    // D4: more than the maximum without an end (or a length that claims more)
    incomplete,  // the stream has ended inside a record
    invalid,     // the bytes break the format; `reason` says how
    no_more      // the stream has ended and no record is left
  };
  Kind kind = Kind::need_more;
  std::size_t size = 0;         // bytes to consume: of the record; of a failure all that is unread
  std::size_t body_offset = 0;  // where the body starts in the bytes given
  std::size_t body_size = 0;
  const char* reason = "";  // of `invalid`; lives in the detector, until its next call
};

// One for each use of an input stream, or for as long as its readers have the same format. Between records it
// has nothing to remember, but for infix formats whether a last piece is owed.
class RecordDetector {
 public:
  // `format` is valid and outlives the detector. `max_record_bytes` counts the body (SPEC section 8).
  // `owes_piece` is what the last detector of the same stream said, if there was one.
  RecordDetector(const RecordFormat& format, std::size_t max_record_bytes, bool owes_piece = false);

  // `unread`: every byte not yet consumed, from the start of the current record. `end`: whether more can
  // come. After `record` the user consumes `size` bytes and calls again with the rest; the detector has
  // then forgotten the record. After too_long, incomplete or invalid the stream cannot be read on.
  // A stream that has ended never gives need_more.
  Detection next(std::string_view unread, StreamEnd end);

  // Infix: a delimiter was read, so a piece follows it, even when the stream ends there without a byte (D3).
  bool owes_piece() const noexcept {
    return owes_piece_ && format_->use == RecordFormat::DelimiterUse::infix;
  }

  // With this many bytes unread, next() never gives need_more: a buffer that can grow so far never stalls.
  // It is max_record_bytes and what may stand around a body.
  std::size_t most_unread() const noexcept;

  // Fixed length told by a message (SPEC 15, `length`): holds for each record from now on. Refuses 0, and
  // more than the maximum.
  Result<void> set_fixed_length(std::size_t bytes);

  const RecordFormat& format() const noexcept { return *format_; }

 private:
  Detection next_by_kind(std::string_view unread, StreamEnd end);
  Detection next_connection_closed(std::string_view unread, StreamEnd end);
  Detection next_fixed(std::string_view unread, StreamEnd end);
  Detection next_delimited(std::string_view unread, StreamEnd end);
  Detection last_piece(std::string_view unread, StreamEnd end);
  Detection next_parsed(std::string_view unread, StreamEnd end);
  Detection next_length_prefix(std::string_view unread, StreamEnd end);
  Detection next_envelope(std::string_view unread, StreamEnd end);

  std::size_t find_end_byte(std::string_view unread);
  std::size_t find(std::string_view pattern, std::string_view unread, std::size_t begin);
  Detection record(std::size_t size, std::size_t body_offset, std::size_t body_size);
  Detection invalid(std::string_view unread, std::string reason);
  static Detection ended(Detection::Kind kind, std::string_view unread) {
    return {kind, unread.size(), 0, 0, ""};
  }
  static Detection waiting_or_ended(std::string_view unread, StreamEnd end);

  static constexpr std::size_t kNowhere = std::string_view::npos;

  const RecordFormat* format_;
  std::size_t max_record_bytes_;
  std::size_t fixed_length_;
  std::size_t scanned_ = 0;  // bytes of `unread` that need no second look
  std::uint8_t anchor_ = 0;  // which byte of the delimiter, or of the envelope's end, to look for
  char end_byte_ = '\n';     // by_byte_: what ends a record
  bool by_byte_ = false;     // one byte ends a record: line_end, and custom delimiters of one byte
  bool by_line_ = false;     // ... and a CR before it belongs to it
  bool owes_piece_;          // a record was given, and it was not what stood behind the last delimiter
  std::string reason_;
};

// Where the next end byte is; when there is none, none of what was looked through is looked at again.
inline std::size_t RecordDetector::find_end_byte(std::string_view unread) {
  if (unread.size() <= scanned_) return kNowhere;  // memchr wants no null pointer, not even for 0 bytes
  const void* const hit = std::memchr(unread.data() + scanned_, end_byte_, unread.size() - scanned_);
  if (hit) return static_cast<std::size_t>(static_cast<const char*>(hit) - unread.data());
  scanned_ = unread.size();
  return kNowhere;
}

inline Detection RecordDetector::record(std::size_t size, std::size_t body_offset, std::size_t body_size) {
  scanned_ = 0;
  owes_piece_ = true;
  return {Detection::Kind::record, size, body_offset, body_size, ""};
}

// Lines are the format of most streams, and short: they are found here, without a call but to memchr.
inline Detection RecordDetector::next(std::string_view unread, StreamEnd end) {
  if (by_byte_) {
    const std::size_t at = find_end_byte(unread);
    if (at != kNowhere) {
      const std::size_t body = at - (by_line_ && at > 0 && unread[at - 1] == '\r' ? 1 : 0);
      if (body <= max_record_bytes_) [[likely]]
        return record(at + 1, 0, body);
      return ended(Detection::Kind::too_long, unread);
    }
  }
  return next_by_kind(unread, end);
}

}  // namespace connmgr

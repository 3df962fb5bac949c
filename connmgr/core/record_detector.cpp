#include "connmgr/core/record_detector.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <optional>
#include <utility>

namespace connmgr {
namespace {

using Kind = Detection::Kind;

// How often a byte is expected in what people and programs send, roughly. Searching for the rarest byte of
// a delimiter lets memchr run far; a wrong guess costs time and nothing else.
int commonness(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte == 0 || byte == ' ') return 5;  // padding
  if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9')) return 4;
  if (byte >= 'A' && byte <= 'Z') return 3;
  if (byte == '\n' || byte == '\r' || byte == '\t' || (byte > ' ' && byte < 0x7f)) return 2;
  return byte >= 0x80 ? 1 : 0;  // text beyond ASCII; then control characters, which are there to delimit
}

// Of equally rare bytes the last: when it is found, the whole delimiter has arrived.
std::uint8_t rarest_byte(std::string_view pattern) {
  std::size_t rarest = 0;
  for (std::size_t i = 1; i < pattern.size(); ++i) {
    if (commonness(pattern[i]) <= commonness(pattern[rarest])) rarest = i;
  }
  return static_cast<std::uint8_t>(rarest);
}

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "0x";
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 0xf];
  }
  return text;
}

// Nothing when the bytes are no number.
std::optional<std::uint64_t> length_from(std::string_view prefix, RecordFormat::Encoding encoding) {
  std::uint64_t length = 0;
  switch (encoding) {
    case RecordFormat::Encoding::big_endian:
      for (const char c : prefix) length = length << 8 | static_cast<unsigned char>(c);
      break;
    case RecordFormat::Encoding::little_endian:
      for (std::size_t i = prefix.size(); i-- > 0;)
        length = length << 8 | static_cast<unsigned char>(prefix[i]);
      break;
    case RecordFormat::Encoding::ascii_digits:
      for (const char c : prefix) {
        if (c < '0' || c > '9') return std::nullopt;
        length = length * 10 + static_cast<std::uint64_t>(c - '0');
      }
      break;
  }
  return length;
}

// length + change; nothing when that is below zero or beyond 64 bits.
std::optional<std::uint64_t> changed_by(std::uint64_t length, std::int64_t change) {
  if (change < 0) {
    const auto less = static_cast<std::uint64_t>(-change);
    return length < less ? std::nullopt : std::optional(length - less);
  }
  const std::uint64_t sum = length + static_cast<std::uint64_t>(change);
  return sum < length ? std::nullopt : std::optional(sum);
}

}  // namespace

RecordDetector::RecordDetector(const RecordFormat& format, std::size_t max_record_bytes, bool owes_piece)
    : format_(&format),
      max_record_bytes_(max_record_bytes),
      fixed_length_(format.length),
      owes_piece_(owes_piece) {
  if (format.kind == RecordFormat::Kind::delimited) {
    by_line_ = format.line_end;
    by_byte_ = by_line_ || format.delimiter.size() == 1;
    if (!by_line_ && by_byte_) end_byte_ = format.delimiter[0];
    if (!by_byte_) anchor_ = rarest_byte(format.delimiter);
  }
  if (format.kind == RecordFormat::Kind::envelope) anchor_ = rarest_byte(format.end);
}

std::size_t RecordDetector::most_unread() const noexcept {
  std::size_t around = 1;  // the byte that is one too many
  switch (format_->kind) {
    case RecordFormat::Kind::connection_closed:
    case RecordFormat::Kind::fixed_length:
    case RecordFormat::Kind::parsed: break;
    case RecordFormat::Kind::delimited: around = by_line_ ? 2 : format_->delimiter.size(); break;
    case RecordFormat::Kind::length_prefix: around = format_->header_bytes(); break;
    case RecordFormat::Kind::envelope: around = format_->start.size() + format_->end.size(); break;
  }
  const std::size_t sum = max_record_bytes_ + around;
  return sum < around ? std::numeric_limits<std::size_t>::max() : sum;
}

Result<void> RecordDetector::set_fixed_length(std::size_t bytes) {
  if (format_->kind != RecordFormat::Kind::fixed_length) {
    return Failure(Errc::not_allowed, "a record length can be told for fixed_length alone");
  }
  if (bytes == 0)
    return Failure(Errc::invalid_configuration, "record length: found 0, allowed are 1 and more");
  if (bytes > max_record_bytes_) {
    return Failure(Errc::record_too_long, "record length " + std::to_string(bytes) +
                                              " is over max_record_bytes " +
                                              std::to_string(max_record_bytes_));
  }
  fixed_length_ = bytes;
  return {};
}

// A stream that ends between records, or inside one that nothing but more bytes could complete.
Detection RecordDetector::waiting_or_ended(std::string_view unread, StreamEnd end) {
  if (end == StreamEnd::open) return {};
  return ended(unread.empty() ? Kind::no_more : Kind::incomplete, unread);
}

Detection RecordDetector::next_by_kind(std::string_view unread, StreamEnd end) {
  switch (format_->kind) {
    case RecordFormat::Kind::connection_closed: return next_connection_closed(unread, end);
    case RecordFormat::Kind::fixed_length: return next_fixed(unread, end);
    case RecordFormat::Kind::delimited: return next_delimited(unread, end);
    case RecordFormat::Kind::parsed: return next_parsed(unread, end);
    case RecordFormat::Kind::length_prefix: return next_length_prefix(unread, end);
    case RecordFormat::Kind::envelope: return next_envelope(unread, end);
  }
  check(false, "kind of record format");
  return {};
}

// No bytes at all are no record: then the connection just closed.
Detection RecordDetector::next_connection_closed(std::string_view unread, StreamEnd end) {
  if (unread.size() > max_record_bytes_) return ended(Kind::too_long, unread);
  if (end == StreamEnd::clean && !unread.empty()) return record(unread.size(), 0, unread.size());
  return waiting_or_ended(unread, end);
}

Detection RecordDetector::next_fixed(std::string_view unread, StreamEnd end) {
  if (!unread.empty() && fixed_length_ > max_record_bytes_) return ended(Kind::too_long, unread);
  if (unread.size() >= fixed_length_) return record(fixed_length_, 0, fixed_length_);
  return waiting_or_ended(unread, end);
}

// Where `pattern` first stands as a whole at or after `begin`. It looks for one byte of the pattern, the
// anchor, and compares around each hit. Hits come in order, so overlaps of the pattern with itself need no
// thought. A hit whose surroundings have not arrived is where the next call goes on. At worst, bytes that
// are all anchors, each costs a memchr and a compare of 64 bytes: no more than an empty record costs.
std::size_t RecordDetector::find(std::string_view pattern, std::string_view unread, std::size_t begin) {
  std::size_t at = std::max(scanned_, begin + anchor_);
  while (at < unread.size()) {
    const void* const hit = std::memchr(unread.data() + at, pattern[anchor_], unread.size() - at);
    if (!hit) {
      at = unread.size();
      break;
    }
    at = static_cast<std::size_t>(static_cast<const char*>(hit) - unread.data());
    const std::size_t start = at - anchor_;
    if (unread.size() - start < pattern.size()) break;
    if (std::memcmp(unread.data() + start, pattern.data(), pattern.size()) == 0) return start;
    ++at;
  }
  scanned_ = at;
  return kNowhere;
}

// Too long is decided by what no further byte can change: no end that begins within the maximum is
// possible any more. Deciding at the size of what happens to be there would depend on the cuts (D1).
Detection RecordDetector::next_delimited(std::string_view unread, StreamEnd end) {
  std::size_t room_for_end = 1;
  if (by_byte_) {  // next() has looked, and there is none; a CR may still turn out to be half of one
    if (by_line_ && !unread.empty() && unread.back() == '\r') room_for_end = 2;
  } else {
    const std::size_t at = find(format_->delimiter, unread, 0);
    if (at != kNowhere) {
      if (at > max_record_bytes_) return ended(Kind::too_long, unread);
      return record(at + format_->delimiter.size(), 0, at);
    }
    room_for_end = format_->delimiter.size();
  }
  if (unread.size() >= room_for_end && unread.size() - room_for_end >= max_record_bytes_) {
    return ended(Kind::too_long, unread);
  }
  return end == StreamEnd::open ? Detection{} : last_piece(unread, end);
}

// What stands behind the last delimiter when the stream has ended (D3).
Detection RecordDetector::last_piece(std::string_view unread, StreamEnd end) {
  const bool infix = format_->use == RecordFormat::DelimiterUse::infix;
  if (unread.empty() && !owes_piece()) return ended(Kind::no_more, unread);

  const bool end_completes = end == StreamEnd::clean && (infix || format_->accept_unterminated_last);
  if (!end_completes) return ended(Kind::incomplete, unread);
  if (unread.size() > max_record_bytes_) return ended(Kind::too_long, unread);
  const Detection last = record(unread.size(), 0, unread.size());
  owes_piece_ = false;
  return last;
}

Detection RecordDetector::next_parsed(std::string_view unread, StreamEnd end) {
  if (unread.size() > scanned_) {
    ParserVerdict verdict;
    try {
      verdict = (*format_->parser)(unread, scanned_);
    } catch (const std::exception& thrown) {
      return invalid(unread, std::string("the parser threw: ") + thrown.what());
    } catch (...) {
      return invalid(unread, "the parser threw something that is no std::exception");
    }
    if (verdict.kind == ParserVerdict::Kind::invalid) return invalid(unread, std::move(verdict.reason));
    if (verdict.kind == ParserVerdict::Kind::complete) {
      if (verdict.size == 0 || verdict.size > unread.size()) {
        return invalid(unread, "the parser found a record of " + std::to_string(verdict.size) + " bytes in " +
                                   std::to_string(unread.size()));
      }
      if (verdict.size > max_record_bytes_) return ended(Kind::too_long, unread);
      return record(verdict.size, 0, verdict.size);
    }
    scanned_ = unread.size();
  }
  if (unread.size() > max_record_bytes_) return ended(Kind::too_long, unread);
  return waiting_or_ended(unread, end);
}

// A length that claims too much fails when it is read, not when its bytes have come (D4).
Detection RecordDetector::next_length_prefix(std::string_view unread, StreamEnd end) {
  const std::size_t header = format_->header_bytes();
  if (unread.size() < header) return waiting_or_ended(unread, end);

  const std::string_view prefix = unread.substr(format_->prefix_offset, format_->prefix_bytes);
  const auto told = length_from(prefix, format_->encoding);
  if (!told) return invalid(unread, "the length prefix " + hex(prefix) + " is not of ASCII digits");
  const std::int64_t change =
      format_->adjustment - (format_->length_includes_prefix ? static_cast<std::int64_t>(header) : 0);
  const auto after_header = changed_by(*told, change);
  if (!after_header) {
    return invalid(unread, "the length " + std::to_string(*told) + " with an adjustment of " +
                               std::to_string(change) +
                               (change < 0 ? " is below zero" : " is beyond 64 bits"));
  }

  const std::size_t body_offset = format_->prefix_offset == 0 ? header : 0;
  const std::size_t header_in_body = header - body_offset;
  if (max_record_bytes_ < header_in_body || *after_header > max_record_bytes_ - header_in_body) {
    return ended(Kind::too_long, unread);
  }
  if (*after_header > unread.size() - header) return waiting_or_ended(unread, end);
  const auto body_size = static_cast<std::size_t>(*after_header) + header_in_body;
  return record(body_offset + body_size, body_offset, body_size);
}

Detection RecordDetector::next_envelope(std::string_view unread, StreamEnd end) {
  const std::string& start = format_->start;
  const std::string_view seen = unread.substr(0, start.size());
  if (seen != std::string_view(start).substr(0, seen.size())) {
    return invalid(unread, "found " + hex(seen) + " where a record must start with " + hex(start));
  }
  if (seen.size() < start.size()) return waiting_or_ended(unread, end);

  const std::size_t at = find(format_->end, unread, start.size());
  if (at == kNowhere) {
    const std::size_t body_and_end = unread.size() - start.size();
    const std::size_t room_for_end = format_->end.size();
    if (body_and_end >= room_for_end && body_and_end - room_for_end >= max_record_bytes_) {
      return ended(Kind::too_long, unread);
    }
    return waiting_or_ended(unread, end);
  }
  const std::size_t body_size = at - start.size();
  if (body_size > max_record_bytes_) return ended(Kind::too_long, unread);
  return record(at + format_->end.size(), start.size(), body_size);
}

Detection RecordDetector::invalid(std::string_view unread, std::string reason) {
  reason_ = std::move(reason);
  return {Kind::invalid, unread.size(), 0, 0, reason_.c_str()};
}

}  // namespace connmgr

// Oracles for record detection. slow_records() is the rules of SPEC section 14 written down plainly: it sees
// all bytes at once, copies, and remembers nothing. records_in_pieces() is what a detector finds when the
// same bytes arrive cut into reads. The two must agree for every format, every end and every cut (D1).
#pragma once

#include <cstdint>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "connmgr/core/record_detector.h"

namespace connmgr::test {

struct Found {
  Detection::Kind kind = Detection::Kind::need_more;
  std::string body;  // of a record

  friend bool operator==(const Found&, const Found&) = default;
};

inline std::string to_string(Detection::Kind kind) {
  switch (kind) {
    case Detection::Kind::need_more: return "need_more";
    case Detection::Kind::record: return "record";
    case Detection::Kind::too_long: return "too_long";
    case Detection::Kind::incomplete: return "incomplete";
    case Detection::Kind::invalid: return "invalid";
    case Detection::Kind::no_more: return "no_more";
  }
  return "?";
}

inline std::ostream& operator<<(std::ostream& out, const Found& found) {
  out << to_string(found.kind);
  if (found.kind != Detection::Kind::record) return out;
  out << " '";
  for (const char c : found.body) {
    static constexpr char kDigits[] = "0123456789abcdef";
    if (c >= ' ' && c < 0x7f)
      out << c;
    else
      out << "\\x" << kDigits[static_cast<unsigned char>(c) >> 4]
          << kDigits[static_cast<unsigned char>(c) & 0xf];
  }
  return out << "'";
}

inline Found a_record(std::string body) {
  return {Detection::Kind::record, std::move(body)};
}

namespace slow {

using Kind = Detection::Kind;

struct Step {
  Found found;
  std::size_t size = 0;
};
inline Step failure(Kind kind) {
  return {{kind, ""}, 0};
}
inline Step whole(const std::string& bytes) {
  return {a_record(bytes), bytes.size()};
}

inline Step delimited(const RecordFormat& format, std::size_t max, const std::string& rest, StreamEnd end,
                      bool after_one) {
  const std::string delimiter = format.line_end ? "\n" : format.delimiter;
  const std::size_t at = rest.find(delimiter);
  if (at != std::string::npos) {
    std::string body = rest.substr(0, at);
    if (format.line_end && !body.empty() && body.back() == '\r') body.pop_back();
    if (body.size() > max) return failure(Kind::too_long);
    return {a_record(body), at + delimiter.size()};
  }
  // A body of the maximum, its delimiter, and still no delimiter seen: none can come in time.
  std::size_t longest = max + delimiter.size();
  if (format.line_end && !rest.empty() && rest.back() == '\r') ++longest;
  if (rest.size() >= longest) return failure(Kind::too_long);
  if (end == StreamEnd::open) return failure(Kind::need_more);

  const bool infix = format.use == RecordFormat::DelimiterUse::infix;
  if (rest.empty() && !(infix && after_one)) return failure(Kind::no_more);
  if (end == StreamEnd::broken || !(infix || format.accept_unterminated_last))
    return failure(Kind::incomplete);
  return rest.size() > max ? failure(Kind::too_long) : whole(rest);
}

inline Step length_prefix(const RecordFormat& format, std::size_t max, const std::string& rest,
                          StreamEnd end) {
  const std::size_t header = format.prefix_offset + format.prefix_bytes;
  if (rest.size() >= header) {
    std::string prefix = rest.substr(format.prefix_offset, format.prefix_bytes);
    if (format.encoding == RecordFormat::Encoding::little_endian) prefix = {prefix.rbegin(), prefix.rend()};
    const bool digits = format.encoding == RecordFormat::Encoding::ascii_digits;
    long double length = 0;  // of 64 bits or more: exact for each length that a prefix can hold
    for (const char c : prefix) {
      if (digits && (c < '0' || c > '9')) return failure(Kind::invalid);
      length = digits ? length * 10 + (c - '0') : length * 256 + static_cast<unsigned char>(c);
    }
    long double change = static_cast<long double>(format.adjustment);
    if (format.length_includes_prefix) change -= static_cast<long double>(header);
    length += change;  // in one step: a sum beyond 64 bits may be rounded, but stays beyond
    if (length < 0 || length >= 18446744073709551616.0L) return failure(Kind::invalid);
    const bool keeps_header = format.prefix_offset > 0;
    if (length + static_cast<long double>(keeps_header ? header : 0) > static_cast<long double>(max)) {
      return failure(Kind::too_long);
    }
    const std::size_t size = header + static_cast<std::size_t>(length);
    if (rest.size() >= size)
      return {a_record(rest.substr(keeps_header ? 0 : header, keeps_header ? size : size - header)), size};
  }
  if (end == StreamEnd::open) return failure(Kind::need_more);
  return failure(rest.empty() ? Kind::no_more : Kind::incomplete);
}

inline Step envelope(const RecordFormat& format, std::size_t max, const std::string& rest, StreamEnd end) {
  for (std::size_t i = 0; i < format.start.size() && i < rest.size(); ++i) {
    if (rest[i] != format.start[i]) return failure(Kind::invalid);
  }
  const std::size_t at = rest.find(format.end, format.start.size());
  if (at != std::string::npos) {
    if (at - format.start.size() > max) return failure(Kind::too_long);
    return {a_record(rest.substr(format.start.size(), at - format.start.size())), at + format.end.size()};
  }
  if (rest.size() >= format.start.size() + max + format.end.size()) return failure(Kind::too_long);
  if (end == StreamEnd::open) return failure(Kind::need_more);
  return failure(rest.empty() ? Kind::no_more : Kind::incomplete);
}

inline Step next(const RecordFormat& format, std::size_t max, const std::string& rest, StreamEnd end,
                 bool after_one) {
  switch (format.kind) {
    case RecordFormat::Kind::delimited: return delimited(format, max, rest, end, after_one);
    case RecordFormat::Kind::length_prefix: return length_prefix(format, max, rest, end);
    case RecordFormat::Kind::envelope: return envelope(format, max, rest, end);
    case RecordFormat::Kind::fixed_length:
      if (!rest.empty() && format.length > max) return failure(Kind::too_long);
      if (rest.size() >= format.length) return whole(rest.substr(0, format.length));
      break;
    case RecordFormat::Kind::connection_closed:
      if (rest.size() > max) return failure(Kind::too_long);
      if (end == StreamEnd::clean && !rest.empty()) return whole(rest);
      break;
    case RecordFormat::Kind::parsed: throw std::logic_error("the parser is the oracle here");
  }
  if (end == StreamEnd::open) return failure(Kind::need_more);
  return failure(rest.empty() ? Kind::no_more : Kind::incomplete);
}

}  // namespace slow

// Every record, and what came in the end.
inline std::vector<Found> slow_records(const RecordFormat& format, std::size_t max, std::string rest,
                                       StreamEnd end) {
  std::vector<Found> all;
  bool after_one = false;
  bool last_piece = false;
  while (!last_piece) {
    const slow::Step step = slow::next(format, max, rest, end, after_one);
    all.push_back(step.found);
    if (step.found.kind != Detection::Kind::record) return all;
    // An infix record without a delimiter behind it is the last piece: nothing can follow.
    last_piece = format.use == RecordFormat::DelimiterUse::infix && step.size == step.found.body.size() &&
                 format.kind == RecordFormat::Kind::delimited;
    rest.erase(0, step.size);
    after_one = true;
  }
  all.push_back({Detection::Kind::no_more, ""});
  return all;
}

// How the end of the stream becomes known; the second way also takes a new detector after each record, as
// readers do that give the stream back.
enum class EndSeen : std::uint8_t { with_the_last_bytes, after_them };

// The same by a detector, when the bytes arrive up to each of `cuts` (ascending) and then to the end. Each
// call gets a copy of exactly the bytes there are, so that a sanitizer sees a look beyond them.
inline std::vector<Found> records_in_pieces(const RecordFormat& format, std::size_t max,
                                            std::string_view bytes, const std::vector<std::size_t>& cuts,
                                            StreamEnd end, EndSeen seen = EndSeen::with_the_last_bytes) {
  std::vector<Found> all;
  RecordDetector detector(format, max);
  std::size_t consumed = 0;
  // Whether the stream can be read on.
  const auto read = [&](std::size_t arrived, StreamEnd as_known) {
    for (;;) {
      const std::vector<char> unread(bytes.begin() + static_cast<std::ptrdiff_t>(consumed),
                                     bytes.begin() + static_cast<std::ptrdiff_t>(arrived));
      const Detection found = detector.next({unread.data(), unread.size()}, as_known);
      if (found.kind == Detection::Kind::need_more) {
        if (unread.size() >= detector.most_unread()) throw std::logic_error("waits for more than it should");
        if (as_known == end && arrived == bytes.size()) all.push_back({found.kind, ""});
        return true;
      }
      if (found.size > unread.size()) throw std::logic_error("consumes more than there is");
      if (found.kind != Detection::Kind::record) {
        all.push_back({found.kind, ""});
        return false;
      }
      if (found.body_offset + found.body_size > found.size)
        throw std::logic_error("the body is not in the record");
      all.push_back(a_record({unread.data() + found.body_offset, found.body_size}));
      consumed += found.size;
      if (seen == EndSeen::after_them) detector = RecordDetector(format, max, detector.owes_piece());
      if (all.size() > bytes.size() + 1) throw std::logic_error("more records than bytes");
    }
  };
  for (const std::size_t cut : cuts) {
    if (!read(cut, StreamEnd::open)) return all;
  }
  if (seen == EndSeen::after_them && end != StreamEnd::open && !read(bytes.size(), StreamEnd::open))
    return all;
  read(bytes.size(), end);
  return all;
}

}  // namespace connmgr::test

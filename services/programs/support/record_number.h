// Each record says who sent it and the how-manieth it is: "7:000123 text of the line". So its receiver needs
// nothing else to see that none is lost, doubled, cut or out of order.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace connmgr::programs {

struct RecordNumber {
  std::uint32_t sender = 0;    // from 1: one for each connection of connmgr-send
  std::uint64_t sequence = 0;  // from 1 for each sender

  friend bool operator==(const RecordNumber&, const RecordNumber&) = default;
};

inline void append_number(std::string& out, RecordNumber number) {
  char digits[48];
  char* at = std::to_chars(digits, digits + 12, number.sender).ptr;
  *at++ = ':';
  char sequence[24];
  char* const end = std::to_chars(sequence, sequence + sizeof sequence, number.sequence).ptr;
  for (auto width = end - sequence; width < 6; ++width) *at++ = '0';
  out.append(digits, at);
  out.append(sequence, end);
}

inline std::string to_string(RecordNumber number) {
  std::string text;
  append_number(text, number);
  return text;
}

struct NumberedText {
  RecordNumber number;
  std::string_view text;        // what follows the number and one space
  std::size_t text_offset = 0;  // in the record
};

// Nothing: the record does not begin with a number. Without text behind it the text is empty.
inline std::optional<NumberedText> parse_numbered(std::string_view record) {
  NumberedText found;
  const char* const end = record.data() + record.size();
  const auto sender = std::from_chars(record.data(), end, found.number.sender);
  if (sender.ec != std::errc() || sender.ptr == end || *sender.ptr != ':') return std::nullopt;
  const auto sequence = std::from_chars(sender.ptr + 1, end, found.number.sequence);
  if (sequence.ec != std::errc() || found.number.sequence == 0) return std::nullopt;
  if (sequence.ptr - (sender.ptr + 1) < 6) return std::nullopt;  // cut: a number has at least six digits
  if (sequence.ptr != end && *sequence.ptr != ' ') return std::nullopt;
  found.text_offset = static_cast<std::size_t>(sequence.ptr - record.data()) + (sequence.ptr != end ? 1 : 0);
  found.text = record.substr(found.text_offset);
  return found;
}

}  // namespace connmgr::programs

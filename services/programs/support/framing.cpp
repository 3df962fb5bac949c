#include "services/programs/support/framing.h"

#include <cstdlib>
#include <optional>

namespace connmgr::programs {
namespace {

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// Nothing when an escape is not one of those above.
std::optional<std::string> unescape(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    switch (text[i]) {
      case 'n': bytes += '\n'; break;
      case 'r': bytes += '\r'; break;
      case 't': bytes += '\t'; break;
      case '0': bytes += '\0'; break;
      case '\\': bytes += '\\'; break;
      case 'x': {
        if (i + 2 >= text.size()) return std::nullopt;
        const auto high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
        if (!high || !low) return std::nullopt;
        bytes += static_cast<char>(*high * 16 + *low);
        i += 2;
        break;
      }
      default: return std::nullopt;
    }
  }
  return bytes;
}

std::optional<RecordFormat> format_of(const std::string& text) {
  if (text == "line") return records::line_end();
  if (text == "length2") return records::length_prefix(2);
  if (text == "length4") return records::length_prefix(4);
  if (text == "mllp") return records::mllp();
  if (text == "stx-etx") return records::envelope("\x02", "\x03");
  if (text == "end-of-stream") return records::connection_closed();
  if (text.starts_with("fixed:")) {
    char* rest = nullptr;
    const std::string number = text.substr(6);
    const unsigned long length = std::strtoul(number.c_str(), &rest, 10);
    if (number.empty() || number[0] < '0' || number[0] > '9' || *rest != '\0') return std::nullopt;
    return records::fixed_length(length);
  }
  if (text.starts_with("delimited:")) {
    if (const auto bytes = unescape(std::string_view(text).substr(10))) return records::delimited(*bytes);
  }
  return std::nullopt;
}

}  // namespace

Result<Framing> parse_framing(const std::string& text) {
  const std::optional<RecordFormat> format = format_of(text);
  if (!format) {
    return Failure{Errc::invalid_configuration,
                   "framing '" + text + "' is none of these:\n" + framing_help()};
  }
  if (const Result<void> valid = validate(*format); !valid) {
    return Failure{Errc::invalid_configuration, "framing '" + text + "': " + valid.error().text};
  }
  return Framing{text, *format, definition_for(*format)};
}

std::string framing_help() {
  return "  line             each record ends with a line end (LF, or CRLF)\n"
         "  length2          2 bytes of length before each record, high byte first (ISO 8583)\n"
         "  length4          4 bytes of length before each record, high byte first\n"
         "  fixed:N          each record has N bytes, filled up with spaces\n"
         "  mllp             HL7 v2: <VT> record <FS><CR>\n"
         "  stx-etx          <STX> record <ETX>\n"
         "  delimited:BYTES  BYTES after each record, as in 'delimited:||' or 'delimited:\\r\\n' or "
         "'delimited:\\x1e'\n"
         "  end-of-stream    one record a connection: it ends when the sender closes its side";
}

}  // namespace connmgr::programs

#include "connmgr/connection_details_text.h"

#include <charconv>

namespace connmgr {
namespace {

Failure not_understood(ServiceKind kind, std::string_view text, std::string_view why) {
  const std::string allowed = kind == ServiceKind::client
                                  ? "the name of a client service, host:port, port, or name@host:port"
                                  : "the name of a server service, port, address:port, or name@port";
  return {Errc::invalid_configuration,
          "connection details '" + std::string(text) + "': " + std::string(why) + "; allowed: " + allowed};
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<std::uint16_t> port_from(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0 || port > 65535)
    return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

}  // namespace

Result<ConnectionText> parse_connection_details(ServiceKind kind, std::string_view text) {
  ConnectionText result;
  std::string_view address = text;
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    result.service = text.substr(0, at);
    address = text.substr(at + 1);
    if (result.service.empty()) return not_understood(kind, text, "no service name before '@'");
  } else if (text.find(':') == std::string_view::npos && !all_digits(text)) {
    if (text.empty()) return not_understood(kind, text, "it is empty");
    result.service = text;
    return result;
  }
  const auto colon = address.rfind(':');
  std::string_view host;
  std::string_view port = address;
  if (colon != std::string_view::npos) {
    host = address.substr(0, colon);
    port = address.substr(colon + 1);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
      host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
      return not_understood(kind, text, "an IPv6 address needs brackets, as in [::1]:7777");
    }
    if (host.empty()) return not_understood(kind, text, "no host before ':'");
  }
  result.port = port_from(port);
  if (!result.port)
    return not_understood(kind, text, "'" + std::string(port) + "' is not a port (1 to 65535)");
  result.host = host;
  return result;
}

}  // namespace connmgr

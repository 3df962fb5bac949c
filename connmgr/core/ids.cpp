#include "connmgr/core/ids.h"

#include <array>
#include <bit>
#include <charconv>

namespace connmgr {
namespace {

constexpr std::size_t kIdDigits = 32;

void append_hex(std::string& to, std::uint64_t value, int digits) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) to += kDigits[(value >> shift) & 0xf];
}

bool parse_hex(std::string_view text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc{} && end == text.data() + text.size() && text.front() != '-';
}

}  // namespace

std::string to_string(const ConnectionId& id) {
  std::string text;
  text.reserve(kIdDigits);
  append_hex(text, id.slot, 8);
  append_hex(text, id.generation, 8);
  append_hex(text, id.secret, 16);
  return text;
}

std::optional<ConnectionId> connection_id_from(std::string_view text) {
  if (text.size() != kIdDigits) return std::nullopt;
  std::uint64_t slot = 0;
  std::uint64_t generation = 0;
  std::uint64_t secret = 0;
  if (!parse_hex(text.substr(0, 8), slot) || !parse_hex(text.substr(8, 8), generation) ||
      !parse_hex(text.substr(16), secret)) {
    return std::nullopt;
  }
  if (slot >= kNoSlot) return std::nullopt;
  return ConnectionId{static_cast<SlotIndex>(slot), static_cast<std::uint32_t>(generation), secret};
}

std::uint64_t sip_hash(const IdKey& key, std::uint64_t word) {
  std::array<std::uint64_t, 4> v{key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d,
                                 key.k0 ^ 0x6c7967656e657261, key.k1 ^ 0x7465646279746573};
  const auto round = [&v] {
    v[0] += v[1]; v[1] = std::rotl(v[1], 13); v[1] ^= v[0]; v[0] = std::rotl(v[0], 32);
    v[2] += v[3]; v[3] = std::rotl(v[3], 16); v[3] ^= v[2];
    v[0] += v[3]; v[3] = std::rotl(v[3], 21); v[3] ^= v[0];
    v[2] += v[1]; v[1] = std::rotl(v[1], 17); v[1] ^= v[2]; v[2] = std::rotl(v[2], 32);
  };
  const auto absorb = [&](std::uint64_t m) {
    v[3] ^= m;
    round();
    round();
    v[0] ^= m;
  };
  absorb(word);
  absorb(std::uint64_t{8} << 56);  // the length of the message, 8 bytes, in the top byte
  v[2] ^= 0xff;
  for (int i = 0; i < 4; ++i) round();
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

}  // namespace connmgr

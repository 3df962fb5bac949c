// Names of things that outlive the thing: they are values, may lie around for hours, and then find what
// they name or nothing.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace connmgr {

using ShardIndex = std::uint8_t;
using SlotIndex = std::uint32_t;
inline constexpr SlotIndex kNoSlot = 0xffffff;  // a pool has at most 2^24 - 1 slots

// Where a connection lives in its pool. Two connections of one pool never have the same reference:
// the generation of a slot counts up each time the slot is used again. Internal; never shown to flows.
struct ConnectionRef {
  SlotIndex slot = kNoSlot;
  std::uint32_t generation = 0;

  friend bool operator==(const ConnectionRef&, const ConnectionRef&) = default;
  explicit operator bool() const noexcept { return slot != kNoSlot; }
};

// The token by which a flow names a connection (SPEC S3, S6). Opaque; unique for the life of the process;
// whoever knows one id cannot guess another, because the secret is a keyed hash (SipHash) with a key of
// the pool. Holding an id is what entitles to a reserved stream, so it is never shown to people:
// they see the public name.
struct ConnectionId {
  SlotIndex slot = kNoSlot;
  std::uint32_t generation = 0;
  std::uint64_t secret = 0;

  friend bool operator==(const ConnectionId&, const ConnectionId&) = default;
  friend auto operator<=>(const ConnectionId&, const ConnectionId&) = default;
  explicit operator bool() const noexcept { return slot != kNoSlot; }
  ConnectionRef ref() const noexcept { return {slot, generation}; }
};

// For local environments and files: 32 hex digits; and back (nothing when the text is not an id).
std::string to_string(const ConnectionId& id);
std::optional<ConnectionId> connection_id_from(std::string_view text);

// Who waits: the request's name in its pool. Counts up, so order of tickets is order of arrival.
struct Ticket {
  std::uint64_t number = 0;

  friend auto operator<=>(const Ticket&, const Ticket&) = default;
  explicit operator bool() const noexcept { return number != 0; }
};

// A standing request of an Input node for streams with bytes to read (SPEC N2).
struct SubscriptionId {
  std::uint32_t number = 0;

  friend bool operator==(const SubscriptionId&, const SubscriptionId&) = default;
  explicit operator bool() const noexcept { return number != 0; }
};

// The key with which a pool makes the secrets of its ids. From getrandom(2) in a real world, from the
// seed in a simulated one.
struct IdKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

// SipHash-2-4 of (slot, generation) (Aumasson and Bernstein, 2012). Exposed for its test vectors.
std::uint64_t sip_hash(const IdKey& key, std::uint64_t word);

}  // namespace connmgr

template <>
struct std::hash<connmgr::ConnectionId> {
  std::size_t operator()(const connmgr::ConnectionId& id) const noexcept {
    return static_cast<std::size_t>(id.secret ^ id.slot);
  }
};

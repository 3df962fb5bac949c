// How values are written in service files: durations, sizes, shares, numbers, names. Each reader gives
// nothing for a text that is no such value; whether it lies in its range is the schema's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "connmgr/core/time.h"

namespace connmgr::services {

// A number and its unit: 250us, 1.5s, 30d; also negative. kForever itself cannot be reached by a number.
std::optional<Duration> duration_from(std::string_view text);

// Bytes, plain or with B, kB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (powers of 1024).
std::optional<std::int64_t> size_from(std::string_view text);

std::optional<std::int64_t> whole_number_from(std::string_view text);

std::optional<double> number_from(std::string_view text);

// 0.2 or 20%.
std::optional<double> share_from(std::string_view text);

// true, on, yes; false, off, no.
std::optional<bool> boolean_from(std::string_view text);

// A letter, then letters, digits, - and _; 100 at most. So a name is never mistaken for a port or host:port.
bool is_service_name(std::string_view text);

// A host name or a numeric address, without brackets.
bool is_host(std::string_view text);

// A numeric address of version 4 or 6, also with a scope as in fe80::1%eth0.
bool is_address(std::string_view text);

// The candidate that `text` is the beginning of, or else is a typing mistake away from; of several the
// first.
std::optional<std::string_view> nearest(std::string_view text, std::span<const std::string> candidates);

// For messages: control characters escaped, long texts cut, so that any bytes may be shown.
std::string printable(std::string_view text, std::size_t longest = 60);

}  // namespace connmgr::services

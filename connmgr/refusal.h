// Why a request got no stream, in words (SPEC section 6, L4): the facts are taken under the manager's lock,
// the text is made outside it.
#pragma once

#include <string>
#include <vector>

#include "connmgr/core/pool.h"
#include "connmgr/holder_names.h"

namespace connmgr {

// Somebody who has a stream that others wait for.
struct HolderFact {
  std::string connection;  // public name
  Direction direction = Direction::input;
  StreamState state = StreamState::available_in_use;
  Holder holder;
  Duration age{0};
};

struct RefusalFacts {
  Errc why = Errc::pool_exhausted;
  Duration waited{0};
  Duration patience{0};  // the limit that held: the request's own, or connection_timeout
  PoolSettings settings;
  PoolGauges gauges;
  std::string last_failure;         // of connecting; empty: none since the last success
  std::vector<HolderFact> longest;  // holders, longest first, at most 10
  std::size_t holders = 0;          // in all
};

// The holders among these connections, longest first.
void add_holders(RefusalFacts& facts, const std::string& manager, const Pool& pool, TimePoint now);

Failure explain(const RefusalFacts& facts, const std::string& manager, const std::string& address,
                const HolderNames& names);

}  // namespace connmgr

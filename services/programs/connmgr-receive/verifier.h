// Whether every record came once, whole and in order: told of each record, it says what is wrong. It knows
// nothing of sockets; connections are places where order is seen.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "services/programs/support/findings.h"
#include "services/programs/support/framing.h"
#include "services/programs/support/record_source.h"

namespace connmgr::programs {

// by_sender: the records of one sender come in order, even over several connections. Between connections a
// reader sees order only as far as it has read each of them: so a record may be read after its successor
// when both lay there at the same time (see Verifier::next_round), and not later.
// by_connection: in order on each connection, and none missing at the end: for connections that a network
// may delay one against the other.
enum class Order { by_sender, by_connection };

// What one connection has brought so far.
class ConnectionOrder {
 public:
  // The highest sequence of this sender before this one.
  std::uint64_t advance(RecordNumber number) {
    std::uint64_t& highest = highest_[number.sender];
    const std::uint64_t before = highest;
    if (number.sequence > highest) highest = number.sequence;
    return before;
  }

 private:
  std::unordered_map<std::uint32_t, std::uint64_t> highest_;
};

class Verifier {
 public:
  // `source`: what the records must say; null: only their numbers are checked.
  Verifier(const Framing& framing, const RecordSource* source, Order order)
      : framing_(framing), source_(source), order_(order) {}

  // The number of the record, if it has one.
  std::optional<RecordNumber> check(ConnectionOrder& connection, std::string_view record);

  // All that lay there to read when the last round began has been read.
  void next_round() noexcept { ++round_; }

  // Bytes that are no record: a stream that ended inside one, or that breaks the framing.
  void broken(std::string description);

  // No more will come: what is missing now is lost. `expected`: how many were to come in all.
  void finish(std::optional<std::uint64_t> expected);

  struct Counts {
    std::uint64_t records = 0;  // all that came
    std::uint64_t good = 0;
    std::uint64_t lost = 0;
    std::uint64_t doubled = 0;
    std::uint64_t cut = 0;      // too short, or its stream ended inside it
    std::uint64_t altered = 0;  // other bytes than were sent
    std::uint64_t out_of_order = 0;
    std::uint64_t unreadable = 0;  // without a number, or against the framing
  };
  const Counts& counts() const noexcept { return counts_; }
  // Records that are accounted for: each number once, whatever was wrong with it.
  std::uint64_t arrived() const noexcept { return arrived_; }
  const Findings& findings() const noexcept { return findings_; }

 private:
  struct Sender {
    std::uint64_t next = 1;
    std::map<std::uint64_t, std::uint64_t> missing;  // sequence, and the round that noticed
  };
  enum class Place { in_order, late, doubled, absurd };

  Place place(RecordNumber number, std::uint64_t highest_before);
  bool text_is_right(RecordNumber number, std::string_view record);

  const Framing& framing_;
  const RecordSource* source_;
  const Order order_;
  std::unordered_map<std::uint32_t, Sender> senders_;
  std::uint64_t round_ = 0;
  std::uint64_t arrived_ = 0;
  Counts counts_;
  Findings findings_;
  std::string expected_;
};

}  // namespace connmgr::programs

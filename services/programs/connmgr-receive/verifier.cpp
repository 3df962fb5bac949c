#include "services/programs/connmgr-receive/verifier.h"

#include <algorithm>

#include "services/programs/support/units.h"

namespace connmgr::programs {
namespace {

// A sequence that jumps further than this is taken for damaged bytes, not for that many lost records.
constexpr std::uint64_t kWidestGap = 1'000'000;
constexpr std::size_t kShown = 40;

}  // namespace

std::optional<RecordNumber> Verifier::check(ConnectionOrder& connection, std::string_view record) {
  ++counts_.records;
  const std::optional<NumberedText> parsed = parse_numbered(record);
  if (!parsed) {
    ++counts_.unreadable;
    findings_.add([&] {
      return "a record of " + std::to_string(record.size()) +
             " bytes does not begin with a number like 7:000123: '" + escaped(record, kShown) + "'";
    });
    return std::nullopt;
  }
  const RecordNumber number = parsed->number;
  const std::uint64_t highest_before = connection.advance(number);
  const std::uint64_t next = senders_[number.sender].next;
  switch (place(number, highest_before)) {
    case Place::in_order:
      if (text_is_right(number, record)) ++counts_.good;
      break;
    case Place::late:
      ++counts_.out_of_order;
      findings_.add([&] {
        return to_string(number) + " is out of order: it came after " +
               to_string({number.sender, std::max(highest_before, number.sequence + 1)});
      });
      break;
    case Place::doubled:
      ++counts_.doubled;
      findings_.add([&] { return to_string(number) + " came twice: '" + escaped(record, kShown) + "'"; });
      break;
    case Place::absurd:
      ++counts_.altered;
      findings_.add([&] {
        return to_string(number) + " cannot be: sender " + std::to_string(number.sender) + " was at " +
               to_string({number.sender, next}) + ": '" + escaped(record, kShown) + "'";
      });
      break;
  }
  return number;
}

Verifier::Place Verifier::place(RecordNumber number, std::uint64_t highest_before) {
  Sender& sender = senders_[number.sender];
  if (number.sequence >= sender.next) {
    if (number.sequence - sender.next > kWidestGap) return Place::absurd;
    for (; sender.next < number.sequence; ++sender.next) sender.missing.emplace(sender.next, round_);
    ++sender.next;
    ++arrived_;
    return Place::in_order;
  }
  const auto missing = sender.missing.find(number.sequence);
  if (missing == sender.missing.end()) return Place::doubled;
  const std::uint64_t noticed = missing->second;
  sender.missing.erase(missing);
  ++arrived_;
  // It lay there when its successor was read, so the round after that one has brought it at the latest.
  const bool overtaken_by_reading_alone = highest_before < number.sequence && round_ <= noticed + 1;
  const bool allowed =
      highest_before < number.sequence && (order_ == Order::by_connection || overtaken_by_reading_alone);
  return allowed ? Place::in_order : Place::late;
}

bool Verifier::text_is_right(RecordNumber number, std::string_view record) {
  if (source_ == nullptr) return true;
  expected_.clear();
  source_->append_record(expected_, number, framing_);
  if (record == expected_) return true;
  const auto differ = std::mismatch(record.begin(), record.end(), expected_.begin(), expected_.end());
  const auto offset = static_cast<std::size_t>(differ.first - record.begin());
  const bool cut = differ.first == record.end();
  ++(cut ? counts_.cut : counts_.altered);
  findings_.add([&] {
    const std::string_view expected = expected_;
    std::string text = to_string(number);
    text += cut ? " is cut: it has " + std::to_string(record.size()) + " of " +
                      std::to_string(expected.size()) + " bytes"
                : " is altered at byte " + std::to_string(offset);
    return text + ": expected '" + escaped(expected.substr(std::min(offset, expected.size())), kShown) +
           "' there, found '" + escaped(record.substr(offset), kShown) + "'";
  });
  return false;
}

void Verifier::broken(std::string description) {
  ++counts_.unreadable;
  findings_.add([&] { return std::move(description); });
}

void Verifier::finish(std::optional<std::uint64_t> expected) {
  // In the order of the senders, so that the same run says the same.
  std::map<std::uint32_t, const Sender*> sorted;
  for (const auto& [number, sender] : senders_) sorted.emplace(number, &sender);
  for (const auto& [number, sender] : sorted) {
    for (const auto& [sequence, noticed] : sender->missing) {
      ++counts_.lost;
      findings_.add([&, lost = RecordNumber{number, sequence}] { return to_string(lost) + " is lost"; });
    }
  }
  if (expected && arrived_ + counts_.lost < *expected) {
    const std::uint64_t absent = *expected - arrived_ - counts_.lost;
    counts_.lost += absent;
    findings_.add([&] {
      return count_text(absent) + " of " + count_text(*expected) +
             " records did not come (after the last of their senders)";
    });
  }
}

}  // namespace connmgr::programs

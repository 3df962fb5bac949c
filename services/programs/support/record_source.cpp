#include "services/programs/support/record_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "services/programs/support/file_descriptor.h"
#include "services/programs/support/sockets.h"

namespace connmgr::programs {
namespace {

// Generated text starts at one of so many places of the same block, chosen by the record's number: two
// records that change places, or a byte that is lost, are seen.
constexpr std::size_t kPlaces = 4093;
constexpr std::size_t kLongestGenerated = std::size_t{16} * 1024 * 1024;
constexpr std::size_t kShortestGenerated = 20;  // a number of 7 digits of sequence and some text

}  // namespace

Result<RecordSource> RecordSource::from_file(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  RecordSource source;
  source.path_ = path;
  char block[64 * 1024];
  ssize_t count = file ? 1 : -1;
  while (count > 0 && (count = ::read(file.get(), block, sizeof block)) > 0) {
    source.bytes_.append(block, static_cast<std::size_t>(count));
  }
  if (count < 0)
    return Failure{Errc::invalid_configuration, "cannot read " + path + ": " + errno_text(errno)};
  const std::string_view all = source.bytes_;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('\n', at), all.size());
    const bool crlf = end > at && all[end - 1] == '\r';  // with line framing it would be part of the line end
    source.lines_.push_back({at, end - at - (crlf ? 1 : 0)});
    at = end + 1;
  }
  if (source.lines_.empty()) return Failure{Errc::invalid_configuration, path + " has no lines"};
  return source;
}

Result<RecordSource> RecordSource::generated(std::size_t record_bytes) {
  if (record_bytes < kShortestGenerated || record_bytes > kLongestGenerated) {
    return Failure{Errc::invalid_configuration, "size " + std::to_string(record_bytes) + " is not from " +
                                                    std::to_string(kShortestGenerated) + " to " +
                                                    std::to_string(kLongestGenerated) + " bytes a record"};
  }
  RecordSource source;
  source.record_bytes_ = record_bytes;
  source.bytes_.resize(record_bytes + kPlaces);
  std::uint64_t state = 0x9e3779b97f4a7c15;  // xorshift: the same text in both programs, always
  for (char& c : source.bytes_) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    c = "abcdefghijklmnopqrstuvwxyz 01234"[(state >> 32) % 32];
  }
  return source;
}

std::string_view RecordSource::text_of(RecordNumber number, std::size_t number_size) const {
  if (lines_.empty()) {
    const std::size_t place = (std::uint64_t{number.sender} * 61 + number.sequence * 17) % kPlaces;
    return std::string_view(bytes_).substr(place, record_bytes_ - std::min(record_bytes_, number_size));
  }
  const Line& line = lines_[(number.sender - 1 + number.sequence - 1) % lines_.size()];
  return std::string_view(bytes_).substr(line.begin, line.size);
}

void RecordSource::append_record(std::string& out, RecordNumber number, const Framing& framing) const {
  const std::size_t begin = out.size();
  append_number(out, number);
  out += ' ';
  out += text_of(number, out.size() - begin);
  if (const std::size_t length = framing.fixed_length(); length != 0) {
    out.resize(begin + length, framing.definition.padding);
  }
}

Result<void> RecordSource::check_framing(const Framing& framing) const {
  // A number and some text must fit, else records could not be told apart.
  if (framing.fixed_length() != 0 && framing.fixed_length() < kShortestGenerated) {
    return Failure{Errc::invalid_configuration, "framing '" + framing.name +
                                                    "': too short for a numbered record, at least fixed:" +
                                                    std::to_string(kShortestGenerated) + " is needed"};
  }
  std::string record;
  const std::size_t texts = lines_.empty() ? kPlaces : lines_.size();
  for (std::size_t i = 0; i < texts; ++i) {
    record.clear();
    append_record(record, {1, i + 1}, framing);
    RecordFrame frame;
    const Result<void> framed = frame_record(framing.definition, record, true, frame);
    if (framed && record.size() <= kMaxRecordBytes) continue;
    const std::string which = lines_.empty() ? "generated text" : path_ + ":" + std::to_string(i + 1);
    return Failure{Errc::invalid_configuration,
                   which + ": cannot be a record with framing '" + framing.name +
                       "': " + (framed ? "longer than 100000000 bytes" : framed.error().text)};
  }
  return {};
}

}  // namespace connmgr::programs

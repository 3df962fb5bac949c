#include "services/programs/connmgr-receive/peer.h"

#include "services/programs/connmgr-receive/receiver.h"
#include "services/programs/support/units.h"

namespace connmgr::programs {
namespace {

// Who does not read its replies is not read from either.
constexpr std::size_t kMostUnsent = std::size_t{1024} * 1024;
// So much from one connection, then the others have their turn.
constexpr int kReadsInARow = 16;

}  // namespace

Peer::Peer(Receiver& receiver, FileDescriptor fd, std::string name)
    : receiver_(receiver),
      fd_(std::move(fd)),
      name_(std::move(name)),
      detector_(receiver.options().framing.format, kMaxRecordBytes) {
  receiver_.loop().watch(fd_.get(), interest_, *this);
}

Peer::~Peer() {
  close();
}

void Peer::on_ready(std::uint32_t events) {
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0 && !input_ended_) read();
  if (fd_) flush();
}

void Peer::read() {
  for (int i = 0; i < kReadsInARow && out_.size() < kMostUnsent; ++i) {
    const ReadOutcome outcome = read_into(fd_.get(), in_);
    switch (outcome.kind) {
      case ReadOutcome::Kind::nothing_now: return;
      case ReadOutcome::Kind::bytes:
        receiver_.moved();
        take_records(StreamEnd::open);
        if (!fd_) return;
        // Room is left: the system had no more than this just now.
        if (in_.room() > 0) return;
        break;
      case ReadOutcome::Kind::end: input_ended_ = true; return take_records(StreamEnd::clean);
      case ReadOutcome::Kind::failed:
        receiver_.reset(name_, outcome.error);
        take_records(StreamEnd::broken);
        return close();
    }
  }
  receiver_.left_unread();
}

void Peer::take_records(StreamEnd end_of_stream) {
  while (fd_) {
    const Detection found = detector_.next(in_.bytes(), end_of_stream);
    switch (found.kind) {
      case Detection::Kind::record:
        answer(in_.bytes().substr(found.body_offset, found.body_size));
        receiver_.taken(found.size);
        in_.consume(found.size);
        break;
      case Detection::Kind::need_more:
      case Detection::Kind::no_more: return;
      case Detection::Kind::incomplete: return stream_broken("ended inside a record", "");
      case Detection::Kind::too_long: return stream_broken("a record is over 100000000 bytes", found.reason);
      case Detection::Kind::invalid: return stream_broken("no record here", found.reason);
    }
  }
}

void Peer::answer(std::string_view record) {
  const std::optional<RecordNumber> number = receiver_.verifier().check(order_, record);
  const auto& options = receiver_.options();
  if (options.reply == Reply::none) return;
  std::string& body = receiver_.scratch();
  body.clear();
  if (options.reply == Reply::echo) {
    body = record;
  } else if (number) {
    options.acknowledgment.append(body, *number);
  } else {
    body = "ERROR record without a number";
  }
  RecordFrame frame;
  const Result<void> framed = frame_record(options.framing.definition, body, first_reply_, frame);
  if (!framed)
    return receiver_.verifier().broken("the reply to " + name_ + " cannot be sent: " + framed.error().text);
  first_reply_ = false;
  out_.append(frame.before);
  out_.append(frame.body);
  out_.append(frame.after);
}

void Peer::stream_broken(const char* what, const char* reason) {
  std::string text = "from " + name_ + ": the stream " + what;
  if (*reason != '\0') text += std::string(", ") + reason;
  receiver_.verifier().broken(text + "; unread are " + std::to_string(in_.size()) + " bytes: '" +
                              escaped(in_.bytes(), 40) + "'");
  write_from(fd_.get(), out_);
  close();
}

void Peer::half_close() {
  half_closing_ = true;
  flush();
}

void Peer::flush() {
  if (const int error = write_from(fd_.get(), out_); error != 0) {
    receiver_.reset(name_, error);
    return close();
  }
  if (out_.empty() && input_ended_) return close();
  if (out_.empty() && half_closing_ && !output_shut_) {
    output_shut_ = true;
    ::shutdown(fd_.get(), SHUT_WR);
  }
  stop_reading(!input_ended_ && out_.size() >= kMostUnsent);
  const std::uint32_t wanted =
      (input_ended_ || reading_stopped_ ? 0u : EPOLLIN) | (out_.empty() ? 0u : EPOLLOUT);
  if (wanted == interest_) return;
  interest_ = wanted;
  receiver_.loop().change(fd_.get(), interest_, *this);
}

void Peer::stop_reading(bool stopped) {
  if (stopped != reading_stopped_) receiver_.reading_stopped(stopped ? 1 : -1);
  reading_stopped_ = stopped;
}

void Peer::close() {
  if (!fd_) return;
  stop_reading(false);
  receiver_.loop().forget(fd_.get(), *this);
  fd_.reset();
  receiver_.peer_closed();
}

}  // namespace connmgr::programs

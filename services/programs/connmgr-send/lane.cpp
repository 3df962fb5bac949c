#include "services/programs/connmgr-send/lane.h"

#include <algorithm>

#include "services/programs/connmgr-send/sender.h"
#include "services/programs/support/units.h"

namespace connmgr::programs {
namespace {

// Enough for one large write; more only adds to what is lost in a buffer when something fails.
constexpr std::size_t kFull = std::size_t{64} * 1024;

}  // namespace

Lane::Lane(Sender& sender, std::uint32_t number)
    : sender_(sender),
      number_(number),
      detector_(sender.options().framing.format, kMaxRecordBytes),
      outstanding_(sender.options().depth) {}

void Lane::start(Time now) {
  // With a connection for each record, one is opened when there is a record to send.
  if (sender_.options().framing.one_per_connection()) return pump(now);
  connecting_since_ = now;
  connect(now);
}

void Lane::connect(Time now) {
  const auto& addresses = sender_.addresses();
  step_ = Step::connecting;
  int error = 0;
  fd_ = start_connecting(addresses[address_++ % addresses.size()], error);
  if (!fd_) return connect_failed(now, error);
  interest_ = EPOLLOUT;
  sender_.loop().watch(fd_.get(), interest_, *this);
}

void Lane::connect_failed(Time now, int error) {
  close();
  step_ = Step::retrying;  // on_time() tries again: the peer may be about to start
  if (now - connecting_since_ < sender_.options().connect_timeout) return;
  sender_.unreachable("cannot connect to " + sender_.options().to.text() + ": " + errno_text(error) +
                      " (tried for " + duration_text(now - connecting_since_) + ")");
  end();
}

void Lane::opened(Time now) {
  step_ = Step::open;
  moved_ = now;
  detector_ = RecordDetector(sender_.options().framing.format, kMaxRecordBytes);
  if (sender_.options().framing.one_per_connection()) return flush(now);
  pump(now);
}

void Lane::on_time(Time now) {
  const SendOptions& options = sender_.options();
  if (step_ == Step::retrying) return connect(now);
  if (step_ == Step::connecting) {
    if (now - connecting_since_ >= options.connect_timeout) connect_failed(now, ETIMEDOUT);
    return;
  }
  if (step_ != Step::open && step_ != Step::ending) return;
  if (outstanding_count_ > 0 && now - outstanding_[oldest_].since >= options.reply_timeout) {
    sender_.timed_out("no reply to " + to_string({number_, outstanding_[oldest_].sequence}) + " within " +
                      duration_text(options.reply_timeout));
    end();
  } else if ((!out_.empty() || buffer_full_) && now - moved_ >= options.reply_timeout) {
    sender_.timed_out("sender " + std::to_string(number_) + ": the peer takes no bytes any more, since " +
                      duration_text(options.reply_timeout));
    end();
  } else if (outstanding_count_ == 0 && step_ == Step::ending &&
             now - ending_since_ >= options.reply_timeout) {
    // Everything is sent and answered. That the peer closes its side too matters where that was asked for.
    if (options.half_close || options.framing.one_per_connection()) {
      sender_.timed_out("sender " + std::to_string(number_) +
                        ": half-closed after the last record, but the peer did not close its side within " +
                        duration_text(options.reply_timeout));
    }
    end();
  }
}

void Lane::on_ready(std::uint32_t events) {
  const Time now = Clock::now();
  if (step_ == Step::connecting) {
    const int error = connect_outcome(fd_.get());
    return error == 0 ? opened(now) : connect_failed(now, error);
  }
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read(now);
  if (step_ == Step::open) pump(now);
}

void Lane::pump(Time now) {
  const SendOptions& options = sender_.options();
  const bool one_per_connection = options.framing.one_per_connection();
  if (step_ != Step::open && !(one_per_connection && step_ == Step::idle)) return;
  buffer_full_ = false;
  while (!no_more_ && (options.reply == Reply::none || outstanding_count_ < options.depth) &&
         !(one_per_connection && composed_on_connection_ > 0)) {
    if (out_.size() >= kFull) {
      buffer_full_ = true;
      break;
    }
    Time due;
    const Sender::Turn turn = sender_.take_turn(*this, now, due);
    if (turn == Sender::Turn::not_yet) break;
    no_more_ = turn == Sender::Turn::no_more;
    if (!no_more_) compose(now, due);
  }
  if (step_ == Step::open) return flush(now);
  if (composed_on_connection_ > 0) {
    connecting_since_ = now;
    connect(now);
  } else if (no_more_) {
    end();
  }
}

void Lane::compose(Time now, Time due) {
  const SendOptions& options = sender_.options();
  const RecordNumber number{number_, ++sequence_};
  std::string& body = sender_.scratch();
  body.clear();
  sender_.source().append_record(body, number, options.framing);
  RecordFrame frame;
  const Result<void> framed =
      frame_record(options.framing.definition, body, composed_on_connection_ == 0, frame);
  if (!framed) {  // the text was checked before; the number itself may still contain the delimiter
    sender_.findings().add(
        [&] { return "record " + to_string(number) + " cannot be sent: " + framed.error().text; });
    return;
  }
  out_.append(frame.before);
  out_.append(frame.body);
  out_.append(frame.after);
  sender_.sent(frame.size());
  ++composed_on_connection_;
  if (options.reply == Reply::none) return;
  outstanding_[(oldest_ + outstanding_count_++) % outstanding_.size()] = {sequence_, std::min(now, due)};
}

void Lane::flush(Time now) {
  const std::size_t before = out_.size();
  if (const int error = write_from(fd_.get(), out_); error != 0) {
    return peer_ended(now, StreamEnd::broken, errno_text(error));
  }
  if (out_.empty() || out_.size() < before) moved_ = now;
  settle(now);
}

// After anything has changed: is this the end, and what is there to wait for?
void Lane::settle(Time now) {
  const SendOptions& options = sender_.options();
  if (step_ == Step::open && out_.empty()) {
    const bool all_composed = no_more_ || options.framing.one_per_connection();
    const bool waits_for_peers_end =
        options.half_close || options.reply == Reply::none || options.framing.one_per_connection();
    if (all_composed && waits_for_peers_end) return shut_down_output(now);
    if (all_composed && outstanding_count_ == 0) return end();
  }
  if (step_ == Step::open || step_ == Step::ending) listen_for_what_matters();
}

void Lane::shut_down_output(Time now) {
  ::shutdown(fd_.get(), SHUT_WR);
  step_ = Step::ending;
  ending_since_ = now;
  if (sender_.options().reply == Reply::none) sender_.finished_sending(now);
  listen_for_what_matters();
}

void Lane::listen_for_what_matters() {
  const bool to_write = step_ == Step::open && (!out_.empty() || buffer_full_);
  const std::uint32_t wanted = EPOLLIN | (to_write ? EPOLLOUT : 0u);
  if (wanted == interest_) return;
  interest_ = wanted;
  sender_.loop().change(fd_.get(), interest_, *this);
}

void Lane::read(Time now) {
  const ReadOutcome outcome = read_into(fd_.get(), in_);
  switch (outcome.kind) {
    case ReadOutcome::Kind::nothing_now: return;
    case ReadOutcome::Kind::end: return peer_ended(now, StreamEnd::clean, "closed by the peer");
    case ReadOutcome::Kind::failed: return peer_ended(now, StreamEnd::broken, errno_text(outcome.error));
    case ReadOutcome::Kind::bytes: break;
  }
  if (sender_.options().reply == Reply::none) return in_.clear();
  take_replies(now, StreamEnd::open);
  settle(now);
}

void Lane::take_replies(Time now, StreamEnd end_of_stream) {
  while (step_ != Step::ended) {
    const Detection found = detector_.next(in_.bytes(), end_of_stream);
    switch (found.kind) {
      case Detection::Kind::record:
        check_reply(now, in_.bytes().substr(found.body_offset, found.body_size));
        in_.consume(found.size);
        break;
      case Detection::Kind::need_more:
      case Detection::Kind::no_more: return;
      case Detection::Kind::incomplete:
        sender_.findings().add([&] {
          return "sender " + std::to_string(number_) + ": the stream ended inside a reply, after '" +
                 escaped(in_.bytes(), 40) + "'";
        });
        return in_.clear();
      case Detection::Kind::too_long:
      case Detection::Kind::invalid:
        sender_.findings().add([&] {
          return "sender " + std::to_string(number_) + ": what came is no reply with framing '" +
                 sender_.options().framing.name + "': " + found.reason + " (it begins with '" +
                 escaped(in_.bytes(), 40) + "')";
        });
        return end();
    }
  }
}

void Lane::check_reply(Time now, std::string_view body) {
  const SendOptions& options = sender_.options();
  if (outstanding_count_ == 0) {
    return sender_.findings().add([&] {
      return "sender " + std::to_string(number_) + ": a reply that nothing was sent for: '" +
             escaped(body, 60) + "'";
    });
  }
  const Outstanding oldest = outstanding_[oldest_];
  oldest_ = (oldest_ + 1) % outstanding_.size();
  --outstanding_count_;
  const RecordNumber number{number_, oldest.sequence};
  std::string& expected = sender_.scratch();
  expected.clear();
  if (options.reply == Reply::echo) {
    sender_.source().append_record(expected, number, options.framing);
  } else {
    options.acknowledgment.append(expected, number);
    options.framing.pad(expected);
  }
  if (body == expected) return sender_.replied(now, now - oldest.since);
  sender_.findings().add([&] {
    const auto differ = std::mismatch(body.begin(), body.end(), expected.begin(), expected.end());
    return "reply to " + to_string(number) + ": expected '" + escaped(expected, 60) + "', found '" +
           escaped(body, 60) + "', different from byte " + std::to_string(differ.first - body.begin());
  });
}

void Lane::peer_ended(Time now, StreamEnd end_of_stream, const std::string& how) {
  if (sender_.options().reply != Reply::none) take_replies(now, end_of_stream);
  if (step_ == Step::ended) return;
  const bool as_it_should =
      step_ == Step::ending && outstanding_count_ == 0 && end_of_stream == StreamEnd::clean;
  if (!as_it_should) {
    sender_.findings().add([&] {
      std::string text = "sender " + std::to_string(number_) + ": the connection ended (" + how + ") after " +
                         std::to_string(sequence_) + " records";
      if (outstanding_count_ > 0) {
        text += ", " + std::to_string(outstanding_count_) + " replies missing, first to " +
                to_string({number_, outstanding_[oldest_].sequence});
      }
      return text;
    });
  }
  if (!as_it_should || no_more_ || !sender_.options().framing.one_per_connection()) return end();
  close();  // the next record gets the next connection
  step_ = Step::idle;
  composed_on_connection_ = 0;
  pump(now);
}

void Lane::end() {
  close();
  step_ = Step::ended;
  sender_.lane_ended();
}

void Lane::close() {
  if (!fd_) return;
  sender_.loop().forget(fd_.get(), *this);
  fd_.reset();
}

}  // namespace connmgr::programs

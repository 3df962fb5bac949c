#include "connmgr/io/connection.h"

#include <utility>

#include "connmgr/core/check.h"

namespace connmgr::io {
namespace {

CloseCause cause_of(ChannelEnd end) {
  switch (end) {
    case ChannelEnd::clean: return CloseCause::peer;
    case ChannelEnd::reset: return CloseCause::reset;
    case ChannelEnd::timed_out: return CloseCause::timed_out;
    default: return CloseCause::failed;
  }
}

std::string text_of(ChannelEnd end, const std::error_code& error) {
  if (error) return error.message();
  switch (end) {
    case ChannelEnd::reset: return "reset by the peer";
    case ChannelEnd::timed_out: return "the peer does not answer";
    case ChannelEnd::truncated: return "ended without a close alert";
    default: return "failed";
  }
}

}  // namespace

std::string_view to_string(SendOutcome outcome) {
  switch (outcome) {
    case SendOutcome::not_sent: return "not_sent";
    case SendOutcome::handed: return "handed";
    case SendOutcome::unknown: return "unknown";
  }
  return "?";
}

Connection::Connection(OnShard& here, std::unique_ptr<Channel> channel, ConnectionRef ref,
                       ConnectionOwner& owner, const Limits& limits)
    : shard_(here.shard()),
      ref_(ref),
      channel_(std::move(channel)),
      owner_(owner),
      limits_(limits),
      local_(channel_->local()),
      peer_(channel_->peer()),
      close_by_([this](OnShard& later) { on_close_timeout(later); }) {
  channel_->set_events(*this);
  shard_.touch(here, *this);
}

Connection::~Connection() {
  shard_.forget(*this);
}

// At the end of a frame: what was queued leaves, those who wait for it are told, reading goes on. In this
// order, so that a reply is on its way before the next request is looked for.
void Connection::flush(OnShard& here) {
  if (stage_ == Stage::ending) return say_closed(here);
  write(here);
  report_sends(here);
  tell_of_room(here);
  read_on(here);
  go_on_closing(here);
}

// --- input -----------------------------------------------------------------------------------------

void Connection::consume(OnShard& here, std::size_t bytes) {
  check(bytes <= unread().size(), "consume more than was read");
  input_.consume(bytes);
  expected_ = 0;
  if (!reading_) shard_.touch(here, *this);
}

void Connection::expect(OnShard& here, std::size_t bytes) {
  expected_ = bytes;
  if (!reading_) shard_.touch(here, *this);
}

// One read is always under way unless the buffer is full, so that a FIN or reset is noticed.
void Connection::read_on(OnShard& here) {
  if (reading_ || broken_ || input_end_ != ChannelEnd::none || !descriptor_open()) return;
  if (discards_input()) input_.clear();
  const std::span<char> room =
      input_.room_for_read(discards_input() ? ReadBuffer::kLargestReadAhead : read_limit());
  if (room.empty()) return;
  reading_ = true;
  channel_->read_some(here, room);
}

void Connection::on_read(OnShard& here, const ReadOutcome& outcome) {
  reading_ = false;
  shard_.touch(here, *this);
  if (outcome.bytes > 0 && !discards_input()) input_.came(outcome.bytes);
  if (outcome.end != ChannelEnd::none) return on_input_end(here, outcome.end, outcome.error);
  if (discards_input()) return;
  if (reader_) return reader_->on_input(here);
  owner_.on_data(here, *this);
}

void Connection::on_input_end(OnShard& here, ChannelEnd end, const std::error_code& error) {
  input_end_ = end;
  if (discards_input()) return;  // go_on_closing sees it
  if (output_dead_) return break_with(here, output_death_, std::move(failure_));
  if (end != ChannelEnd::clean) {
    return break_with(here, cause_of(end), {Errc::stale_connection, what() + ": " + text_of(end, error)});
  }
  owner_.on_input_ended(here, *this);
  if (reader_) reader_->on_input(here);
}

// --- output ----------------------------------------------------------------------------------------

bool Connection::room() const noexcept {
  return takes_sends() && queued_bytes_ < limits_.send_queue;
}

Failure Connection::why_not_sent() const {
  if (broken_ || output_dead_) return failure_;
  return {Errc::connection_closed,
          what() + (half_close_ ? ": its output is closed" : ": it is being closed")};
}

void Connection::send(OnShard& here, std::string_view before, std::string_view body, std::string_view after,
                      SendWaiter* waiter) {
  const QueuedSend send{.bytes = before.size() + body.size() + after.size(), .handed = 0, .waiter = waiter};
  shard_.touch(here, *this);
  if (!takes_sends()) return fail_send(send, why_not_sent());
  output_.append(before);
  output_.append(body);
  output_.append(after);
  queued_bytes_ += send.bytes;
  sends_.push(send);
}

void Connection::write(OnShard& here) {
  if (waiting_writable_ || sends_.empty() || !descriptor_open()) return;
  const std::string_view all = output_.bytes();
  const WriteOutcome outcome = all.empty() ? WriteOutcome{} : channel_->try_write(here, {&all, 1});
  taken_by_kernel(outcome.bytes);
  if (outcome.end != ChannelEnd::none) return on_write_failed(here, outcome);
  if (outcome.bytes > 0 && stage_ == Stage::flushing) close_by_.set(here, here.now() + limits_.close_timeout);
  if (output_.empty()) return;
  waiting_writable_ = true;
  channel_->wait_writable(here);
}

void Connection::on_writable(OnShard& here) {
  waiting_writable_ = false;
  shard_.touch(here, *this);
}

void Connection::taken_by_kernel(std::size_t bytes) {
  output_.take_front(bytes);
  queued_bytes_ -= bytes;
  while (!sends_.empty()) {
    QueuedSend& first = sends_.front();
    const std::size_t of_it = std::min(bytes, first.bytes - first.handed);
    first.handed += of_it;
    bytes -= of_it;
    if (first.handed < first.bytes) return;
    finish_send(sends_.pop());
  }
}

// The peer may have sent something before it went, an error reply perhaps: reading goes on to the end of
// it, which comes at once. Where nothing can be read any more, it is broken now.
void Connection::on_write_failed(OnShard& here, const WriteOutcome& outcome) {
  output_dead_ = true;
  output_death_ = cause_of(outcome.end);
  failure_ = {Errc::stale_connection, what() + ": " + text_of(outcome.end, outcome.error)};
  fail_sends(failure_);
  if (discards_input()) return;  // go_on_closing sees it
  const bool reads_on = input_end_ == ChannelEnd::none && outcome.end != ChannelEnd::failed &&
                        (reading_ || unread().size() < read_limit());
  if (!reads_on) break_with(here, output_death_, std::move(failure_));
}

void Connection::finish_send(const QueuedSend& send) {
  if (send.waiter) finished_.push({.send = send, .outcome = SendOutcome::handed, .why = nullptr});
}

void Connection::fail_send(const QueuedSend& send, const Failure& why) {
  if (!send.waiter) return;
  const SendOutcome outcome = send.handed > 0 ? SendOutcome::unknown : SendOutcome::not_sent;
  finished_.push({.send = send, .outcome = outcome, .why = std::make_unique<Failure>(why)});
}

void Connection::fail_sends(const Failure& why) {
  while (!sends_.empty()) fail_send(sends_.pop(), why);
  output_.clear();
  queued_bytes_ = 0;
}

void Connection::report_sends(OnShard& here) {
  while (!finished_.empty()) {
    const FinishedSend finished = finished_.pop();
    if (!finished.send.waiter) continue;
    SendReport report{
        .outcome = finished.outcome, .bytes = finished.send.bytes, .handed = finished.send.handed};
    if (finished.why) report.failure = std::move(*finished.why);
    finished.send.waiter->on_sent(here, report);
  }
}

void Connection::forget(SendWaiter& waiter) noexcept {
  for (QueuedSend& send : sends_) {
    if (send.waiter == &waiter) send.waiter = nullptr;
  }
  for (FinishedSend& finished : finished_) {
    if (finished.send.waiter == &waiter) finished.send.waiter = nullptr;
  }
}

void Connection::cancel_send(OnShard& here, SendWaiter& waiter, const Failure& why) {
  std::size_t offset = 0;
  for (QueuedSend& send : sends_) {
    if (send.waiter != &waiter) {
      offset += send.bytes - send.handed;
      continue;
    }
    if (send.handed > 0) return break_with(here, CloseCause::send_cut, why);
    output_.erase(offset, send.bytes);
    queued_bytes_ -= send.bytes;
    fail_send(send, why);
    sends_.erase(send);
    shard_.touch(here, *this);
    return;
  }
}

void Connection::tell_of_room(OnShard& here) {
  if (on_room_ && (room() || !takes_sends())) std::exchange(on_room_, nullptr)(here);
}

// --- end -------------------------------------------------------------------------------------------

void Connection::half_close(OnShard& here) {
  half_close_ = true;
  shard_.touch(here, *this);
}

void Connection::shut_output(OnShard& here) {
  if (!std::exchange(output_shut_, true)) channel_->shutdown_output(here);
}

void Connection::close(OnShard& here) {
  if (stage_ != Stage::open) return;
  stage_ = Stage::flushing;
  input_.clear();
  close_by_.set(here, deadline_after(here.now(), limits_.close_timeout));
  shard_.touch(here, *this);
}

void Connection::go_on_closing(OnShard& here) {
  const bool dead =
      broken_ || output_dead_ || (input_end_ != ChannelEnd::none && input_end_ != ChannelEnd::clean);
  const bool all_gone = sends_.empty();
  if (stage_ == Stage::open && half_close_ && all_gone && !dead) shut_output(here);
  if (stage_ == Stage::flushing) {
    if (dead) return end(here);
    if (!all_gone) return;
    // What the peer has not acknowledged would be lost if it sent something more to a closed socket; after
    // its end it cannot, and the kernel delivers the rest by itself.
    if (input_end_ == ChannelEnd::clean || (channel_->unsent() == 0 && channel_->unread() == 0))
      return end(here);
    shut_output(here);
    stage_ = Stage::lingering;
    close_by_.set(here, deadline_after(here.now(), limits_.close_timeout));
  }
  if (stage_ == Stage::lingering && (dead || input_end_ == ChannelEnd::clean)) end(here);
}

void Connection::on_close_timeout(OnShard& here) {
  const auto seconds = std::chrono::duration<double>(limits_.close_timeout).count();
  fail_sends({Errc::timeout, what() + ": the peer took nothing for " + std::to_string(seconds) +
                                 " s while it was closed (close_timeout)"});
  end(here);
}

void Connection::end(OnShard& here) {
  if (!descriptor_open()) return;
  fail_sends(why_not_sent());
  close_by_.clear();
  channel_->close(here);
  stage_ = Stage::ending;
  shard_.touch(here, *this);
}

void Connection::abort(OnShard& here, const Failure& why) {
  if (!descriptor_open()) return;
  broken_ = true;
  failure_ = why;
  fail_sends(why);
  close_by_.clear();
  channel_->abort(here);
  stage_ = Stage::ending;
  shard_.touch(here, *this);
}

void Connection::say_closed(OnShard& here) {
  report_sends(here);
  tell_of_room(here);
  if (input_end_ == ChannelEnd::none) input_end_ = ChannelEnd::failed;
  if (InputReader* reader = std::exchange(reader_, nullptr)) reader->on_input(here);
  report_sends(here);  // what those who were told have tried to send since
  stage_ = Stage::closed;
  owner_.on_closed(here, *this);
}

void Connection::break_with(OnShard& here, CloseCause cause, Failure why) {
  if (broken_) return;
  broken_ = true;
  failure_ = std::move(why);
  if (input_end_ == ChannelEnd::none) input_end_ = ChannelEnd::failed;
  fail_sends(failure_);
  shard_.touch(here, *this);
  if (stage_ != Stage::open) return;  // it is closing, and now it can
  owner_.on_broken(here, *this, cause);
  if (reader_) reader_->on_input(here);
}

}  // namespace connmgr::io

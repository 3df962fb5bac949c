#include "nodes/input_session.h"

#include <algorithm>
#include <utility>

#include "nodes/flow.h"
#include "nodes/flow_shard.h"
#include "nodes/input_node.h"

namespace connmgr::nodes {
namespace {

// After so many records at a time the shard's other connections come first.
constexpr int kRecordsPerTurn = 256;
// What a record that failed leaves for `failure` (D4).
constexpr std::size_t kFailedBytesKept = 64 * 1024;
// From here on the connection is told that a large record is under way.
constexpr std::size_t kLargeRecord = 16 * 1024;

}  // namespace

InputSession::InputSession() : record_deadline_([this](OnShard& here) { on_record_timeout(here); }) {}

void InputSession::begin(OnShard& here, InputNode& node, StreamLease stream) {
  node_ = &node;
  stream_ = std::move(stream);
  detector_.emplace(node_->settings_.records, node_->max_record_bytes_, stream_.owes_piece());
  found_ = {};
  failure_.reset();
  running_ = nullptr;
  has_instance_ = false;
  closes_ = false;
  step_ = Step::reading;
  read(here);
}

void InputSession::read(OnShard& here) {
  on_stack_ = true;
  for (int records = 0; step_ == Step::reading; ++records) {
    if (records == kRecordsPerTurn) {
      go_on_later(here);
      break;
    }
    next_record(here);
  }
  on_stack_ = false;
  if (std::exchange(has_instance_, false)) node_->flow().instances().give_back(here);
  if (step_ == Step::over) recycle(here);
}

void InputSession::next_record(OnShard& here) {
  if (!failure_ && found_.kind == Detection::Kind::need_more) {
    found_ = detector_->next(stream_.unread(), stream_end());
    stream_.set_owes_piece(detector_->owes_piece());
  }
  switch (found_.kind) {
    case Detection::Kind::need_more:
      if (!failure_) return wait_for_bytes(here);
      break;
    case Detection::Kind::no_more: return end_use(here);
    case Detection::Kind::record: return run_record(here);
    default: failure_ = failure_of(found_); break;
  }
  run_failure(here);
}

void InputSession::wait_for_bytes(OnShard& here) {
  const std::string_view unread = stream_.unread();
  if (unread.empty()) return end_use(here);
  if (record_deadline_.when() == kNever) {
    record_deadline_.set(here, deadline_after(here.now(), node_->settings_.record_timeout));
  }
  if (unread.size() >= kLargeRecord) stream_.connection().expect(here, 2 * unread.size());
  stream_.set_reader(this);
  step_ = Step::waiting_for_bytes;
}

void InputSession::on_input(OnShard& here) {
  switch (step_) {
    case Step::waiting_for_bytes: step_ = Step::reading; return read(here);
    case Step::waiting_for_end:
      // More records: they need not wait for the iteration. The end alone changes nothing.
      if (closes_ || stream_.unread().empty()) return;
      return let_go(here);
    default: return;  // looked at when its time comes
  }
}

void InputSession::on_record_timeout(OnShard& here) {
  if (step_ != Step::waiting_for_bytes) return;
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(node_->settings_.record_timeout);
  failure_ =
      Failure(node_->settings_.records.kind == RecordFormat::Kind::connection_closed ? Errc::record_incomplete
                                                                                     : Errc::timeout,
              from_whom() + ": a record was not complete " + std::to_string(limit.count()) +
                  " ms after its first byte (record_timeout); " + std::to_string(stream_.unread().size()) +
                  " bytes of it had come");
  step_ = Step::reading;
  read(here);
}

bool InputSession::take_instance(OnShard& here) {
  if (has_instance_) return true;
  if (node_->flow().instances().take(here, *this)) {
    has_instance_ = true;
    return true;
  }
  step_ = Step::waiting_for_instance;
  return false;
}

void InputSession::on_place(OnShard& here) {
  if (step_ == Step::leaving) {
    node_->flow().instances().give_back(here);
    return recycle(here);
  }
  has_instance_ = true;
  step_ = Step::reading;
  read(here);
}

FlowIterationPtr InputSession::start_iteration() {
  OnShard& here = *io::Shard::current();
  FlowIterationPtr iteration = node_->flow().side(here).start_iteration(*node_, this);
  ConnectionUse& input = iteration->local_environment().write_input();
  input.connection = stream_.details();
  input.reply_id = stream_.reply_id();
  iteration->remember_use(stream_.manager(), stream_.id());
  return iteration;
}

void InputSession::run_record(OnShard& here) {
  if (!take_instance(here)) return;
  record_deadline_.clear();
  const Detection record = std::exchange(found_, {});
  FlowIterationPtr iteration = start_iteration();
  iteration->message().begin(stream_.unread().substr(record.body_offset, record.body_size),
                             node_->keeps_original());
  iteration->local_environment().write_input().input_record = stream_.count_input_record(record.size);
  stream_.consume(here, record.size);

  if (node_->changes_streams()) {
    ConnectionManager& manager = stream_.manager();
    stream_.then(node_->settings_.input_stream);
    stream_.then_other(node_->settings_.output_stream);
    const Reserved reserved = stream_.give_back(here);
    if (node_->settings_.input_stream == StreamChange::reserve_until_flow_end) {
      iteration->release_at_end(manager, reserved.own);
    }
    if (node_->settings_.output_stream == StreamChange::reserve_until_flow_end) {
      iteration->release_at_end(manager, reserved.other);
    }
  }
  run(here, node_->out, std::move(iteration));
}

void InputSession::run_failure(OnShard& here) {
  record_deadline_.clear();
  if (!node_->failure.wired()) {
    node_->flow().side(here).count_failed();
    node_->flow().side(here).unrouted(here, node_->name(), *failure_);
    stream_.close_connection(here, CloseCause::record_error);
    return end_use(here);
  }
  if (!take_instance(here)) return;
  FlowIterationPtr iteration = start_iteration();
  iteration->route_ = FlowIteration::Route::in_failure;
  iteration->message().begin(stream_.unread().substr(0, kFailedBytesKept), false);
  iteration->local_environment().set_failure({*std::exchange(failure_, std::nullopt), node_->name()});
  node_->flow().side(here).count_failed();
  // Only after the iteration, which may have something to say to the peer.
  closes_ = true;
  run(here, node_->failure, std::move(iteration));
  if (!running_ && stream_) {
    stream_.close_connection(here, CloseCause::record_error);
    end_use(here);
  }
}

void InputSession::run(OnShard& here, const Terminal& terminal, FlowIterationPtr iteration) {
  running_ = iteration.get();
  running_inline_ = true;
  terminal.propagate(here, std::move(iteration));
  running_inline_ = false;
  if (!running_) {  // it has ended, and left its instance here for the next record
    if (!stream_) step_ = Step::over;
    return;
  }
  has_instance_ = false;
  if (stream_ && (closes_ || stream_.unread().empty())) {
    stream_.set_reader(this);
    step_ = Step::waiting_for_end;
    return;
  }
  end_use(here);
}

void InputSession::iteration_ended(OnShard& here) {
  running_ = nullptr;
  if (step_ != Step::waiting_for_end) return;
  if (closes_) stream_.close_connection(here, CloseCause::record_error);
  end_use(here);
  if (!on_stack_) recycle(here);
}

void InputSession::go_on_later(OnShard& here) {
  step_ = Step::waiting_for_turn;
  here.shard().post([this](OnShard& then) {
    if (step_ == Step::leaving) return recycle(then);
    step_ = Step::reading;
    read(then);
  });
}

void InputSession::let_go(OnShard& here) {
  switch (step_) {
    case Step::reading:  // its iteration is on the stack, and asks for this very stream
      if (!closes_) stream_ = {};
      return;
    case Step::waiting_for_end:
      if (closes_) return;
      break;
    case Step::waiting_for_instance:
      if (node_->flow().instances().leave(here, *this)) break;
      [[fallthrough]];
    case Step::waiting_for_turn:
      stream_ = {};
      step_ = Step::leaving;
      return;
    case Step::waiting_for_bytes: break;
    case Step::leaving:
    case Step::over: return;
  }
  end_use(here);
  recycle(here);
}

// The stream goes back; what is unread is offered again, to whoever is next.
void InputSession::end_use(OnShard&) {
  if (running_) std::exchange(running_, nullptr)->session_ = nullptr;
  record_deadline_.clear();
  stream_ = {};
  step_ = Step::over;
}

void InputSession::recycle(OnShard& here) {
  step_ = Step::over;
  detector_.reset();
  node_->flow().side(here).session_over(*this);
}

StreamEnd InputSession::stream_end() const noexcept {
  switch (stream_.input_end()) {
    case io::ChannelEnd::none: return StreamEnd::open;
    case io::ChannelEnd::clean: return StreamEnd::clean;
    default: return StreamEnd::broken;
  }
}

std::string InputSession::from_whom() const {
  const ConnectionDetails& details = *stream_.details();
  return "service '" + details.service + "', connection " + details.public_name + " with " +
         to_string(details.peer);
}

Failure InputSession::failure_of(const Detection& found) const {
  const std::string who = from_whom();
  const std::string bytes = std::to_string(stream_.unread().size()) + " bytes";
  switch (found.kind) {
    case Detection::Kind::too_long:
      return {Errc::record_too_long, who + ": a record is longer than " +
                                         std::to_string(node_->max_record_bytes_) +
                                         " bytes (max_record_bytes); the connection is closed"};
    case Detection::Kind::invalid:
      return {Errc::record_invalid,
              who + ": the bytes are no record: " + std::string(found.reason) + "; the connection is closed"};
    default: {
      std::string how = "the peer closed its side";
      if (stream_.input_end() != io::ChannelEnd::clean) {
        const Failure& broken = stream_.connection().failure();
        how = broken.text.empty() ? "the connection broke" : broken.text;
      }
      return {Errc::record_incomplete,
              who + ": the stream ended inside a record, after " + bytes + " of it: " + how};
    }
  }
}

}  // namespace connmgr::nodes

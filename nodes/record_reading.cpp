#include "nodes/record_reading.h"

#include <algorithm>
#include <utility>

#include "nodes/flow.h"
#include "nodes/flow_shard.h"
#include "nodes/receive_node.h"

namespace connmgr::nodes {
namespace {

constexpr std::size_t kFailedBytesKept = 64 * 1024;  // what a record that failed leaves for `failure` (D4)
constexpr std::size_t kLargeRecord = 16 * 1024;  // from here on the connection is told that one is under way

std::string text_of(const ConnectionDetails& details) {
  return "service '" + details.service + "', connection " + details.public_name + " with " +
         to_string(details.peer);
}

std::string in_ms(Duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) + " ms";
}

}  // namespace

RecordReading::RecordReading() : deadline_([this](OnShard& here) { on_timeout(here); }) {}

void RecordReading::begin(OnShard& here, ReceiveNode& node, FlowIterationPtr iteration, StreamLease stream,
                          TimePoint deadline) {
  node_ = &node;
  iteration_ = std::move(iteration);
  stream_ = std::move(stream);
  detector_.emplace(node.settings_.records, node.max_record_bytes_, stream_.owes_piece());
  overall_ = deadline;
  began_ = false;
  iteration_->remember_use(stream_.manager(), stream_.id());
  const Destination& told = iteration_->local_environment().receive_destination();
  if (told.length && node.settings_.records.kind == RecordFormat::Kind::fixed_length) {
    if (auto set = detector_->set_fixed_length(*told.length); !set) {
      auto ended = end(here);
      if (ended.stream.other_reservation()) ended.stream.manager().release(ended.stream.other_reservation());
      ended.stream.give_back(here);
      return node.failed(here, std::move(ended.iteration), set.error());
    }
  }
  read(here);
}

void RecordReading::read(OnShard& here) {
  const io::ChannelEnd end = stream_.input_end();
  const StreamEnd how = end == io::ChannelEnd::none    ? StreamEnd::open
                        : end == io::ChannelEnd::clean ? StreamEnd::clean
                                                       : StreamEnd::broken;
  const Detection found = detector_->next(stream_.unread(), how);
  stream_.set_owes_piece(detector_->owes_piece());
  switch (found.kind) {
    case Detection::Kind::need_more: return wait(here);
    case Detection::Kind::record: return finish(here, found);
    default: return fail(here, found);
  }
}

void RecordReading::wait(OnShard& here) {
  const std::size_t unread = stream_.unread().size();
  if (unread > 0 && !began_) {
    began_ = true;
    deadline_.clear();
  }
  if (deadline_.when() == kNever) {
    const Duration limit = began_ ? node_->settings_.record_timeout : node_->settings_.first_byte_timeout;
    deadline_.set(here, std::min(overall_, deadline_after(here.now(), limit)));
  }
  if (unread >= kLargeRecord) stream_.connection().expect(here, 2 * unread);
  stream_.set_reader(this);
}

RecordReading::Ended RecordReading::end(OnShard& here) {
  deadline_.clear();
  detector_.reset();
  Ended ended{std::move(iteration_), std::move(stream_)};
  ended.stream.set_reader(nullptr);
  node_->flow().side(here).reading_over(*this);
  return ended;
}

void RecordReading::finish(OnShard& here, const Detection& record) {
  ReceiveNode& node = *node_;
  auto [iteration, stream] = end(here);
  const ReceiveSettings& settings = node.settings_;
  LocalEnvironment& environment = iteration->local_environment();
  iteration->message().set_body(stream.unread().substr(record.body_offset, record.body_size));
  ConnectionUse& received = environment.write_receive();
  received.connection = stream.details();
  received.reply_id = stream.reply_id();
  received.input_record = stream.count_input_record(record.size);
  stream.consume(here, record.size);
  if (const auto& reply_id = environment.receive_destination().reply_id) stream.set_reply_id(*reply_id);

  ConnectionManager& manager = stream.manager();
  if (settings.output_stream == StreamChange::reserve_until_flow_end) {
    iteration->release_at_end(manager, stream.other_reservation());
  }
  if (settings.output_stream == StreamChange::release) stream.then_other(StreamChange::release);
  stream.then(settings.input_stream);
  const Reserved reserved = stream.give_back(here);
  if (settings.input_stream == StreamChange::reserve_until_flow_end)
    iteration->release_at_end(manager, reserved.own);
  node.out.propagate(here, std::move(iteration));
}

void RecordReading::fail(OnShard& here, const Detection& found) {
  ReceiveNode& node = *node_;
  const std::string reason = found.reason;  // may lie in the detector, which ends here
  auto [iteration, stream] = end(here);
  const std::string who = text_of(*stream.details());
  const std::string_view unread = stream.unread();
  const Failure& broken = stream.connection().failure();
  Failure why;
  switch (found.kind) {
    case Detection::Kind::too_long:
      why = {Errc::record_too_long, who + ": a record is longer than " +
                                        std::to_string(node.max_record_bytes_) +
                                        " bytes (max_record_bytes); the connection is closed"};
      break;
    case Detection::Kind::invalid:
      why = {Errc::record_invalid,
             who + ": the bytes are no record: " + reason + "; the connection is closed"};
      break;
    case Detection::Kind::incomplete:
      why = {Errc::record_incomplete, who + ": the stream ended inside a record, after " +
                                          std::to_string(unread.size()) + " bytes of it" +
                                          (broken.text.empty() ? "" : ": " + broken.text)};
      break;
    default:
      why = {Errc::connection_closed, who + ": the peer closed it before a record came" +
                                          (broken.text.empty() ? "" : ": " + broken.text)};
      break;
  }
  if (found.kind != Detection::Kind::no_more) {
    iteration->message().set_body(unread.substr(0, kFailedBytesKept));
    stream.close_connection(here, CloseCause::record_error);
  }
  if (stream.other_reservation()) stream.manager().release(stream.other_reservation());
  stream.give_back(here);
  node.failed(here, std::move(iteration), std::move(why));
}

void RecordReading::give_up(OnShard& here, const Failure& why) {
  if (!stream_) return;
  ReceiveNode& node = *node_;
  auto [iteration, stream] = end(here);
  if (stream.other_reservation()) stream.manager().release(stream.other_reservation());
  stream.give_back(here);
  node.failed(here, std::move(iteration), why);
}

void RecordReading::on_timeout(OnShard& here) {
  if (!stream_) return;
  ReceiveNode& node = *node_;
  const bool by_message = overall_ <= here.now();
  auto [iteration, stream] = end(here);
  const ReceiveSettings& settings = node.settings_;
  std::string limit = by_message ? "the message's own timeout"
                      : began_   ? in_ms(settings.record_timeout) + " (record_timeout)"
                                 : in_ms(settings.first_byte_timeout) + " (first_byte_timeout)";
  Failure why(Errc::timeout, text_of(*stream.details()) + ": no whole record within " + limit + "; " +
                                 std::to_string(stream.unread().size()) +
                                 " bytes of it had come, and stay unread");
  if (stream.other_reservation()) stream.manager().release(stream.other_reservation());
  stream.give_back(here);
  node.timed_out(here, std::move(iteration), std::move(why));
}

}  // namespace connmgr::nodes

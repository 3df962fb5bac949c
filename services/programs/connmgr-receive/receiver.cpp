#include "services/programs/connmgr-receive/receiver.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>

#include "services/programs/support/progress.h"
#include "services/programs/support/units.h"

namespace connmgr::programs {
namespace {

constexpr auto kTick = std::chrono::milliseconds(100);  // time limits

}  // namespace

Receiver::Receiver(const ReceiveOptions& options, const RecordSource* source)
    : options_(options), verifier_(options.framing, source, options.order) {}

Result<void> Receiver::listen() {
  Result<FileDescriptor> listener = listen_on(options_.bind, options_.port);
  if (!listener) return listener.error();
  listener_ = *std::move(listener);
  loop_.watch(listener_.get(), EPOLLIN, *this);
  const SocketAddress address = local_address_of(listener_.get());
  if (!options_.ready_file.empty()) {
    const int error = write_file_whole(options_.ready_file, std::to_string(address.port()) + "\n");
    if (error != 0) {
      return Failure{Errc::invalid_configuration,
                     "cannot write " + options_.ready_file + ": " + errno_text(error)};
    }
  }
  if (!options_.quiet) {
    std::fprintf(stderr, "listening on %s, framing %s\n", address.text().c_str(),
                 options_.framing.name.c_str());
  }
  return {};
}

void Receiver::on_ready(std::uint32_t) {
  while (true) {
    SocketAddress from;
    FileDescriptor fd(::accept4(listener_.get(), from.get(), &from.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
      ++accepted_;
      peers_.push_back(std::make_unique<Peer>(*this, std::move(fd), from.text()));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      failure_ =
          "cannot take one more connection than " + std::to_string(peers_.size()) + ": " + errno_text(errno);
      return;
    }
    // EINTR, or a connection that ended before it was taken: the next one.
  }
}

Exit Receiver::run() {
  Progress progress("receiving", options_.quiet);
  started_ = first_ = last_ = none_open_since_ = Clock::now();
  End end = End::not_yet;
  for (Time tick = started_ + kTick; end == End::not_yet;) {
    moved_ = left_unread_ = false;
    loop_.run_once(std::min(tick, progress.next()));
    const Time now = Clock::now();
    if (moved_) {
      if (first_ == started_) first_ = now;
      last_ = now;
    }
    if (loop_.told_all() && !left_unread_ && not_read_ == 0) verifier_.next_round();
    if (closed_ != dropped_) drop_closed();
    if (closed_ != accepted_) none_open_since_ = now;
    end = end_reached(now);
    if (now >= tick) tick = now + kTick;
    const double share = options_.expect_records ? static_cast<double>(verifier_.arrived()) /
                                                       static_cast<double>(*options_.expect_records)
                                                 : -1;
    progress.show(now, verifier_.counts().records, share);
  }
  if (end == End::all_came) linger();
  progress.finish();
  verifier_.finish(end == End::stopped ? std::nullopt : options_.expect_records);
  return outcome(end);
}

void Receiver::drop_closed() {
  std::erase_if(peers_, [](const auto& peer) { return peer->closed(); });
  dropped_ = closed_;
}

Receiver::End Receiver::end_reached(Time now) {
  if (loop_.stop_asked()) return End::stopped;
  if (!failure_.empty()) return End::failed;
  if (options_.expect_records && verifier_.arrived() >= *options_.expect_records) return End::all_came;
  if (options_.until_closed && accepted_ > 0 && closed_ == accepted_ &&
      now - none_open_since_ >= options_.linger) {
    return End::all_closed;
  }
  if (options_.idle_timeout && now - std::max(last_, started_) >= *options_.idle_timeout) return End::idle;
  return End::not_yet;
}

// All have come. Our side closes once all is answered; the peers' sides are read to their end, for a moment:
// a record too many would come just now.
void Receiver::linger() {
  const Time until = Clock::now() + options_.linger;
  for (const auto& peer : peers_) {
    if (!peer->closed()) peer->half_close();
  }
  while (closed_ != accepted_ && Clock::now() < until && !loop_.stop_asked()) {
    loop_.run_once(until);
    if (closed_ != dropped_) drop_closed();
  }
}

void Receiver::reset(const std::string& peer, int error) {
  ++resets_;
  if (resets_ <= Findings::kDescribed && !options_.quiet) {
    std::fprintf(stderr, "note: connection from %s: %s\n", peer.c_str(), errno_text(error).c_str());
  }
}

Exit Receiver::outcome(End end) const {
  if (verifier_.findings().count() > 0 && accepted_ > 0) return Exit::difference;
  if (end == End::failed || (end == End::idle && accepted_ == 0)) return Exit::unreachable;
  if (verifier_.findings().count() > 0) return Exit::difference;
  // Without a number to reach, being stopped is the usual end.
  return end == End::stopped && options_.expect_records ? Exit::interrupted : Exit::good;
}

Exit Receiver::report(Exit outcome) const {
  const Verifier::Counts& counts = verifier_.counts();
  const double seconds = std::chrono::duration<double>(last_ - first_).count();
  const double rate = seconds > 0 ? static_cast<double>(counts.records) / seconds : 0;

  if (accepted_ == 0 && outcome == Exit::unreachable && failure_.empty()) {
    std::fprintf(stderr, "connmgr-receive: nobody connected to %s within %s\n",
                 local_address_of(listener_.get()).text().c_str(),
                 duration_text(Clock::now() - started_).c_str());
  } else {
    verifier_.findings().print();
  }
  if (!failure_.empty()) std::fprintf(stderr, "connmgr-receive: %s\n", failure_.c_str());

  Table table("received over " + count_text(accepted_) + " connections, framing " + options_.framing.name);
  table.row("records", count_text(counts.records));
  table.row("as expected", count_text(counts.good));
  table.row("bytes", bytes_text(bytes_));
  table.row("time", duration_text(last_ - first_));
  table.row("records a second", count_text(static_cast<std::uint64_t>(std::llround(rate))));
  const std::pair<const char*, std::uint64_t> wrong[] = {
      {"lost", counts.lost},       {"doubled", counts.doubled},           {"cut", counts.cut},
      {"altered", counts.altered}, {"out of order", counts.out_of_order}, {"unreadable", counts.unreadable}};
  for (const auto& [name, count] : wrong) table.row(name, count_text(count));
  if (resets_ > 0) table.row("connections reset", count_text(resets_));
  if (outcome == Exit::interrupted) table.row("interrupted", "yes");

  JsonObject json;
  json.text("program", "connmgr-receive");
  json.text("framing", options_.framing.name);
  json.number("connections", accepted_);
  json.number("records", counts.records);
  json.number("verified", counts.good);
  json.number("bytes", bytes_);
  json.number("seconds", seconds);
  json.number("records_per_second", rate);
  json.number("lost", counts.lost);
  json.number("doubled", counts.doubled);
  json.number("cut", counts.cut);
  json.number("altered", counts.altered);
  json.number("out_of_order", counts.out_of_order);
  json.number("unreadable", counts.unreadable);
  json.number("connections_reset", resets_);
  json.number("differences", verifier_.findings().count());
  json.texts("first_differences", verifier_.findings().described());
  json.number("exit_code", static_cast<std::uint64_t>(outcome));

  const bool published = publish(table.text(), json, options_.json);
  return published || outcome != Exit::good ? outcome : Exit::usage;
}

}  // namespace connmgr::programs

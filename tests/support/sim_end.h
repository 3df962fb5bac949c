// For tests right at the seam: an io::Channel with somebody who reads it and remembers, and ways to get one.
//
//   SimEnd till(shard);
//   till.connect(world, {.host = "bank", .port = 7000});
//   world.run_until_quiet();
//   till.write("hello");
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "connmgr/io/network.h"

namespace connmgr::testing {

class SimEnd final : public io::ChannelEvents {
 public:
  explicit SimEnd(io::Shard& shard) : shard_(shard) {}

  void connect(io::Network& network, const io::ConnectTarget& target) {
    shard_.enter([&](io::OnShard& here) {
      attempt_ = network.connect(here, target, [this](io::OnShard& there, auto result) {
        if (result) {
          take(there, *std::move(result));
        } else {
          failure = result.error();
        }
      });
    });
  }
  void take(io::OnShard& here, std::unique_ptr<io::Channel> opened) {
    channel = std::move(opened);
    channel->set_events(*this);
    if (reads) channel->read_some(here, buffer_);
  }

  void write(std::string_view bytes) {
    on_shard([&](io::OnShard& here) { written = channel->try_write(here, {&bytes, 1}); });
  }
  void read_on() {
    reads = true;
    on_shard([&](io::OnShard& here) { channel->read_some(here, buffer_); });
  }
  void wait_writable() {
    on_shard([&](io::OnShard& here) { channel->wait_writable(here); });
  }
  void shutdown() {
    on_shard([&](io::OnShard& here) { channel->shutdown_output(here); });
  }
  void close() {
    on_shard([&](io::OnShard& here) { channel->close(here); });
  }
  void abort() {
    on_shard([&](io::OnShard& here) { channel->abort(here); });
  }
  void cancel_connect() { attempt_.reset(); }

  std::unique_ptr<io::Channel> channel;
  std::optional<Failure> failure;  // of connecting
  std::string received;
  io::ReadOutcome last_read;
  io::WriteOutcome written;
  int reads_done = 0;
  int writable_told = 0;
  bool reads = true;

 private:
  template <class F>
  void on_shard(F&& f) {
    inside_ = true;
    shard_.enter(f);
    inside_ = false;
  }
  void on_read(io::OnShard& here, const io::ReadOutcome& outcome) override {
    check(!inside_, "on_read from inside a call");
    ++reads_done;
    last_read = outcome;
    received.append(buffer_.data(), outcome.bytes);
    if (outcome.end == io::ChannelEnd::none && reads) channel->read_some(here, buffer_);
  }
  void on_writable(io::OnShard&) override {
    check(!inside_, "on_writable from inside a call");
    ++writable_told;
  }

  io::Shard& shard_;
  std::unique_ptr<io::ConnectAttempt> attempt_;
  std::array<char, 4096> buffer_{};
  bool inside_ = false;
};

// A listener of connmgr's side whose shards keep what they accept.
class SimEnds final : public io::AcceptEvents {
 public:
  void on_accepted(io::OnShard& here, std::unique_ptr<io::Channel> channel) override {
    SimEnd& end = *all.emplace_back(std::make_unique<SimEnd>(here.shard()));
    end.reads = reads;
    shards.push_back(here.shard().index());
    end.take(here, std::move(channel));
  }
  void on_accept_trouble(io::OnShard&, const Failure& failure) override { troubles.push_back(failure); }

  std::vector<std::unique_ptr<SimEnd>> all;
  std::vector<ShardIndex> shards;
  std::vector<Failure> troubles;
  bool reads = true;
};

}  // namespace connmgr::testing

// One connection of connmgr-send: writes the records of one sender and checks each reply. With framing
// end-of-stream it is one connection after another, each for one record.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "connmgr/core/record_detector.h"
#include "services/programs/support/event_loop.h"
#include "services/programs/support/framing.h"
#include "services/programs/support/sockets.h"

namespace connmgr::programs {

class Sender;

class Lane final : public Watcher {
 public:
  Lane(Sender& sender, std::uint32_t number);

  void start(Time now);
  void on_ready(std::uint32_t events) override;
  // Sends what it may: called when a turn of the rate has come, and when the last record has been given out.
  void pump(Time now);
  // Tries to connect again, and gives up what has waited too long. Called ten times a second.
  void on_time(Time now);

  bool ended() const noexcept { return step_ == Step::ended; }

 private:
  enum class Step { idle, connecting, retrying, open, ending, ended };
  struct Outstanding {
    std::uint64_t sequence = 0;
    Time since;
  };

  void connect(Time now);
  void connect_failed(Time now, int error);
  void opened(Time now);
  void compose(Time now, Time due);
  void flush(Time now);
  void listen_for_what_matters();
  void read(Time now);
  void take_replies(Time now, StreamEnd end);
  void check_reply(Time now, std::string_view body);
  void peer_ended(Time now, StreamEnd end, const std::string& how);
  void settle(Time now);
  void shut_down_output(Time now);
  void end();
  void close();

  Sender& sender_;
  const std::uint32_t number_;
  Step step_ = Step::idle;
  FileDescriptor fd_;
  std::uint32_t interest_ = 0;
  std::size_t address_ = 0;  // which of the peer's addresses is tried
  Time connecting_since_;
  Time ending_since_;
  Time moved_;  // when the peer last took bytes

  RecordDetector detector_;
  ByteBuffer out_;
  ByteBuffer in_;
  bool buffer_full_ = false;  // more could be sent once the system takes some
  bool no_more_ = false;      // the last record has been given out, to whomever
  std::uint64_t sequence_ = 0;
  std::uint64_t composed_on_connection_ = 0;

  std::vector<Outstanding> outstanding_;  // a ring of `depth` places
  std::size_t oldest_ = 0;
  std::size_t outstanding_count_ = 0;
};

}  // namespace connmgr::programs

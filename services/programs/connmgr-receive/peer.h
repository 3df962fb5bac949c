// One connection of connmgr-receive: reads records, has them verified, answers them.
#pragma once

#include <memory>
#include <string>

#include "connmgr/core/record_detector.h"
#include "services/programs/connmgr-receive/verifier.h"
#include "services/programs/support/event_loop.h"
#include "services/programs/support/sockets.h"

namespace connmgr::programs {

class Receiver;

class Peer final : public Watcher {
 public:
  Peer(Receiver& receiver, FileDescriptor fd, std::string name);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void on_ready(std::uint32_t events) override;
  // No more is wanted: answers what is owed, then closes our side. The peer may go on.
  void half_close();
  bool closed() const noexcept { return !fd_; }

 private:
  void read();
  void take_records(StreamEnd end);
  void answer(std::string_view record);
  void stream_broken(const char* what, const char* reason);
  void flush();
  void stop_reading(bool stopped);
  void close();

  Receiver& receiver_;
  FileDescriptor fd_;
  const std::string name_;
  std::uint32_t interest_ = EPOLLIN;
  RecordDetector detector_;
  ConnectionOrder order_;
  ByteBuffer in_;
  ByteBuffer out_;
  bool first_reply_ = true;
  bool input_ended_ = false;
  bool half_closing_ = false;
  bool output_shut_ = false;
  bool reading_stopped_ = false;  // the peer does not take its replies
};

}  // namespace connmgr::programs

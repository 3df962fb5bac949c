// A whole run of connmgr-receive: the listener, its connections, and when it is over.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "services/programs/connmgr-receive/options.h"
#include "services/programs/connmgr-receive/peer.h"
#include "services/programs/connmgr-receive/verifier.h"
#include "services/programs/support/event_loop.h"
#include "services/programs/support/report.h"

namespace connmgr::programs {

class Receiver final : private Watcher {
 public:
  // `source`: what the records must say; null: their numbers alone are checked.
  Receiver(const ReceiveOptions& options, const RecordSource* source);

  // Listens and says where: on stderr and in the ready file.
  Result<void> listen();
  Exit run();  // with progress; once, after listen()
  // The table and the JSON of the run.
  Exit report(Exit outcome) const;

  // For the connections.
  void moved() noexcept { moved_ = true; }
  void taken(std::size_t bytes) noexcept { bytes_ += bytes; }
  void left_unread() noexcept { left_unread_ = true; }
  void reading_stopped(int change) noexcept { not_read_ += change; }
  void reset(const std::string& peer, int error);
  void peer_closed() noexcept { ++closed_; }
  Verifier& verifier() noexcept { return verifier_; }
  const ReceiveOptions& options() const noexcept { return options_; }
  EventLoop& loop() noexcept { return loop_; }
  std::string& scratch() noexcept { return scratch_; }

 private:
  enum class End { not_yet, all_came, all_closed, idle, stopped, failed };

  void on_ready(std::uint32_t events) override;  // the listener: somebody connects
  void drop_closed();
  End end_reached(Time now);
  void linger();
  Exit outcome(End end) const;

  const ReceiveOptions& options_;
  Verifier verifier_;
  EventLoop loop_;
  FileDescriptor listener_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::string scratch_;

  Time started_;
  Time first_;  // byte
  Time last_;   // byte
  Time none_open_since_;
  bool moved_ = false;        // bytes came in this round
  bool left_unread_ = false;  // in this round, so that others have their turn
  int not_read_ = 0;          // connections whose peers do not take their replies
  std::uint64_t accepted_ = 0;
  std::uint64_t closed_ = 0;
  std::uint64_t dropped_ = 0;  // closed ones that are no longer in peers_
  std::uint64_t resets_ = 0;
  std::uint64_t bytes_ = 0;
  std::string failure_;  // of the listener
};

}  // namespace connmgr::programs

// What connmgr-receive was asked to do, checked.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "services/programs/connmgr-receive/verifier.h"
#include "services/programs/support/acknowledgment.h"
#include "services/programs/support/framing.h"

namespace connmgr::programs {

struct ReceiveOptions {
  std::string bind = "127.0.0.1";
  std::uint16_t port = 0;  // 0: the system chooses
  Framing framing;
  Reply reply = Reply::none;
  Acknowledgment acknowledgment;
  Order order = Order::by_sender;
  std::optional<std::uint64_t> expect_records;
  bool until_closed = false;
  std::optional<std::chrono::nanoseconds> idle_timeout;
  std::chrono::nanoseconds linger = std::chrono::seconds(1);
  std::string ready_file;
  std::string json;  // see publish()
  bool quiet = false;
};

}  // namespace connmgr::programs

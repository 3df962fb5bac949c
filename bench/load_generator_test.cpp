#include "bench/load_generator.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "bench/epoll_echo.h"

namespace bench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;

TEST(LoadGenerator, FindsEveryRecordOfAnEchoServerRight) {
  EpollEcho server;

  const LoadResult result =
      generate({.port = server.port(), .connections = 20, .depth = 16, .records_each = 500});

  EXPECT_THAT(result.error, IsEmpty());
  EXPECT_EQ(result.records, 20u * 500u);
  EXPECT_EQ(result.latencies.count(), result.records);
  EXPECT_GT(result.rate(), 0);
  EXPECT_GT(server.cpu_seconds(), 0);
}

TEST(LoadGenerator, LeavesOutWhatWarmsUpAndTellsWhereMeasuringBeginsAndEnds) {
  EpollEcho server;
  std::vector<std::string> told;

  const LoadResult result = generate({.port = server.port(),
                                      .connections = 4,
                                      .records_each = 300,
                                      .warm_up_each = 100,
                                      .on_begin = [&] { told.push_back("begin"); },
                                      .on_end = [&] { told.push_back("end"); }});

  EXPECT_THAT(result.error, IsEmpty());
  EXPECT_THAT(told, ElementsAre("begin", "end"));
  // The warm up ends with a wake-up, which may bring a record more of each connection.
  EXPECT_THAT(result.records, AllOf(Le(4u * 200), Ge(4u * 200 - 4)));
  EXPECT_EQ(result.latencies.count(), result.records);
}

// More under way than the socket buffers hold: both ends meet partial writes.
TEST(LoadGenerator, KeepsRecordsWholeThroughPartialWrites) {
  EpollEcho server;

  const LoadResult result = generate(
      {.port = server.port(), .connections = 2, .depth = 200, .record_size = 100'000, .records_each = 400});

  EXPECT_THAT(result.error, IsEmpty());
  EXPECT_EQ(result.records, 800u);
}

// Sends back what comes to one connection, with one byte changed after `right` bytes, or an end there.
class FaultyEcho {
 public:
  enum class Fault { changes_a_byte, closes };
  FaultyEcho(Fault fault, std::size_t right) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(listener_, 4), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this, fault, right] { serve(fault, right); });
  }
  ~FaultyEcho() {
    thread_.join();
    ::close(listener_);
  }

  std::uint16_t port = 0;

 private:
  void serve(Fault fault, std::size_t right) const {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    std::size_t seen = 0;
    char bytes[4096];
    for (ssize_t got = 0; (got = ::recv(socket, bytes, sizeof(bytes), 0)) > 0;) {
      const auto count = static_cast<std::size_t>(got);
      if (seen <= right && right < seen + count) {
        if (fault == Fault::closes) break;
        bytes[right - seen] ^= 1;
      }
      seen += count;
      if (::send(socket, bytes, count, MSG_NOSIGNAL) < 0) break;
    }
    ::close(socket);
  }

  int listener_;
  std::thread thread_;
};

TEST(LoadGenerator, NoticesOneChangedByte) {
  FaultyEcho server(FaultyEcho::Fault::changes_a_byte, 128 * 20 + 77);

  const LoadResult result = generate({.port = server.port, .connections = 1, .records_each = 100});

  EXPECT_THAT(result.error, HasSubstr("record 20 came back changed"));
}

TEST(LoadGenerator, NoticesAConnectionThatEndsEarly) {
  FaultyEcho server(FaultyEcho::Fault::closes, 128 * 20);

  const LoadResult result = generate({.port = server.port, .connections = 1, .records_each = 100});

  EXPECT_THAT(result.error, HasSubstr("connection ended after 2560 bytes of 12800"));
}

TEST(Latencies, KeepsPercentilesWithinAFewPercent) {
  Latencies latencies;

  for (std::uint64_t us = 1; us <= 1000; ++us) latencies.add(us * 1000);

  EXPECT_NEAR(latencies.percentile(50), 500'000, 10'000);
  EXPECT_NEAR(latencies.percentile(99), 990'000, 20'000);
  EXPECT_NEAR(latencies.percentile(100), 1'000'000, 20'000);
}

}  // namespace
}  // namespace bench

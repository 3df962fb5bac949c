// What of many failures is said: SPEC O6.
#include "nodes/failure_log.h"

#include <gtest/gtest.h>

namespace connmgr::nodes {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint at(Duration since_start) {
  return TimePoint(since_start);
}

TEST(FailureLog, SaysACauseAtOnceAndAgainEveryTenSeconds) {
  FailureLog log("flow");
  int said = 0;

  for (Duration t = 1s; t < 31s; t += 100ms) said += log.report(at(t), "reply", Errc::timeout) ? 1 : 0;

  EXPECT_EQ(said, 3);
}

TEST(FailureLog, TellsCausesApartByNodeAndCode) {
  FailureLog log("flow");

  EXPECT_TRUE(log.report(at(1s), "reply", Errc::timeout));
  EXPECT_TRUE(log.report(at(1s), "reply", Errc::connection_closed));
  EXPECT_TRUE(log.report(at(1s), "ask", Errc::timeout));
  EXPECT_FALSE(log.report(at(2s), "ask", Errc::timeout));
}

}  // namespace
}  // namespace connmgr::nodes

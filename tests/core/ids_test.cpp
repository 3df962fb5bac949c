#include "connmgr/core/ids.h"

#include <gtest/gtest.h>

namespace connmgr {
namespace {

// The vector for the 8 bytes 00..07 under the key 00..0f, from the reference implementation of SipHash-2-4.
TEST(SipHash, GivesTheValueOfTheReferenceImplementation) {
  const IdKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};

  EXPECT_EQ(sip_hash(key, 0x0706050403020100), 0x93f5f5799a932462u);
}

TEST(ConnectionId, ComesBackFromItsText) {
  const ConnectionId id{7, 3, 0xfeedfacecafebeef};

  EXPECT_EQ(connection_id_from(to_string(id)), id);
}

TEST(ConnectionId, IsNothingWhenTheTextIsNotAnId) {
  for (const char* text : {"", "7", "-0000007000000030000000000000001", "0000000700000003zeedfacecafebeef",
                           "ffffffff00000003feedfacecafebeef"}) {
    EXPECT_EQ(connection_id_from(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace connmgr

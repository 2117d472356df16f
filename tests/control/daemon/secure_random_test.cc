#include "control/daemon/secure_random.h"

#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace causeway::daemon {
namespace {

TEST(SecureRandom, HandsOutNoBytesTwice) {
  SecureRandom random;
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    uint64_t number;
    random.Fill(&number, sizeof(number));
    EXPECT_TRUE(seen.insert(number).second);
  }
}

TEST(SecureRandom, FillsAnySizeWhole) {
  SecureRandom random;
  for (const size_t size : {size_t{1}, size_t{3}, size_t{1024}, size_t{5000}}) {
    // A byte that stays 0 in 8 independent tries was never written (or one time in 2^64 per byte).
    std::vector<uint8_t> all(size, 0);
    for (int i = 0; i < 8; ++i) {
      std::vector<uint8_t> bytes(size, 0);
      random.Fill(bytes.data(), size);
      for (size_t k = 0; k < size; ++k) all[k] |= bytes[k];
    }
    for (const uint8_t byte : all) EXPECT_NE(byte, 0);
  }
}

}  // namespace
}  // namespace causeway::daemon

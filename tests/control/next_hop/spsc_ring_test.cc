#include "control/next_hop/spsc_ring.h"

#include <chrono>
#include <cstdint>
#include <thread>

#include "control/next_hop/pace.h"
#include "gtest/gtest.h"

namespace causeway::next_hop {
namespace {

TEST(SpscRing, HoldsWhatItHasRoomForInOrder) {
  SpscRing<int> ring(4);
  int value = 0;
  EXPECT_FALSE(ring.Pop(&value));
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(ring.Push(i));
    EXPECT_FALSE(ring.Push(4)) << "full";
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(ring.Pop(&value));
      EXPECT_EQ(value, i);
    }
    EXPECT_FALSE(ring.Pop(&value)) << "empty";
  }
}

TEST(SpscRing, LosesNothingBetweenTwoThreads) {
  constexpr uint64_t kCount = 200'000;
  SpscRing<uint64_t> ring(64);
  std::thread pusher([&] {
    for (uint64_t i = 0; i < kCount;) i += ring.Push(i) ? 1 : 0;
  });
  uint64_t value = 0;
  for (uint64_t i = 0; i < kCount;) {
    if (!ring.Pop(&value)) continue;
    ASSERT_EQ(value, i);
    ++i;
  }
  pusher.join();
}

TEST(Pace, TheFirstGoesAtOnceTheNextWaitsForTheLast) {
  Pace pace;
  const Pace::Clock::time_point now = Pace::Clock::now();
  EXPECT_LE(pace.next(), now);
  pace.Published(now, now + std::chrono::milliseconds(1));
  EXPECT_EQ(pace.next(), now + Pace::kEvery);
  pace.Published(now, now + std::chrono::milliseconds(100));
  EXPECT_EQ(pace.next(), now + std::chrono::milliseconds(500)) << "a fifth of a CPU at most";
}

}  // namespace
}  // namespace causeway::next_hop

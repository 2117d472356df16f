#include "control/turn/timer_wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace causeway::turn {
namespace {

std::vector<uint32_t> Fired(TimerWheel& wheel, Deciseconds now) {
  std::vector<uint32_t> fired;
  wheel.Advance(now, [&](uint32_t timer) { fired.push_back(timer); });
  return fired;
}

TEST(TimerWheelTest, FiresAtItsDecisecondAndNotBefore) {
  for (const Deciseconds start : {0u, 1u, 255u, 256u, 65535u, 0xfffff0u}) {
    for (const Deciseconds delay : {1u, 2u, 255u, 256u, 257u, 3000u, 6000u, 65536u, 20'000'000u}) {
      TimerWheel wheel(1);
      wheel.Advance(start, [](uint32_t) { FAIL(); });
      wheel.Schedule(0, start + delay);
      EXPECT_EQ(wheel.expiry(0), start + delay);
      EXPECT_TRUE(Fired(wheel, start + delay - 1).empty()) << start << " + " << delay;
      EXPECT_EQ(Fired(wheel, start + delay), std::vector<uint32_t>{0}) << start << " + " << delay;
      EXPECT_FALSE(wheel.IsScheduled(0));
    }
  }
}

TEST(TimerWheelTest, CancelAndMove) {
  TimerWheel wheel(3);
  wheel.Schedule(0, 10);
  wheel.Schedule(1, 10);
  wheel.Schedule(2, 10);
  wheel.Cancel(1);
  wheel.Cancel(1);
  wheel.Schedule(2, 5000);
  EXPECT_EQ(wheel.size(), 2u);
  EXPECT_EQ(Fired(wheel, 4999), std::vector<uint32_t>{0});
  EXPECT_EQ(Fired(wheel, 5000), std::vector<uint32_t>{2});
  EXPECT_EQ(wheel.size(), 0u);
}

TEST(TimerWheelTest, PassedTimesFireInTheNextDecisecond) {
  TimerWheel wheel(1);
  wheel.Advance(100, [](uint32_t) { FAIL(); });
  wheel.Schedule(0, 50);
  EXPECT_TRUE(Fired(wheel, 100).empty());
  EXPECT_EQ(Fired(wheel, 101), std::vector<uint32_t>{0});
}

TEST(TimerWheelTest, TimeThatGoesBackIsIgnored) {
  TimerWheel wheel(1);
  wheel.Advance(100, [](uint32_t) { FAIL(); });
  wheel.Schedule(0, 110);
  EXPECT_TRUE(Fired(wheel, 20).empty());
  EXPECT_EQ(wheel.now(), 100u);
  EXPECT_EQ(Fired(wheel, 110), std::vector<uint32_t>{0});
}

TEST(TimerWheelTest, CatchesUpAfterAStallInOrder) {
  TimerWheel wheel(4);
  wheel.Schedule(0, 2'000'000'000);
  wheel.Schedule(1, 70'000);
  wheel.Schedule(2, 3);
  wheel.Schedule(3, 4'000'000'000);
  EXPECT_EQ(Fired(wheel, 3'000'000'000), (std::vector<uint32_t>{2, 1, 0}));
  EXPECT_EQ(Fired(wheel, 0xffffffff), std::vector<uint32_t>{3});
}

TEST(TimerWheelTest, HandlersMayStartAndStopTimers) {
  TimerWheel wheel(3);
  wheel.Schedule(0, 10);
  wheel.Schedule(1, 10);
  std::vector<Deciseconds> times;
  wheel.Advance(30, [&](uint32_t timer) {
    times.push_back(wheel.now());
    wheel.Cancel(1);
    if (timer == 0) wheel.Schedule(0, wheel.now() + 7);
  });
  EXPECT_EQ(times, (std::vector<Deciseconds>{10, 17, 24}));
  EXPECT_EQ(wheel.expiry(0), 31u);
}

TEST(TimerWheelTest, AgreesWithASortedMap) {
  std::mt19937 random(1);
  constexpr uint32_t kTimers = 50;
  TimerWheel wheel(kTimers);
  std::map<uint32_t, Deciseconds> expected;
  Deciseconds now = 0;
  for (int round = 0; round < 20'000; ++round) {
    const uint32_t timer = random() % kTimers;
    const Deciseconds span = 1u << (random() % 20);
    switch (random() % 3) {
      case 0:
        wheel.Schedule(timer, now + 1 + random() % span);
        expected[timer] = wheel.expiry(timer);
        break;
      case 1:
        wheel.Cancel(timer);
        expected.erase(timer);
        break;
      default:
        now += random() % span % 5000;
        wheel.Advance(now, [&](uint32_t fired) {
          ASSERT_TRUE(expected.contains(fired));
          EXPECT_EQ(expected[fired], wheel.now());
          expected.erase(fired);
        });
        for (const auto& [left, when] : expected) EXPECT_GT(when, now);
    }
    ASSERT_EQ(wheel.size(), expected.size());
  }
}

}  // namespace
}  // namespace causeway::turn

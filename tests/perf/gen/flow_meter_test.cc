#include "perf/gen/flow_meter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace causeway::gen {
namespace {

constexpr uint64_t kWindow = FlowMeter::kWindow;

class FlowMeterTest : public ::testing::Test {
 protected:
  FlowMeterTest() { meter_.Begin(kPhase); }

  void Arrive(uint64_t sequence, uint32_t flow = 0, uint16_t phase = kPhase) {
    uint8_t payload[40];
    WriteStamp(payload, flow, phase, Direction::kToPeer, sequence, 1000);
    meter_.Receive(payload, sizeof(payload), 1500);
  }
  const FlowCounts& Counts() const { return meter_.counts(); }

  static constexpr uint16_t kPhase = 3;
  FlowMeter meter_{Direction::kToPeer, 4};
};

TEST_F(FlowMeterTest, InOrderIsReceivedAndNothingElse) {
  meter_.CountSent(1000);
  for (uint64_t i = 0; i < 1000; ++i) Arrive(i);
  EXPECT_EQ(Counts().received, 1000u);
  EXPECT_EQ(Counts().lost(), 0u);
  EXPECT_EQ(Counts().duplicated + Counts().reordered + Counts().late, 0u);
  EXPECT_EQ(Counts().stray + Counts().corrupt, 0u);
  EXPECT_EQ(meter_.latency().total(), 1000u);
  EXPECT_EQ(meter_.latency().max(), 500u);
}

TEST_F(FlowMeterTest, GapsAreLost) {
  meter_.CountSent(10);
  for (const uint64_t i : {0, 1, 4, 9}) Arrive(i);
  EXPECT_EQ(Counts().received, 4u);
  EXPECT_EQ(Counts().lost(), 6u);
  EXPECT_EQ(Counts().reordered, 0u);
}

TEST_F(FlowMeterTest, NothingArrives) {
  meter_.CountSent(10);
  EXPECT_EQ(Counts().lost(), 10u);
  EXPECT_EQ(meter_.latency().total(), 0u);
}

// RFC 4737 section 3.3: what is smaller than the next expected is reordered, not what overtook it.
TEST_F(FlowMeterTest, TheOvertakenIsReordered) {
  for (const uint64_t i : {0, 3, 1, 2, 4}) Arrive(i);
  EXPECT_EQ(Counts().received, 5u);
  EXPECT_EQ(Counts().reordered, 2u);
  EXPECT_EQ(Counts().duplicated, 0u);
}

TEST_F(FlowMeterTest, TheFirstToArriveNeedNotBeTheFirstSent) {
  for (const uint64_t i : {1, 0}) Arrive(i);
  EXPECT_EQ(Counts().received, 2u);
  EXPECT_EQ(Counts().reordered, 1u);
}

TEST_F(FlowMeterTest, CopiesAreDuplicatesAndNotReordered) {
  for (const uint64_t i : {0, 1, 1, 2, 0, 2}) Arrive(i);
  EXPECT_EQ(Counts().received, 3u);
  EXPECT_EQ(Counts().duplicated, 3u);
  EXPECT_EQ(Counts().reordered, 0u);
  EXPECT_EQ(meter_.latency().total(), 3u);
}

TEST_F(FlowMeterTest, ACopyOfAReorderedPacketIsADuplicate) {
  for (const uint64_t i : {0, 2, 1, 1}) Arrive(i);
  EXPECT_EQ(Counts().received, 3u);
  EXPECT_EQ(Counts().reordered, 1u);
  EXPECT_EQ(Counts().duplicated, 1u);
}

TEST_F(FlowMeterTest, TheWindowsLastPlaceStillCounts) {
  meter_.CountSent(2);
  Arrive(kWindow - 1);
  Arrive(0);
  EXPECT_EQ(Counts().received, 2u);
  EXPECT_EQ(Counts().reordered, 1u);
  Arrive(0);
  EXPECT_EQ(Counts().duplicated, 1u);
}

// RFC 5236 section 4.3: displaced by more than the threshold is lost.
TEST_F(FlowMeterTest, BehindTheWindowIsLateAndLost) {
  meter_.CountSent(2);
  Arrive(kWindow);
  Arrive(0);
  EXPECT_EQ(Counts().late, 1u);
  EXPECT_EQ(Counts().received, 1u);
  EXPECT_EQ(Counts().lost(), 1u);
  EXPECT_EQ(Counts().reordered + Counts().duplicated, 0u);
}

TEST_F(FlowMeterTest, ACopyOfAnOldPacketIsLateNotReceivedTwice) {
  for (uint64_t i = 0; i <= 2 * kWindow; ++i) Arrive(i);
  Arrive(5);
  EXPECT_EQ(Counts().late, 1u);
  EXPECT_EQ(Counts().received, 2 * kWindow + 1);
}

TEST_F(FlowMeterTest, TheWindowMovesOnManyTimes) {
  for (uint64_t i = 0; i < 100 * kWindow; i += 2) {
    Arrive(i + 1);
    Arrive(i);
    Arrive(i);
  }
  EXPECT_EQ(Counts().received, 100 * kWindow);
  EXPECT_EQ(Counts().reordered, 50 * kWindow);
  EXPECT_EQ(Counts().duplicated, 50 * kWindow);
}

TEST_F(FlowMeterTest, AJumpOfTheWindowsSizeForgetsAllThatWasSeen) {
  for (const uint64_t jump : {kWindow - 1, kWindow, kWindow + 1, uint64_t{1} << 40}) {
    meter_.Begin(kPhase);
    Arrive(0);
    Arrive(jump);
    EXPECT_EQ(Counts().received, 2u) << jump;
    Arrive(jump - 1);
    EXPECT_EQ(Counts().received, 3u) << jump;
    EXPECT_EQ(Counts().reordered, 1u) << jump;
    Arrive(jump);
    EXPECT_EQ(Counts().duplicated, 1u) << jump;
  }
}

TEST_F(FlowMeterTest, TheLastSequenceNumbersDoNotBreakIt) {
  const uint64_t last = ~uint64_t{0} - 1;
  Arrive(last);
  Arrive(last - 1);
  Arrive(last);
  EXPECT_EQ(Counts().received, 2u);
  EXPECT_EQ(Counts().duplicated, 1u);
}

TEST_F(FlowMeterTest, FlowsDoNotMix) {
  Arrive(10, 0);
  Arrive(0, 1);
  Arrive(0, 3);
  EXPECT_EQ(Counts().received, 3u);
  EXPECT_EQ(Counts().reordered, 0u);
}

TEST_F(FlowMeterTest, StragglersOfAnEarlierPhaseAreStrays) {
  Arrive(0);
  meter_.Begin(kPhase + 1);
  EXPECT_EQ(Counts().received, 0u);
  EXPECT_EQ(meter_.latency().total(), 0u);
  Arrive(1, 0, kPhase);
  EXPECT_EQ(Counts().stray, 1u);
  EXPECT_EQ(Counts().received, 0u);
  Arrive(0, 0, kPhase + 1);
  EXPECT_EQ(Counts().received, 1u);
  EXPECT_EQ(Counts().duplicated, 0u);
}

TEST_F(FlowMeterTest, GarbageIsCorrupt) {
  std::mt19937 random(11);
  for (size_t size = 0; size < 100; ++size) {
    std::vector<uint8_t> payload(size);
    std::generate(payload.begin(), payload.end(), [&] { return static_cast<uint8_t>(random()); });
    meter_.Receive(payload.data(), size, ~uint64_t{0});
  }
  EXPECT_EQ(Counts().corrupt, 100u);
  EXPECT_EQ(Counts().received, 0u);
}

TEST_F(FlowMeterTest, EveryBitOfAStampIsProtected) {
  for (size_t bit = 0; bit < 8 * sizeof(Stamp); ++bit) {
    const bool reserved = bit / 8 == offsetof(Stamp, reserved);
    uint8_t payload[32];
    WriteStamp(payload, 1, kPhase, Direction::kToPeer, bit, 1000);
    payload[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    const uint64_t before = Counts().corrupt;
    meter_.Receive(payload, sizeof(payload), ~uint64_t{0});
    EXPECT_EQ(Counts().corrupt - before, reserved ? 0u : 1u) << "bit " << bit;
  }
}

TEST_F(FlowMeterTest, ATruncatedStampIsCorrupt) {
  uint8_t payload[32];
  WriteStamp(payload, 0, kPhase, Direction::kToPeer, 0, 1000);
  meter_.Receive(payload, 31, 1500);
  EXPECT_EQ(Counts().corrupt, 1u);
}

TEST_F(FlowMeterTest, TheOtherDirectionAnUnknownFlowAndTheFutureAreCorrupt) {
  uint8_t payload[32];
  WriteStamp(payload, 0, kPhase, Direction::kToClient, 0, 1000);
  meter_.Receive(payload, sizeof(payload), 1500);
  WriteStamp(payload, 4, kPhase, Direction::kToPeer, 0, 1000);
  meter_.Receive(payload, sizeof(payload), 1500);
  WriteStamp(payload, 0, kPhase, Direction::kToPeer, 0, 1501);
  meter_.Receive(payload, sizeof(payload), 1500);
  EXPECT_EQ(Counts().corrupt, 3u);
  EXPECT_EQ(Counts().received, 0u);
}

TEST_F(FlowMeterTest, MoreReceivedThanSentIsNoLoss) {
  Arrive(0);
  EXPECT_EQ(Counts().lost(), 0u);
}

TEST(FlowCounts, AddsEveryCount) {
  const FlowCounts one{1, 2, 3, 4, 5, 6, 7};
  const FlowCounts sum = one + one;
  EXPECT_EQ(sum.sent, 2u);
  EXPECT_EQ(sum.received, 4u);
  EXPECT_EQ(sum.duplicated, 6u);
  EXPECT_EQ(sum.reordered, 8u);
  EXPECT_EQ(sum.late, 10u);
  EXPECT_EQ(sum.stray, 12u);
  EXPECT_EQ(sum.corrupt, 14u);
}

// Against a plain model that remembers everything.
TEST(FlowMeter, AgreesWithASlowModel) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 200; ++round) {
    FlowMeter meter(Direction::kToClient, 1);
    meter.Begin(1);
    FlowCounts model;
    std::vector<uint64_t> seen;
    uint64_t next = 0;
    uint64_t base = 100;
    for (int i = 0; i < 300; ++i) {
      base += random() % 20 == 0 ? random() % 200 : random() % 3;
      const uint64_t sequence = base + kWindow - random() % (kWindow + 10 * (round % 3));
      Stamp stamp{Stamp::kMagic, 0, 0, 1, 1, 0, sequence, 0};
      meter.Receive(stamp, 1);
      if (sequence + kWindow < next) {
        ++model.late;
      } else if (std::find(seen.begin(), seen.end(), sequence) != seen.end()) {
        ++model.duplicated;
      } else {
        model.received += 1;
        model.reordered += sequence < next ? 1 : 0;
        seen.push_back(sequence);
        next = std::max(next, sequence + 1);
      }
    }
    EXPECT_EQ(meter.counts().received, model.received);
    EXPECT_EQ(meter.counts().duplicated, model.duplicated);
    EXPECT_EQ(meter.counts().reordered, model.reordered);
    EXPECT_EQ(meter.counts().late, model.late);
  }
}

}  // namespace
}  // namespace causeway::gen

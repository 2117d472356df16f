// What an allocation relayed and dropped, what it may, and how it is marked: on the fast path and
// on the general one alike.
#include "dataplane/shard/meter.h"

#include "tests/dataplane/shard/node.h"

namespace causeway::testing {
namespace {

constexpr uint16_t kChannel = 0x4001;
constexpr MeterTicks kSecond = MeterTicks{1} << kMeterTickBits;

MeterLine Limited(uint32_t kbps, uint32_t packets_per_second) {
  MeterLine meter = {};
  meter.Apply(SetLimits{0, kbps, packets_per_second});
  return meter;
}

/// Offers a datagram of `size` bytes every `gap` ticks for `seconds`; returns how many passed.
unsigned Offer(MeterLine& meter, uint32_t size, MeterTicks gap, unsigned seconds, uint64_t& clock) {
  unsigned passed = 0;
  for (const uint64_t end = clock + uint64_t{seconds} * kSecond; clock < end; clock += gap) {
    const auto now = static_cast<Deciseconds>(clock * 10 / kSecond);
    if (!meter.Admit(Way::kToPeer, size, now, static_cast<MeterTicks>(clock))) continue;
    meter.Count(Way::kToPeer, size, now);
    ++passed;
  }
  return passed;
}

TEST(Meter, PassesTheBitsThatItMay) {
  for (const uint32_t kbps : {64u, 1000u, 50'000u, 1'000'000u}) {
    MeterLine meter = Limited(kbps, 0);
    uint64_t clock = uint64_t{1000} * kSecond;
    const auto gap = static_cast<MeterTicks>(1000.0 * 8 * kSecond / (2000.0 * kbps));  // twice that
    const unsigned seconds = 200'000 / kbps + 4;
    const unsigned passed = Offer(meter, 1000, gap, seconds, clock);
    const double allowed = (seconds + 0.25) * kbps / 8;
    EXPECT_NEAR(passed, allowed, 1 + allowed / 100) << kbps;
  }
}

TEST(Meter, PassesThePacketsThatItMay) {
  MeterLine meter = Limited(0, 50);
  uint64_t clock = 0;
  EXPECT_NEAR(Offer(meter, 10, kSecond / 1000, 100, clock), 50 * 100.25, 2);
}

TEST(Meter, KeepsToTheLowerOfBothLimits) {
  MeterLine meter = Limited(80, 50);
  uint64_t clock = 0;
  EXPECT_NEAR(Offer(meter, 1000, kSecond / 1000, 100, clock), 10 * 100.25, 2);
  EXPECT_NEAR(Offer(meter, 20, kSecond / 1000, 100, clock), 50 * 100, 14);
}

TEST(Meter, LetsOneDatagramPassHoweverSmallTheLimit) {
  MeterLine meter = Limited(1, 0);
  EXPECT_TRUE(meter.Admit(Way::kToPeer, 65'000, 10, 0));
  EXPECT_FALSE(meter.Admit(Way::kToPeer, 1, 10, 1));
}

TEST(Meter, LimitsEachWayByItself) {
  MeterLine meter = Limited(0, 1);
  EXPECT_TRUE(meter.Admit(Way::kToPeer, 1, 1, 0));
  EXPECT_FALSE(meter.Admit(Way::kToPeer, 1, 1, kSecond / 2));
  EXPECT_TRUE(meter.Admit(Way::kToClient, 1, 1, kSecond / 2));
}

// The clock comes round each 64 s; half of that ago seems to lie ahead.
TEST(Meter, OpensAfterARestOfAnyLength) {
  for (unsigned rest = 1; rest < 140; ++rest) {
    MeterLine meter = Limited(0, 1);
    ASSERT_TRUE(meter.Admit(Way::kToPeer, 1, 0, 0));
    meter.Count(Way::kToPeer, 1, 0);
    EXPECT_TRUE(meter.Admit(Way::kToPeer, 1, 10 * rest, rest * kSecond)) << rest;
  }
}

TEST(Meter, OpensOneWayThatRestedWhileTheOtherWasBusy) {
  MeterLine meter = Limited(0, 1);
  ASSERT_TRUE(meter.Admit(Way::kToClient, 1, 0, 0));
  for (unsigned second = 1; second < 140; ++second) {
    ASSERT_TRUE(meter.Admit(Way::kToPeer, 1, 10 * second, second * kSecond));
    meter.Count(Way::kToPeer, 1, 10 * second);
    MeterLine other = meter;
    EXPECT_TRUE(other.Admit(Way::kToClient, 1, 10 * second, second * kSecond)) << second;
  }
}

TEST(Meter, StartsWithFullBucketsWhenALimitComesLate) {
  for (unsigned second = 0; second < 70; ++second) {
    MeterLine meter = {};
    meter.Count(Way::kToPeer, 1, 10 * second);
    meter.Apply(SetLimits{0, 0, 1});
    EXPECT_TRUE(meter.Admit(Way::kToPeer, 1, 10 * second, second * kSecond)) << second;
  }
}

class MeterTest : public NodeTest, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    Install(0, kClientV4, 50000, kPeerV4, kChannel);
    Turn();
    Moved();
  }
  // By the fast path, or by the general stages.
  std::vector<Bytes> Pass(const Datagram& datagram) {
    GetParam() ? Arrive(datagram.Encode()) : ArriveForGeneralStages(datagram.Encode());
    Turn(2);
    return Sent();
  }
  static Datagram FromClient(size_t size) {
    return Datagram().From(kClientV4).To(kServerV4).Carrying(ChannelData(kChannel, Bytes(size)));
  }
  static Datagram FromPeer(size_t size) {
    return Datagram().From(kPeerV4).To("192.0.2.1:50000").Carrying(Bytes(size));
  }
};

TEST_P(MeterTest, CountsBothWays) {
  EXPECT_EQ(shards_[0]->ReadMeter(0), MeterReading{});
  Pass(FromClient(100));
  Wait(7);
  Pass(FromClient(0));
  Pass(FromPeer(33));
  MeterReading expected;
  expected.to_peer = {2, 100};
  expected.to_client = {1, 33};
  expected.last_activity = now_;
  EXPECT_EQ(shards_[0]->ReadMeter(0), expected);
  EXPECT_EQ(shards_[0]->ReadMeter(1), MeterReading{});
  EXPECT_EQ(shards_[0]->ReadMeter(1'000'000), MeterReading{});
}

TEST_P(MeterTest, CountsDropsByKind) {
  Pass(FromPeer(10).From("203.0.113.99:1"));
  Pass(FromClient(10).Ttl(1));
  Pass(FromClient(10).Carrying(ChannelData(0x4abc, Bytes(10))));
  Pass(Datagram().From("198.51.100.77:1").To(kServerV4).Carrying(ChannelData(kChannel, Bytes(1))));
  MeterReading expected;
  expected.drops_no_permission = 1;
  expected.drops_other = 2;
  EXPECT_EQ(shards_[0]->ReadMeter(0), expected);
}

TEST_P(MeterTest, DropsWhatIsOverALimitAndNamesIt) {
  Command(SetLimits{0, 0, 8});  // a quarter of a second saves up two, and one always passes
  size_t passed = 0;
  for (int i = 0; i < 10; ++i) passed += Pass(FromClient(100)).size();
  EXPECT_EQ(passed, 3u);
  EXPECT_EQ(Moved()["drop_rate_limit"], 7u);
  EXPECT_EQ(Pass(FromPeer(100)).size(), 1u) << "the other way has buckets of its own";
  const MeterReading reading = shards_[0]->ReadMeter(0);
  EXPECT_EQ(reading.to_peer.packets, 3u);
  EXPECT_EQ(reading.drops_rate_limit, 7u);
  Wait(10);
  EXPECT_EQ(Pass(FromClient(100)).size(), 1u);
  Command(SetLimits{0, 0, 0});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Pass(FromClient(100)).size(), 1u);
}

TEST_P(MeterTest, LimitsBits) {
  Command(SetLimits{0, 32, 0});  // a quarter of a second: 1,000 bytes
  size_t passed = 0;
  for (int i = 0; i < 30; ++i) passed += Pass(FromPeer(100)).size();
  EXPECT_EQ(passed, 11u);
}

TEST_P(MeterTest, MarksEachWayAndKeepsEcn) {
  Command(SetMarking{0, 46, 10});
  auto sent = Pass(FromClient(10).Tos(0x03));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Datagram::Decode(sent[0]).tos, 46 << 2 | 3);
  EXPECT_TRUE(Datagram::Decode(sent[0]).ip_checksum_right);
  sent = Pass(FromPeer(10).Tos(0xfe));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Datagram::Decode(sent[0]).tos, 10 << 2 | 2);
  Command(SetMarking{0, 0, SetMarking::kKeep});
  EXPECT_EQ(Datagram::Decode(Pass(FromClient(10).Tos(0xff)).at(0)).tos, 3);
  EXPECT_EQ(Datagram::Decode(Pass(FromPeer(10).Tos(0xb8)).at(0)).tos, 0xb8);
}

TEST_P(MeterTest, GoesOnWhenTheAllocationIsInstalledAnewInPlace) {
  Command(SetMarking{0, 46, 46});
  Pass(FromClient(10));
  Install(0, "198.51.100.11:5000", 50000, kPeerV4, kChannel);
  Turn();
  const auto sent = Pass(FromClient(5).From("198.51.100.11:5000"));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Datagram::Decode(sent[0]).tos, 46 << 2);
  EXPECT_EQ(shards_[0]->ReadMeter(0).to_peer, (MeterReading::Direction{2, 15}));
  EXPECT_TRUE(Events().empty());
}

TEST_P(MeterTest, TellsTheTotalsOnceAndThenBeginsAtZero) {
  Command(SetLimits{0, 0, 1});
  Command(SetMarking{0, 46, 46});
  Pass(FromClient(10));
  Pass(FromClient(10));
  Command(RemoveAllocation{0});
  Turn();
  const auto events = Events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventRecord::kEnded);
  EXPECT_EQ(events[0].ended, 0u);
  MeterReading expected;
  expected.to_peer = {1, 10};
  expected.drops_rate_limit = 1;
  expected.last_activity = now_;
  EXPECT_EQ(events[0].totals, expected);
  EXPECT_EQ(shards_[0]->ReadMeter(0), MeterReading{});
  Command(RemoveAllocation{0});
  Turn();
  EXPECT_TRUE(Events().empty()) << "it had ended";
  Install(0, kClientV4, 50000, kPeerV4, kChannel);
  Turn();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Datagram::Decode(Pass(FromClient(10)).at(0)).tos, 0);
}

TEST_P(MeterTest, RestsUntilTheEndCouldBeTold) {
  Install(1, "198.51.100.11:5000", 50001, kPeerV4, kChannel);
  Turn();
  Pass(FromClient(10));
  JamEvents(EventClass::kClient);
  Command(RemoveAllocation{0});
  Command(RemoveAllocation{1});
  Turn();
  EXPECT_TRUE(Pass(FromClient(10)).empty());
  EXPECT_EQ(shards_[0]->ReadMeter(0).to_peer.packets, 1u);
  // A control that did not wait: its new allocation is refused rather than the old totals lost.
  Command(InstallAllocation{0, {At(kClientV4), 0}, {0, 50000}, {}, now_ + 500});
  Turn();
  Events();
  Turn();
  std::map<AllocationId, uint64_t> ended;
  for (const EventRecord& event : Events()) {
    if (event.kind == EventRecord::kEnded) ended[event.ended] = event.totals.to_peer.packets;
  }
  EXPECT_EQ(ended, (std::map<AllocationId, uint64_t>{{0, 1}, {1, 0}}));
}

INSTANTIATE_TEST_SUITE_P(Paths, MeterTest, ::testing::Bool(), [](const auto& each) {
  return each.param ? std::string("Fast") : std::string("General");
});

}  // namespace
}  // namespace causeway::testing

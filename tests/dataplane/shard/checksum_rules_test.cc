// UDP checksums: absent, wrong, unfinished; see dataplane/shard/header_rules.h.
#include "tests/dataplane/shard/node.h"

namespace causeway::testing {
namespace {

constexpr uint16_t kChannel = 0x4001;

class ChecksumRulesTest : public NodeTest {
 protected:
  void InstallAll() {
    Install(0, kClientV4, 50000, kPeerV4, kChannel);
    Install(1, kClientV6, 50001, kPeerV6, kChannel);
    Install(2, "198.51.100.11:5000", 50002, kPeerV6, kChannel);
    Install(3, "[2001:db8:c::11]:5000", 50003, kPeerV4, kChannel);
    Moved();
  }
  void SetUp() override {
    NodeTest::SetUp();
    InstallAll();
  }
  // The checksum that comes out for one that goes in, for ChannelData of this client.
  Check Out(const char* client, Check in, size_t size = 33) {
    const bool v4 = At(client).address.IsV4();
    const auto sent = Relay(Datagram()
                                .From(client)
                                .To(v4 ? kServerV4 : kServerV6)
                                .Checked(in)
                                .Carrying(ChannelData(kChannel, Counting(size))));
    EXPECT_EQ(sent.size(), 1u);
    if (sent.size() != 1) return Check::kUnfinished;
    EXPECT_EQ(Datagram::Decode(sent[0]).payload, Counting(size));
    return Datagram::Decode(sent[0]).check;
  }
};

TEST_F(ChecksumRulesTest, ZeroStaysZeroTowardsIpv4AndIsComputedTowardsIpv6) {
  EXPECT_EQ(Out(kClientV4, Check::kZero), Check::kZero);
  EXPECT_EQ(Out("198.51.100.11:5000", Check::kZero), Check::kRight);
  const auto sent = Relay(
      Datagram().From(kPeerV4).To("192.0.2.1:50003").Checked(Check::kZero).Carrying(Counting(21)));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Datagram::Decode(sent[0]).check, Check::kRight);
}

TEST_F(ChecksumRulesTest, ZeroFromIpv6IsDropped) {
  EXPECT_TRUE(Relay(Datagram()
                        .From(kClientV6)
                        .To(kServerV6)
                        .Checked(Check::kZero)
                        .Carrying(ChannelData(kChannel, Counting(9))))
                  .empty());
  const std::map<std::string, uint64_t> moved = {{"rx_packets", 1}, {"drop_zero_checksum_v6", 1}};
  EXPECT_EQ(Moved(), moved);
}

TEST_F(ChecksumRulesTest, DamageStaysVisible) {
  for (const char* client : {kClientV4, kClientV6, "198.51.100.11:5000", "[2001:db8:c::11]:5000"}) {
    EXPECT_EQ(Out(client, Check::kWrong), Check::kWrong) << client;
  }
}

TEST_F(ChecksumRulesTest, UnfinishedChecksumsAreCompletedWhereTheLinkHasThem) {
  NodeOptions options;
  options.partial_checksums = true;
  Build(options);
  InstallAll();
  for (const char* client : {kClientV4, kClientV6, "198.51.100.11:5000", "[2001:db8:c::11]:5000"}) {
    EXPECT_EQ(Out(client, Check::kUnfinished), Check::kRight) << client;
    EXPECT_EQ(Out(client, Check::kUnfinished, 172), Check::kRight) << client;
    EXPECT_EQ(Out(client, Check::kRight), Check::kRight) << client;
    EXPECT_EQ(Out(client, Check::kWrong), Check::kWrong) << client;
  }
  EXPECT_EQ(Moved()["checksums_completed"], 8u);
}

TEST_F(ChecksumRulesTest, UnfinishedChecksumsAreDamageElsewhere) {
  EXPECT_EQ(Out(kClientV4, Check::kUnfinished), Check::kWrong);
  EXPECT_EQ(Moved()["checksums_completed"], 0u);
}

// Every value of a 16-bit word of data: among them those whose checksum is 0 and goes out as
// 0xffff.
TEST_F(ChecksumRulesTest, AComputedZeroIsSentAsAllOnes) {
  unsigned all_ones = 0;
  for (uint32_t word = 0; word <= 0xffff; ++word) {
    const auto sent =
        Relay(Datagram().From(kClientV4).To(kServerV4).Carrying(ChannelData(kChannel, Be16(word))));
    ASSERT_EQ(sent.size(), 1u);
    ASSERT_EQ(Datagram::Decode(sent[0]).check, Check::kRight) << word;
    if (sent[0][40] == 0xff && sent[0][41] == 0xff) ++all_ones;
  }
  EXPECT_EQ(all_ones, 1u);
}

TEST_F(ChecksumRulesTest, WrongIpv4HeaderChecksumIsDropped) {
  Bytes frame = Datagram()
                    .From(kClientV4)
                    .To(kServerV4)
                    .Carrying(ChannelData(kChannel, Counting(9)))
                    .Encode();
  frame[22] ^= 1;
  EXPECT_TRUE(Relay(frame).empty());
  EXPECT_EQ(Moved()["drop_malformed_ip"], 1u);
}

}  // namespace
}  // namespace causeway::testing

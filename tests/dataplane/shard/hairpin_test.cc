// Two clients of one node: hairpin.
#include "tests/dataplane/shard/node.h"

namespace causeway::testing {
namespace {

constexpr uint16_t kChannel = 0x4001;
constexpr const char* kOtherV4 = "198.51.100.77:7777";

class HairpinTest : public NodeTest {
 protected:
  // Client A (slot 0, port 50000) and client B (slot 1) are bound to each other's relayed address.
  void InstallPair(uint16_t relay_b, ShardId shard_b, const char* client_b = kOtherV4) {
    const std::string a = "192.0.2.1:50000";
    const std::string b = "192.0.2.1:" + std::to_string(relay_b);
    Install(0, kClientV4, 50000, b.c_str(), kChannel, 0);
    Install(1, client_b, relay_b, a.c_str(), 0x4002, shard_b);
    Moved();
  }
  Datagram FromA(const Bytes& payload) const {
    return Datagram().From(kClientV4).To(kServerV4).Carrying(payload);
  }
  // A relay port that the shard owns.
  uint16_t PortOf(ShardId shard, uint16_t from = 50001) const {
    while (configs_[0].node.OwnerOfPort(from) != shard) ++from;
    return from;
  }
};

TEST_F(HairpinTest, SameShardInOneTurn) {
  InstallPair(50001, 0);
  Arrive(FromA(ChannelData(kChannel, Text("hello"))).Encode());
  Turn(1);
  const auto sent = Sent();
  ASSERT_EQ(sent.size(), 1u);
  ExpectFrame(sent[0], Datagram().From(kServerV4).To(kOtherV4).Ttl(62).Carrying(
                           ChannelData(0x4002, Text("hello"))));
  const std::map<std::string, uint64_t> moved = {{"rx_packets", 1},
                                                 {"tx_packets", 1},
                                                 {"hairpin", 1},
                                                 {"channel_to_peer", 1},
                                                 {"channel_to_client", 1}};
  EXPECT_EQ(Moved(), moved);
}

TEST_F(HairpinTest, SendBecomesDataAndZeroChecksumsAreKept) {
  Install(0, kClientV4, 50000, "192.0.2.1:50001", 0);
  Install(1, kOtherV4, 50001, "192.0.2.1:50000", 0);
  const auto sent =
      Relay(FromA(SendIndication(At("192.0.2.1:50001"), Text("odd"))).Checked(Check::kZero));
  ASSERT_EQ(sent.size(), 1u);
  const Datagram out = Datagram::Decode(sent[0]);
  EXPECT_EQ(out.check, Check::kZero);
  EXPECT_EQ(out.payload, DataIndication(At("192.0.2.1:50000"), Text("odd"),
                                        Bytes(out.payload.begin() + 8, out.payload.begin() + 20)));
}

TEST_F(HairpinTest, OverIpv6) {
  Install(0, kClientV6, 50000, "[2001:db8::1]:50001", kChannel);
  Install(1, kOtherV4, 50001, "[2001:db8::1]:50000", 0x4002);
  const auto sent = Relay(
      Datagram().From(kClientV6).To(kServerV6).Carrying(ChannelData(kChannel, Counting(100))));
  ASSERT_EQ(sent.size(), 1u);
  ExpectFrame(sent[0], Datagram().From(kServerV4).To(kOtherV4).Ttl(62).Df(false).Carrying(
                           ChannelData(0x4002, Counting(100))));
}

TEST_F(HairpinTest, NeedsAPermissionAndAnAllocationOnTheOtherSide) {
  Install(0, kClientV4, 50000, "192.0.2.1:50001", kChannel);
  EXPECT_TRUE(Relay(FromA(ChannelData(kChannel, Text("x")))).empty());
  EXPECT_EQ(Moved()["drop_no_relay"], 1u);
  Install(1, kOtherV4, 50001, kPeerV4, 0);
  EXPECT_TRUE(Relay(FromA(ChannelData(kChannel, Text("x")))).empty());
  EXPECT_EQ(Moved()["drop_no_permission"], 1u);
}

TEST_F(HairpinTest, PortsOfOursThatAreNoRelaysAreDenied) {
  Install(0, kClientV4, 50000, "192.0.2.1:3478", kChannel);
  EXPECT_TRUE(Relay(FromA(ChannelData(kChannel, Text("x")))).empty());
  EXPECT_EQ(Moved()["drop_peer_denied"], 1u);
}

// A client that sits at a relayed address of ours, which is its own: the packet goes round until
// its time to live is spent.
TEST_F(HairpinTest, LoopsEnd) {
  Install(0, "192.0.2.1:50000", 50000, "192.0.2.1:3478", kChannel);
  Command(SetPermission{1, 0, At(kPeerV4).address, now_ + 3000});
  Turn();
  Moved();
  EXPECT_TRUE(
      Relay(Datagram().From(kPeerV4).To("192.0.2.1:50000").Ttl(200).Carrying(Counting(1000)))
          .empty());
  Turn(100);
  EXPECT_EQ(Moved()["drop_ttl"], 1u);
  EXPECT_TRUE(Sent().empty());
}

TEST_F(HairpinTest, OtherShardGetsItOverTheHandOffRing) {
  NodeOptions options;
  options.shards = 2;
  Build(options);
  const uint16_t a = PortOf(0);
  const uint16_t b = PortOf(1);
  Install(0, kClientV4, a, ("192.0.2.1:" + std::to_string(b)).c_str(), kChannel, 0);
  Install(0, kOtherV4, b, ("192.0.2.1:" + std::to_string(a)).c_str(), 0x4002, 1);
  Moved();
  const auto sent = Relay(FromA(ChannelData(kChannel, Counting(172))));
  ASSERT_EQ(sent.size(), 1u);
  ExpectFrame(sent[0], Datagram().From(kServerV4).To(kOtherV4).Ttl(62).Carrying(
                           ChannelData(0x4002, Counting(172))));
  const std::map<std::string, uint64_t> moved = {
      {"rx_packets", 1},        {"tx_packets", 1}, {"hairpin", 1},          {"channel_to_peer", 1},
      {"channel_to_client", 1}, {"handed_off", 1}, {"handoff_received", 1},
  };
  EXPECT_EQ(Moved(), moved);
}

}  // namespace
}  // namespace causeway::testing

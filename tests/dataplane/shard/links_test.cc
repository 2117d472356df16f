// A node on two links: clients on the first, peers in 198.18.0.0/15 and all of IPv6 on the second,
// whose MTU is smaller.
#include "dataplane/shard/flow_tables.h"
#include "dataplane/shard/packet.h"
#include "dataplane/shard/state.h"
#include "tests/dataplane/shard/node.h"

namespace causeway::testing {
namespace {

constexpr uint16_t kChannel = 0x4001;
constexpr LinkId kPublic = 0;
constexpr LinkId kPrivate = 1;
constexpr const char* kPrivatePeer = "198.18.0.1:6000";
constexpr MacAddress kPrivateRouterMac = {2, 0, 0, 0, 1, 1};

class LinksTest : public NodeTest {
 protected:
  void SetUp() override {
    NodeOptions options;
    options.links = 2;
    options.shards = 2;
    Build(options);
    for (ShardId shard = 0; shard < 2; ++shard) {
      Command(SetNextHop{kNarrow, kPrivateRouterMac, true, 0, kPrivate}, shard);
      Command(SetNextHop{kRouterV6, kPrivateRouterMac, true, 0, kPrivate}, shard);
    }
    Install(0, kClientV4, 50000, kPrivatePeer, kChannel);
    Install(1, "198.51.100.8:5000", 50001, kPeerV6, kChannel);
    Install(2, "198.51.100.9:5000", 50002, kPeerV4, kChannel);
    Moved();
  }
  void TearDown() override {
    Sent(kPrivate);
    NodeTest::TearDown();
  }
  static Datagram FromClient(const Bytes& data, const char* client = kClientV4) {
    return Datagram().From(client).To(kServerV4).Carrying(ChannelData(kChannel, data));
  }
  void Expect(const Bytes& frame, const Datagram& expected, LinkId link) {
    const Datagram sent = Datagram::Decode(frame);
    EXPECT_EQ(sent.from_mac, link == kPublic ? kOurMac : kSecondMac);
    EXPECT_EQ(sent.to_mac, link == kPublic ? kRouterMac : kPrivateRouterMac);
    EXPECT_EQ(sent.source, expected.source);
    EXPECT_EQ(sent.destination, expected.destination);
    EXPECT_EQ(sent.payload, expected.payload);
    EXPECT_EQ(sent.check, Check::kRight);
  }
  // By the fast path, then, with IPv4 options, by the general one.
  void ExpectRelayed(const Datagram& in, LinkId from, const Datagram& out, LinkId to) {
    const bool v6 = !in.source.address.IsV4();
    for (const Datagram& datagram : {in, Datagram(in).Options(v6 ? Bytes(8, 0) : Bytes(4, 1))}) {
      Arrive(datagram.Encode(), 0, 1, from);
      Turn();
      const auto sent = Sent(to);
      ASSERT_EQ(sent.size(), 1u) << datagram;
      Expect(sent[0], out, to);
      EXPECT_TRUE(Sent(1 - to).empty());
    }
  }
};

TEST_F(LinksTest, DatagramsLeaveByTheLinkOfTheirNextHop) {
  const Bytes data = Counting(172);
  ExpectRelayed(FromClient(data), kPublic,
                Datagram().From("192.0.2.1:50000").To(kPrivatePeer).Carrying(data), kPrivate);
  ExpectRelayed(Datagram().From(kPrivatePeer).To("192.0.2.1:50000").Carrying(data), kPrivate,
                Datagram().From(kServerV4).To(kClientV4).Carrying(ChannelData(kChannel, data)),
                kPublic);
  ExpectRelayed(FromClient(data, "198.51.100.8:5000"), kPublic,
                Datagram().From("[2001:db8::1]:50001").To(kPeerV6).Carrying(data), kPrivate);
  ExpectRelayed(
      Datagram().From(kPeerV6).To("[2001:db8::1]:50001").Carrying(data), kPrivate,
      Datagram().From(kServerV4).To("198.51.100.8:5000").Carrying(ChannelData(kChannel, data)),
      kPublic);
  ExpectRelayed(FromClient(data, "198.51.100.9:5000"), kPublic,
                Datagram().From("192.0.2.1:50002").To(kPeerV4).Carrying(data), kPublic);
  const std::map<std::string, uint64_t> moved = {
      {"rx_packets", 10}, {"tx_packets", 10}, {"channel_to_peer", 6}, {"channel_to_client", 4}};
  EXPECT_EQ(Moved(), moved);
}

TEST_F(LinksTest, ABurstForBothLinksKeepsItsOrderOnEach) {
  constexpr uint32_t kEach = 3 * kTxStage;
  for (uint32_t i = 0; i < kEach; ++i) {
    Arrive(FromClient(Be32(i)).Encode());
    Arrive(FromClient(Be32(i), "198.51.100.9:5000").Encode());
  }
  Turn(8);
  for (const LinkId link : {kPublic, kPrivate}) {
    const auto sent = Sent(link);
    ASSERT_EQ(sent.size(), kEach);
    for (uint32_t i = 0; i < kEach; ++i) {
      EXPECT_EQ(Datagram::Decode(sent[i]).payload, Be32(i));
    }
  }
}

TEST_F(LinksTest, AFloodOnOneLinkLeavesTheOtherItsTurn) {
  for (uint32_t i = 0; i < 5 * kLinkBurst; ++i) Arrive(FromClient(Be32(i)).Encode());
  Arrive(Datagram().From(kPrivatePeer).To("192.0.2.1:50000").Carrying(Text("x")).Encode(), 0, 1,
         kPrivate);
  Turn();
  EXPECT_EQ(Sent(kPublic).size(), 1u);
  EXPECT_EQ(Sent(kPrivate).size(), kLinkBurst);
  Turn(8);
  EXPECT_EQ(Sent(kPrivate).size(), 4 * kLinkBurst);
}

TEST_F(LinksTest, TheMtuIsThatOfTheLinkThatADatagramLeavesBy) {
  const Bytes data = Counting(kSecondMtu - 20 - 8 + 1);
  Arrive(FromClient(data).Df(false).Encode());
  Turn();
  EXPECT_EQ(Sent(kPrivate).size(), 2u) << "cut";
  Arrive(FromClient(data, "198.51.100.9:5000").Df(false).Encode());
  Turn();
  EXPECT_EQ(Sent(kPublic).size(), 1u) << "whole on the other link";
  Arrive(FromClient(data).Df(true).Encode());
  Turn();
  EXPECT_TRUE(Sent(kPrivate).empty());
  EXPECT_EQ(Moved()["drop_too_big"], 1u);
  const auto errors = Sent(kPublic);
  ASSERT_EQ(errors.size(), 1u) << "an ICMP error goes back by the link that the datagram came by";
  EXPECT_EQ(Slice(errors[0], 6, 12), Bytes(kOurMac.begin(), kOurMac.end()));
}

TEST_F(LinksTest, IcmpErrorsGoBackByTheLinkThatTheDatagramCameBy) {
  Arrive(Datagram().From(kPrivatePeer).To("192.0.2.1:50000").Ttl(1).Carrying(Text("x")).Encode(), 0,
         1, kPrivate);
  Turn();
  EXPECT_TRUE(Sent(kPublic).empty());
  EXPECT_EQ(Sent(kPrivate).size(), 1u);
}

TEST_F(LinksTest, HeldDatagramsLeaveByTheLinkOfTheirNeighbour) {
  Command(SetNextHop{kNarrow, {}, false, 0, kPrivate});
  Arrive(FromClient(Text("held")).Encode());
  Turn();
  EXPECT_TRUE(Sent(kPrivate).empty());
  const auto events = Events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventRecord::kUnresolved);
  Command(SetNextHop{kNarrow, kPrivateRouterMac, true, 0, kPrivate});
  Turn();
  const auto sent = Sent(kPrivate);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Datagram::Decode(sent[0]).payload, Text("held"));
  EXPECT_EQ(Datagram::Decode(sent[0]).from_mac, kSecondMac);
  EXPECT_TRUE(Sent(kPublic).empty());
}

// A neighbour that is reached by another link from now on.
TEST_F(LinksTest, ANextHopMayMoveToTheOtherLink) {
  Arrive(FromClient(Text("a")).Encode());
  Turn();
  EXPECT_EQ(Sent(kPrivate).size(), 1u);
  Command(SetNextHop{kNarrow, kRouterMac, true, 0, kPublic});
  Arrive(FromClient(Text("b")).Encode());
  Turn();
  ASSERT_EQ(Sent(kPublic).size(), 1u);
  EXPECT_TRUE(Sent(kPrivate).empty());
}

TEST_F(LinksTest, WhatIsHandedOffLeavesByTheLinkOfItsNextHop) {
  Redirect(kClientV4, 0, 1);
  Arrive(FromClient(Text("x")).Encode(), 1);
  Arrive(Datagram().From(kPrivatePeer).To("192.0.2.1:50000").Carrying(Text("y")).Encode(), 1, 1,
         kPrivate);
  Turn(3);
  EXPECT_EQ(Sent(kPrivate).size(), 1u);
  EXPECT_EQ(Sent(kPublic).size(), 1u);
  EXPECT_EQ(Moved()["handed_off"], 2u);
}

TEST_F(LinksTest, BindingAnswersFollowTheRoutes) {
  Arrive(Datagram()
             .From(kPrivatePeer)
             .To(kServerV4)
             .Carrying(Stun(0x0001, {}, Transaction()))
             .Encode(),
         0, 1, kPrivate);
  Turn();
  EXPECT_EQ(Sent(kPrivate).size(), 1u);
  EXPECT_TRUE(Sent(kPublic).empty());
}

TEST_F(LinksTest, ALinkThatIsNotThereIsNoNextHops) {
  Command(SetNextHop{kNarrow, kRouterMac, true, 0, 2});
  Arrive(FromClient(Text("x")).Encode());
  Turn();
  EXPECT_EQ(Sent(kPrivate).size(), 1u) << "as it was";
}

}  // namespace
}  // namespace causeway::testing

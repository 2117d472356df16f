// The way out: control's own messages, next hops that change, packets that wait for one.
#include <rte_mbuf.h>

#include "dataplane/shard/hold_queue.h"
#include "tests/dataplane/shard/node.h"

namespace causeway::testing {
namespace {

class TransmitTest : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    Install(0, kClientV4, 50000, kPeerV4, 0x4001);
    for (uint32_t i = 0; i < 32; ++i) {
      Permit(10 + i, 0, ("192.0.2." + std::to_string(100 + i) + ":1").c_str());
      Permit(50 + i, 0, ("198.51.100." + std::to_string(200 + i) + ":1").c_str());
    }
    Turn();
    Moved();
  }
  void TransmitNow(const Bytes& bytes, const char* client, bool is_frame) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(configs_[0].pool);
    ASSERT_NE(mbuf, nullptr);
    char* room = rte_pktmbuf_append(mbuf, static_cast<uint16_t>(bytes.size()));
    std::copy(bytes.begin(), bytes.end(), room);
    const uint8_t local = At(client).address.IsV4() ? 0 : 1;
    Command(TransmitBuffer{mbuf, {At(client), local}, is_frame});
    Turn();
  }
  void SendTo(const std::string& peer, const Bytes& data = Text("x")) {
    Arrive(
        Datagram().From(kClientV4).To(kServerV4).Carrying(SendIndication(At(peer), data)).Encode());
    Turn();
  }
};

TEST_F(TransmitTest, ControlsMessagesAreSent) {
  for (const char* client : {kClientV4, kClientV6}) {
    const Bytes message = Stun(0x0113, Counting(40), Transaction());
    TransmitNow(message, client, false);
    const auto sent = Sent();
    ASSERT_EQ(sent.size(), 1u);
    ExpectFrame(sent[0], Datagram()
                             .From(At(client).address.IsV4() ? kServerV4 : kServerV6)
                             .To(client)
                             .Df(false)
                             .Carrying(message));
  }
  EXPECT_EQ(Moved()["replies_sent"], 2u);
}

TEST_F(TransmitTest, FramesAreSentAsTheyAre) {
  TransmitNow(Counting(60), kClientV4, true);
  EXPECT_EQ(Sent(), std::vector<Bytes>{Counting(60)});
  EXPECT_EQ(Moved()["mirror_sent"], 1u);
}

TEST_F(TransmitTest, ANewLinkAddressIsUsedAtOnce) {
  const Datagram in = Datagram().From(kPeerV4).To("192.0.2.1:50000").Carrying(Text("x"));
  ASSERT_EQ(Relay(in).size(), 1u);
  const MacAddress moved = {2, 9, 9, 9, 9, 9};
  Command(SetNextHop{kRouterV4, moved, true, 1500});
  const auto sent = Relay(in);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Datagram::Decode(sent[0]).to_mac, moved);
}

TEST_F(TransmitTest, NewRoutesReplaceWhatWasCached) {
  const Datagram in = Datagram().From(kPeerV4).To("192.0.2.1:50000").Carrying(Text("x"));
  ASSERT_EQ(Relay(in).size(), 1u);
  const RouteTable none;
  Command(PublishRoutes{&none, 2});
  EXPECT_TRUE(Relay(in).empty());
  EXPECT_EQ(Moved()["drop_no_route"], 1u);
  Command(PublishRoutes{&routes_, 3});
  EXPECT_EQ(Relay(in).size(), 1u);
}

// More publications than the cached generation has values: no stale hop comes back to life.
TEST_F(TransmitTest, RouteGenerationsComeRound) {
  const Datagram in = Datagram().From(kPeerV4).To("192.0.2.1:50000").Carrying(Text("x"));
  ASSERT_EQ(Relay(in).size(), 1u);
  const RouteTable none;
  for (uint32_t i = 0; i < 65535; ++i) {
    Command(PublishRoutes{&none, i});
    if (i % 32 == 31 || i == 65534) {
      Turn();
      Events();
    }
  }
  EXPECT_TRUE(Relay(in).empty());
  EXPECT_EQ(Moved()["drop_no_route"], 1u);
}

TEST_F(TransmitTest, PacketsWaitForTheirNextHop) {
  SendTo("198.51.100.200:1", Text("first"));
  SendTo("198.51.100.200:1", Text("second"));
  auto events = Events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventRecord::kUnresolved);
  EXPECT_EQ(events[0].destination, At("198.51.100.200:1").address);
  EXPECT_EQ(Moved()["held"], 2u);
  Command(SetNextHop{kAbsent, kRouterMac, true, 1500});
  Turn();
  const auto sent = Sent();
  ASSERT_EQ(sent.size(), 2u);
  ExpectFrame(
      sent[0],
      Datagram().From("192.0.2.1:50000").To("198.51.100.200:1").Ttl(63).Carrying(Text("first")));
  EXPECT_EQ(Datagram::Decode(sent[1]).payload, Text("second"));
}

TEST_F(TransmitTest, OnLinkDestinationsAreAskedForOnceIn100Ms) {
  for (int i = 0; i < 3; ++i) SendTo("192.0.2.100:1");
  EXPECT_EQ(Events().size(), 1u);
  Wait(1);
  SendTo("192.0.2.100:1");
  EXPECT_EQ(Events().size(), 1u);
  const RouteTable resolved({{*Prefix::Parse("192.0.2.100"), kRouterV4}});
  Command(PublishRoutes{&resolved, 2});
  Turn();
  EXPECT_EQ(Sent().size(), 4u);
}

TEST_F(TransmitTest, HoldingIsBounded) {
  for (int i = 0; i < 5; ++i) SendTo("192.0.2.100:1");
  EXPECT_EQ(Moved()["drop_unresolved"], 1u);
  for (int i = 1; i < 20; ++i) {
    for (int k = 0; k < 4; ++k) SendTo("192.0.2." + std::to_string(100 + i) + ":1");
  }
  auto moved = Moved();
  EXPECT_EQ(moved["held"], 60u);
  EXPECT_EQ(moved["drop_unresolved"], 16u);
  Wait(10);
  Turn();
  EXPECT_EQ(Moved()["drop_unresolved"], 64u);
  EXPECT_TRUE(Sent().empty());
}

TEST_F(TransmitTest, ANeighbourReleasesItsOwnAlone) {
  constexpr NextHopId kOther = kAbsent + 1;
  const RouteTable two({{*Prefix::Parse("198.51.100.200"), kAbsent},
                        {*Prefix::Parse("198.51.100.201"), kOther},
                        {*Prefix::Parse("192.0.2.0/24"), kOnLink}});
  Command(SetNextHop{kOther, {}, false, 1500});
  Command(PublishRoutes{&two, 2});
  SendTo("198.51.100.200:1", Text("a"));
  SendTo("198.51.100.201:1", Text("b"));
  SendTo("192.0.2.100:1", Text("c"));
  SendTo("198.51.100.200:1", Text("d"));
  EXPECT_TRUE(Sent().empty());
  Command(SetNextHop{kAbsent, kRouterMac, true, 1500});
  Turn();
  auto sent = Sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(Datagram::Decode(sent[0]).payload, Text("a"));
  EXPECT_EQ(Datagram::Decode(sent[1]).payload, Text("d"));
  Command(SetNextHop{kOther, kRouterMac, true, 1500});
  Turn();
  sent = Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Datagram::Decode(sent[0]).payload, Text("b"));
  Wait(HoldQueue::kPatience);
  Turn();
  EXPECT_EQ(Moved()["drop_unresolved"], 1u);
}

TEST_F(TransmitTest, WhatIsHeldFollowsNewRoutesAndKeepsItsDeadline) {
  SendTo("192.0.2.100:1", Text("a"));
  SendTo("192.0.2.101:1", Text("b"));
  SendTo("192.0.2.102:1", Text("c"));
  Wait(HoldQueue::kPatience - 1);
  const RouteTable later({{*Prefix::Parse("192.0.2.100"), kAbsent},
                          {*Prefix::Parse("192.0.2.101"), kAbsent},
                          {*Prefix::Parse("192.0.2.102"), kNoRoute}});
  Command(PublishRoutes{&later, 2});
  Turn();
  EXPECT_TRUE(Sent().empty());
  EXPECT_EQ(Moved()["drop_no_route"], 1u);
  SendTo("192.0.2.100:1", Text("d"));
  Wait(1);
  Turn();
  EXPECT_EQ(Moved()["drop_unresolved"], 2u);
  Command(SetNextHop{kAbsent, kRouterMac, true, 1500});
  Turn();
  const auto sent = Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Datagram::Decode(sent[0]).payload, Text("d"));
}

TEST_F(TransmitTest, ANextHopThatCannotBeAskedForIsAskedForAgain) {
  JamEvents(EventClass::kNeighbour);
  SendTo("192.0.2.100:1");
  Events();
  SendTo("192.0.2.100:1");
  const auto events = Events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventRecord::kUnresolved);
}

TEST_F(TransmitTest, WhatIsHeldMeetsTheLinksSize) {
  SendTo("198.51.100.200:1", Counting(1200));
  Command(SetNextHop{kAbsent, kRouterMac, true, 1000});
  Turn();
  EXPECT_TRUE(Sent().empty());
  EXPECT_EQ(Moved()["drop_too_big"], 1u);
}

TEST_F(TransmitTest, ALegThatIsNotUdpIsNotTaken) {
  const Endpoint client = At("198.51.100.66:1");
  for (const Transport transport : {Transport::kTcp, Transport::kTls, Transport::kDtls}) {
    Command(InstallAllocation{5, {{client, 0, transport}}, {0, 50009}, {}, now_ + 100});
    Command(SetPermission{5, 5, At(kPeerV4).address, now_ + 100});
    Turn();
    Moved();
    EXPECT_TRUE(Relay(Datagram().From(kPeerV4).To("192.0.2.1:50009").Carrying(Text("x"))).empty());
    EXPECT_EQ(Moved()["drop_no_relay"], 1u);
    EXPECT_TRUE(
        Relay(Datagram().From("198.51.100.66:1").To(kServerV4).Carrying(ChannelData(0x4001, {})))
            .empty());
    EXPECT_EQ(Moved()["drop_no_allocation"], 1u);
  }
}

TEST_F(TransmitTest, CommandsBeyondThePoolsAreIgnored) {
  const uint32_t far = 1000000;
  Command(InstallAllocation{far, {At("198.51.100.66:1"), 0}, {0, 50009}, {}, now_ + 100});
  Command(InstallAllocation{5, {At("198.51.100.66:1"), 9}, {0, 50009}, {}, now_ + 100});
  Command(InstallAllocation{6, {At("198.51.100.67:1"), 0}, {70, 50009}, {1, 9}, now_ + 100});
  Command(BindChannel{6, 6, 0x4001, At(kPeerV4), now_ + 100});
  Command(RefreshAllocation{far, 1});
  Command(RemoveAllocation{far});
  Command(SetPermission{far, 0, At(kPeerV4).address, 1});
  Command(SetPermission{1, far, At(kPeerV4).address, 1});
  Command(RemovePermission{far});
  Command(BindChannel{far, 0, 0x4001, At(kPeerV4), 1});
  Command(UnbindChannel{far});
  Command(SetNextHop{60000, kRouterMac, true, 1500});
  Command(SetNextHop{kHairpin, kRouterMac, true, 1500});
  Command(RelayIcmp{{70, 50000}, At(kPeerV4), 3, 3, 0});
  Turn();
  EXPECT_EQ(Relay(Datagram().From(kPeerV4).To("192.0.2.1:50000").Carrying(Text("x"))).size(), 1u);
  EXPECT_TRUE(
      Relay(Datagram().From("198.51.100.66:1").To(kServerV4).Carrying(ChannelData(0x4001, {})))
          .empty());
  EXPECT_TRUE(
      Relay(Datagram().From("198.51.100.67:1").To(kServerV4).Carrying(ChannelData(0x4001, {})))
          .empty());
  EXPECT_EQ(Moved()["drop_family"], 1u);
}

}  // namespace
}  // namespace causeway::testing

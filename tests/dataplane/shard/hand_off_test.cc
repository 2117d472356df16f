// Two shards: what arrives at one of them and belongs to the other.
#include "dataplane/shard/flow_tables.h"
#include "dataplane/shard/packet.h"
#include "tests/dataplane/shard/node.h"

namespace causeway::testing {
namespace {

constexpr uint16_t kChannel = 0x4001;

class HandOffTest : public NodeTest {
 protected:
  void SetUp() override {
    NodeOptions options;
    options.shards = 2;
    Build(options);
    // Everything belongs to shard 1 and arrives at shard 0.
    port_ = PortOf(1);
    relay_ = "192.0.2.1:" + std::to_string(port_);
    Install(5, kClientV4, port_, kPeerV4, kChannel, 1);
    Permit(6, 5, "203.0.113.21:1", 1);
    Redirect(kClientV4, 1, 0);
    Turn();
    Moved();
  }
  // A relay port that the shard owns.
  uint16_t PortOf(ShardId shard) const {
    uint16_t port = 50001;
    while (configs_[0].node.OwnerOfPort(port) != shard) ++port;
    return port;
  }
  Datagram FromA(const Bytes& payload) const {
    return Datagram().From(kClientV4).To(kServerV4).Carrying(payload);
  }
  Datagram FromPeer(const Bytes& payload) const {
    return Datagram().From(kPeerV4).To(relay_).Carrying(payload);
  }
  unsigned Poll(ShardId shard) { return shards_[shard]->Poll(0); }

  int seen_ = 0;
  uint16_t port_ = 0;
  std::string relay_;
};

TEST_F(HandOffTest, EveryPacketGoesThroughTheRing) {
  const Bytes data = Counting(99);
  auto sent = Relay(FromA(ChannelData(kChannel, data)));
  ASSERT_EQ(sent.size(), 1u);
  ExpectFrame(sent[0], Datagram().From(relay_).To(kPeerV4).Ttl(63).Carrying(data));
  sent = Relay(FromA(SendIndication(At("203.0.113.21:9"), data)));
  ASSERT_EQ(sent.size(), 1u);
  ExpectFrame(sent[0], Datagram().From(relay_).To("203.0.113.21:9").Ttl(63).Carrying(data));
  sent = Relay(Datagram().From(kPeerV4).To(relay_).Carrying(data));
  ASSERT_EQ(sent.size(), 1u);
  ExpectFrame(sent[0], Datagram().From(kServerV4).To(kClientV4).Ttl(63).Carrying(
                           ChannelData(kChannel, data)));
  sent = Relay(Datagram().From("203.0.113.21:9").To(relay_).Carrying(data));
  ASSERT_EQ(sent.size(), 1u);
  const std::map<std::string, uint64_t> moved = {
      {"rx_packets", 4},        {"tx_packets", 4},      {"handed_off", 4},
      {"handoff_received", 4},  {"channel_to_peer", 1}, {"send_to_peer", 1},
      {"channel_to_client", 1}, {"data_to_client", 1},
  };
  EXPECT_EQ(Moved(), moved);
}

TEST_F(HandOffTest, RequestsOfRedirectedClientsArePuntedWhereTheyArrive) {
  Relay(FromA(Stun(0x0004, {}, Transaction())));
  const auto events = Events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventRecord::kRequest);
  EXPECT_EQ(Moved()["handed_off"], 0u);
}

TEST_F(HandOffTest, RemovedRedirectIsForgotten) {
  Command(RemoveClientRedirect{{At(kClientV4), 0}}, 0);
  Turn();
  EXPECT_TRUE(Relay(FromA(ChannelData(kChannel, Text("x")))).empty());
  const auto events = Events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventRecord::kUnknownClient);
  EXPECT_EQ(events[0].tuple.client, At(kClientV4));
  EXPECT_EQ(Moved()["drop_no_allocation"], 1u);
}

TEST_F(HandOffTest, AStaleRedirectIsNotFollowedTwice) {
  Command(RemoveAllocation{5}, 1);
  Redirect(kClientV4, 0, 1);
  Turn();
  EXPECT_TRUE(Relay(FromA(ChannelData(kChannel, Text("x")))).empty());
  Turn(4);
  EXPECT_EQ(Moved()["drop_not_ours"], 1u);
}

TEST_F(HandOffTest, AnAllocationReplacesTheRedirectOfItsClient) {
  Install(0, kClientV4, PortOf(0), kPeerV4, kChannel, 0);
  Moved();
  EXPECT_EQ(Relay(FromA(ChannelData(kChannel, Text("x")))).size(), 1u);
  EXPECT_EQ(Moved()["handed_off"], 0u);
}

// What the redirect says of the allocation may be out of date, or of another client.
TEST_F(HandOffTest, TheOwnerTrustsNoRedirect) {
  Install(6, "198.51.100.12:5000", static_cast<uint16_t>(port_ + 1), kPeerV4, kChannel, 1);
  for (const AllocationId wrong : {6u, 7u, 1'000'000u, 0xffffffffu}) {
    Command(RemoveClientRedirect{{At(kClientV4), 0}}, 0);
    Command(AddClientRedirect{{At(kClientV4), 0}, 1, wrong}, 0);
    Turn();
    Moved();
    const auto sent = Relay(FromA(ChannelData(kChannel, Text("x"))));
    ASSERT_EQ(sent.size(), 1u) << wrong;
    ExpectFrame(sent[0], Datagram().From(relay_).To(kPeerV4).Ttl(63).Carrying(Text("x")));
    EXPECT_EQ(Moved()["channel_to_peer"], 1u);
  }
}

TEST_F(HandOffTest, FullRingDrops) {
  JamHandOff(1);
  Arrive(FromA(ChannelData(kChannel, Text("x"))).Encode());
  Poll(0);
  EXPECT_EQ(Moved()["drop_handoff_full"], 1u);
}

TEST_F(HandOffTest, WhatTheRingHasRoomForGoesThrough) {
  constexpr unsigned kRoom = 5;
  JamHandOff(1, kRoom);
  for (uint32_t i = 0; i < 2 * kRoom; ++i) Arrive(FromPeer(Be32(i)).Encode());
  Poll(0);
  auto moved = Moved();
  EXPECT_EQ(moved["handed_off"], kRoom);
  EXPECT_EQ(moved["drop_handoff_full"], kRoom);
}

// More than one ring operation takes, of both legs, in one turn of the shard that they are for.
TEST_F(HandOffTest, AllThatWaitsIsServedInOrderBeforeTheLink) {
  constexpr unsigned kWaiting = 200;
  for (uint32_t i = 0; i < kWaiting; ++i) {
    Arrive((i % 2 == 0 ? FromPeer(Be32(i)) : FromA(ChannelData(kChannel, Be32(i)))).Encode());
  }
  unsigned handled = 0;
  while (handled < kWaiting) handled += Poll(0);
  EXPECT_TRUE(Sent().empty());
  Arrive(FromPeer(Be32(kWaiting)).Encode(), 1);
  EXPECT_EQ(Poll(1), kWaiting + 1);
  const auto sent = Sent();
  ASSERT_EQ(sent.size(), kWaiting + 1);
  // The legs of a burst may overtake each other, datagrams of one leg do not.
  uint32_t to_client = 0;
  uint32_t to_peer = 1;
  for (const Bytes& frame : sent) {
    const Datagram datagram = Datagram::Decode(frame);
    uint32_t& next = datagram.destination == At(kClientV4) ? to_client : to_peer;
    EXPECT_EQ(datagram.payload,
              &next == &to_client ? ChannelData(kChannel, Be32(next)) : Be32(next));
    next += 2;
  }
  EXPECT_EQ(to_client, kWaiting + 2);
  auto moved = Moved();
  EXPECT_EQ(moved["handed_off"], kWaiting);
  EXPECT_EQ(moved["handoff_received"], kWaiting);
}

// A flood that is handed off leaves the link its turn.
TEST_F(HandOffTest, ATurnTakesNoMoreThanFourBursts) {
  constexpr unsigned kFlood = 5 * kLinkBurst;
  for (uint32_t i = 0; i < kFlood; ++i) Arrive(FromPeer(Be32(i)).Encode());
  for (unsigned handled = 0; handled < kFlood;) handled += Poll(0);
  EXPECT_EQ(Poll(1), 4 * kLinkBurst);
  EXPECT_EQ(Poll(1), kLinkBurst);
  EXPECT_EQ(Poll(1), 0u);
  EXPECT_EQ(Sent().size(), kFlood);
}

// Each overtakes a datagram with IPv4 options, which came before it and takes the general path.
TEST_F(HandOffTest, OrdinaryDatagramsTakeTheFastPath) {
  Install(6, "198.51.100.12:5000", static_cast<uint16_t>(port_ + 1), kPeerV4, 0, 1);
  Redirect("198.51.100.12:5000", 1, 0);
  const std::string bare = "192.0.2.1:" + std::to_string(port_ + 1);
  for (unsigned i = 0; i < FlowTables::kPromoteAfter; ++i) {
    Relay(Datagram().From(kPeerV4).To(bare).Carrying(Text("a")));
  }
  for (const Datagram& ordinary :
       {FromA(ChannelData(kChannel, Text("x"))), FromPeer(Text("x")),
        FromA(SendIndication(At(kPeerV4), Text("x"))).From("198.51.100.12:5000"),
        FromPeer(Text("x")).To(bare)}) {
    Arrive(FromPeer(Text("general")).Options(Bytes(4, 1)).Encode());
    Arrive(ordinary.Encode());
    Turn(2);
    const auto sent = Sent();
    ASSERT_EQ(sent.size(), 2u) << ordinary;
    EXPECT_EQ(Datagram::Decode(sent[1]).payload, ChannelData(kChannel, Text("general")))
        << ordinary;
  }
}

// What came in fragments may leave in fragments, whatever shard put it together.
TEST_F(HandOffTest, ReassembledDatagramsAreKnownAsSuch) {
  Install(6, "198.51.100.12:5000", static_cast<uint16_t>(port_ + 1), kPeerV6, kChannel, 1);
  const std::string relayed = "[2001:db8::1]:" + std::to_string(port_ + 1);
  const Datagram whole = Datagram().From(kPeerV6).To(relayed).Carrying(Counting(2000));
  for (const Bytes& fragment : CutV6(whole.Encode(), 1000)) Arrive(fragment);
  Turn(3);
  EXPECT_EQ(Sent().size(), 2u);
  auto moved = Moved();
  EXPECT_EQ(moved["datagrams_reassembled"], 1u);
  EXPECT_EQ(moved["handed_off"], 1u);
}

TEST_F(HandOffTest, UnknownClientEventsAreLimited) {
  for (int burst = 0; burst < 80; ++burst) {
    for (int i = 0; i < 32; ++i) {
      Arrive(Datagram()
                 .From("198.51.100.99:" + std::to_string(1000 + i))
                 .To(kServerV4)
                 .Carrying(ChannelData(kChannel, Text("x")))
                 .Encode());
    }
    Turn();
    for (const EventRecord& event : Events()) {
      EXPECT_EQ(event.kind, EventRecord::kUnknownClient);
      ++seen_;
    }
  }
  EXPECT_EQ(seen_, 1000);
  EXPECT_EQ(Moved()["drop_no_allocation"], 80u * 32);
}

}  // namespace
}  // namespace causeway::testing

// Allocations, permissions and channels end when they say (RFC 8656 sections 6, 9, 12), and every
// drop that the other files do not provoke.
#include "tests/dataplane/shard/node.h"

namespace causeway::testing {
namespace {

constexpr uint16_t kChannel = 0x4001;

class ExpiryTest : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    Command(InstallAllocation{0, {At(kClientV4), 0}, {0, 50000}, {1, 50000}, now_ + 500});
    Command(SetPermission{0, 0, At(kPeerV4).address, now_ + 300});
    Command(BindChannel{0, 0, kChannel, At(kPeerV4), now_ + 400});
    Command(SetPermission{1, 0, At(kPeerV6).address, now_ + 300});
    Command(BindChannel{1, 0, kChannel + 1, At(kPeerV6), now_ + 400});
    Turn();
    Moved();
  }
  std::string Fate(const Datagram& datagram) {
    Relay(datagram);
    auto moved = Moved();
    moved.erase("rx_packets");
    moved.erase("tx_packets");
    EXPECT_EQ(moved.size(), 1u);
    return moved.empty() ? "" : moved.begin()->first;
  }
  std::string Channel(uint16_t number) {
    return Fate(Datagram().From(kClientV4).To(kServerV4).Carrying(ChannelData(number, Text("x"))));
  }
  std::string Send(const char* peer) {
    return Fate(
        Datagram().From(kClientV4).To(kServerV4).Carrying(SendIndication(At(peer), Text("x"))));
  }
  std::string Peer(const char* peer) {
    return Fate(Datagram()
                    .From(peer)
                    .To(At(peer).address.IsV4() ? "192.0.2.1:50000" : "[2001:db8::1]:50000")
                    .Carrying(Text("x")));
  }
};

TEST_F(ExpiryTest, PermissionsChannelsAndAllocationEndInTurn) {
  const auto expect = [&](const char* channel, const char* send, const char* peer) {
    EXPECT_EQ(Channel(kChannel), channel);
    EXPECT_EQ(Channel(kChannel + 1), channel);
    EXPECT_EQ(Send(kPeerV4), send);
    EXPECT_EQ(Send(kPeerV6), send);
    EXPECT_EQ(Peer(kPeerV4), peer);
    EXPECT_EQ(Peer(kPeerV6), peer);
  };
  Wait(299);
  expect("channel_to_peer", "send_to_peer", "channel_to_client");
  Wait(1);
  expect("channel_to_peer", "drop_no_permission", "drop_no_permission");
  Command(SetPermission{0, 0, At(kPeerV4).address, now_ + 300});
  Command(SetPermission{1, 0, At(kPeerV6).address, now_ + 300});
  Wait(99);
  expect("channel_to_peer", "send_to_peer", "channel_to_client");
  Wait(1);
  expect("drop_no_channel", "send_to_peer", "data_to_client");
  Command(BindChannel{0, 0, kChannel, At(kPeerV4), now_ + 6000});
  Command(BindChannel{1, 0, kChannel + 1, At(kPeerV6), now_ + 6000});
  Wait(99);
  expect("channel_to_peer", "send_to_peer", "channel_to_client");
  Wait(1);
  expect("drop_no_channel", "drop_no_permission", "drop_no_permission");
  Command(RefreshAllocation{0, now_ + 1000});
  expect("channel_to_peer", "send_to_peer", "channel_to_client");
}

TEST_F(ExpiryTest, RemovedPermissionEndsAtOnce) {
  Command(RemovePermission{0});
  Command(RemovePermission{1});
  EXPECT_EQ(Peer(kPeerV4), "drop_no_permission");
  EXPECT_EQ(Peer(kPeerV6), "drop_no_permission");
  EXPECT_EQ(Channel(kChannel), "channel_to_peer");  // section 12.6 does not ask for one
}

TEST_F(ExpiryTest, ChannelDataIsChecked) {
  const auto fate = [&](const Bytes& payload, const char* client = kClientV4) {
    return Fate(Datagram().From(client).To(kServerV4).Carrying(payload));
  };
  EXPECT_EQ(fate({0x40, 1, 0}), "drop_malformed_channel_data");
  EXPECT_EQ(fate({0x40, 1, 0, 2, 9}), "drop_malformed_channel_data");
  EXPECT_EQ(fate({0x40, 7, 0, 0}), "drop_no_channel");
  EXPECT_EQ(fate({0x40, 1, 0, 0}, "198.51.100.10:5001"), "drop_no_allocation");
  EXPECT_EQ(fate({0x4f, 0xff, 0, 0}), "drop_no_channel");
  Command(InstallAllocation{9, {At("198.51.100.11:1"), 0}, {0, 50009}, {}, now_ + 100});
  Command(BindChannel{9, 9, kChannel, At(kPeerV6), now_ + 100});
  EXPECT_EQ(fate({0x40, 1, 0, 0}, "198.51.100.11:1"), "drop_family");
}

TEST_F(ExpiryTest, ImpossibleAddressesAreDropped) {
  const Datagram base = Datagram().To("192.0.2.1:50000").Carrying(Text("x"));
  for (const char* source : {"0.0.0.0:5", "0.1.2.3:5", "127.0.0.1:5", "224.0.0.1:5",
                             "255.255.255.255:5", "203.0.113.20:0"}) {
    EXPECT_EQ(Fate(base.From(source)), "drop_bad_address") << source;
  }
  for (const char* source : {"[::]:5", "[::1]:5", "[ff02::1]:5", "[2001:db8:f::20]:0"}) {
    EXPECT_EQ(Fate(base.From(source).To("[2001:db8::1]:50000")), "drop_bad_address") << source;
  }
  EXPECT_EQ(Fate(base.From(kPeerV4).MacTo({0xff, 0xff, 0xff, 0xff, 0xff, 0xff})),
            "drop_bad_address");
  Bytes mapped = base.From(kPeerV6).To("[2001:db8::1]:50000").Encode();
  const Bytes prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
  std::copy(prefix.begin(), prefix.end(), mapped.begin() + 38);
  Relay(mapped);
  EXPECT_EQ(Moved()["drop_bad_address"], 1u);
  std::copy(prefix.begin(), prefix.end(), mapped.begin() + 22);
  Relay(mapped);
  EXPECT_EQ(Moved()["drop_bad_address"], 1u);
}

TEST_F(ExpiryTest, MalformedPacketsAreDropped) {
  const Bytes good = Datagram().From(kPeerV4).To("192.0.2.1:50000").Carrying(Text("x")).Encode();
  const auto fate_of = [&](const Bytes& frame) {
    Relay(frame);
    auto moved = Moved();
    return moved["drop_malformed_ip"];
  };
  EXPECT_EQ(fate_of(Slice(good, 0, 13)), 1u);
  EXPECT_EQ(fate_of(Slice(good, 0, 30)), 1u);
  EXPECT_EQ(fate_of(Slice(good, 0, good.size() - 1)), 1u);
  Bytes short_udp = good;
  short_udp[39] = 7;
  EXPECT_EQ(fate_of(short_udp), 1u);
  Bytes long_udp = good;
  long_udp[39] = 10;
  EXPECT_EQ(fate_of(long_udp), 1u);
}

TEST_F(ExpiryTest, RoutesAndRingsThatFail) {
  Command(SetPermission{2, 0, At("10.1.2.3:1").address, now_ + 300});
  Turn();
  EXPECT_EQ(Send("10.1.2.3:1"), "drop_no_route");
  JamPort();
  Arrive(Datagram().From(kPeerV4).To("192.0.2.1:50000").Carrying(Text("x")).Encode());
  Turn();
  EXPECT_EQ(Moved()["drop_tx_full"], 1u);
}

TEST_F(ExpiryTest, EmptyPoolsDrop) {
  ExhaustPool(false);
  Command(RelayIcmp{{0, 50000}, At(kPeerV4), 3, 3, 0});
  Turn();
  Replenish();
  EXPECT_EQ(Moved()["drop_no_buffer"], 1u);
  Arrive(Datagram().From(kPeerV4).To("192.0.2.1:50000").Carrying(Counting(90)).Encode(), 0, 2);
  ExhaustPool(true);
  Turn();
  Replenish();
  EXPECT_EQ(Moved()["drop_no_buffer"], 1u);
}

TEST_F(ExpiryTest, ChainedBuffersAreJoined) {
  const Datagram in = Datagram().From(kPeerV4).To("192.0.2.1:50000").Carrying(Counting(300));
  for (unsigned segments : {2u, 3u, 11u}) {
    Arrive(in.Encode(), 0, segments);
    Turn();
    const auto sent = Sent();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(Datagram::Decode(sent[0]).payload, ChannelData(kChannel, Counting(300)));
  }
}

TEST_F(ExpiryTest, WhatIsNotOursGoesToTheKernelWhereItLostTheInterface) {
  const Bytes arp =
      Datagram().MacTo({0xff, 0xff, 0xff, 0xff, 0xff, 0xff}).From(kPeerV4).To(kServerV4).Encode();
  const std::vector<Bytes> strangers = {
      Slice(arp, 0, 12) + Be16(0x0806) + Counting(46),
      Datagram().From(kPeerV4).To("192.0.2.1:53").Carrying(Text("x")).Encode(),
      Datagram().From(kPeerV4).To("192.0.2.2:50000").Carrying(Text("x")).Encode(),
      Datagram().From(kPeerV6).To("[2001:db8::2]:50000").Carrying(Text("x")).Encode()};
  for (const Bytes& frame : strangers) Relay(frame);
  EXPECT_EQ(Moved()["drop_not_ours"], strangers.size());
  NodeOptions options;
  options.kernel_keeps_interface = false;
  Build(options);
  for (const Bytes& frame : strangers) {
    Relay(frame);
    const auto events = Events();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].kind, EventRecord::kKernelFrame);
    EXPECT_EQ(events[0].bytes, frame);
  }
  EXPECT_EQ(Moved()["kernel_frames"], strangers.size());
}

TEST_F(ExpiryTest, NeighboursAndOtherKernelFramesTakeNoRoomFromEachOther) {
  NodeOptions options;
  options.kernel_keeps_interface = false;
  Build(options);
  const Bytes ethernet = Slice(Datagram().From(kPeerV6).To(kServerV6).Encode(), 0, 12);
  const Bytes v6 = Slice(Datagram().From(kPeerV6).To(kServerV6).Encode(), 22, 54);
  const auto icmp_v6 = [&](uint8_t type) {
    return ethernet + Be16(0x86dd) + Bytes{0x60, 0, 0, 0, 0, 24, 58, 255} + v6 + Bytes{type, 0} +
           Bytes(22);
  };
  const std::vector<Bytes> neighbours = {ethernet + Be16(0x0806) + Counting(46), icmp_v6(133),
                                         icmp_v6(135), icmp_v6(136), icmp_v6(137)};
  const std::vector<Bytes> others = {ethernet + Be16(0x88cc) + Counting(46), icmp_v6(128),
                                     icmp_v6(132), icmp_v6(138), ethernet + Be16(0x86dd)};
  JamEvents(EventClass::kKernel);
  for (const Bytes& frame : neighbours) {
    Relay(frame);
    EXPECT_EQ(Moved()["kernel_frames"], 1u);
  }
  Relay(others[0]);
  EXPECT_EQ(Moved()["drop_mirror_full"], 1u);
  Events();
  JamEvents(EventClass::kNeighbour);
  for (const Bytes& frame : others) {
    Relay(frame);
    const auto moved = Moved();
    EXPECT_EQ(moved.count("kernel_frames") + moved.count("drop_malformed_ip"), 1u);
    EXPECT_EQ(moved.count("drop_neighbour_full"), 0u);
  }
  for (const Bytes& frame : neighbours) Relay(frame);
  EXPECT_EQ(Moved()["drop_neighbour_full"], neighbours.size());
}

TEST_F(ExpiryTest, RoutesAdoptedIsOwedUntilThereIsRoom) {
  JamEvents(EventClass::kClient);
  Command(PublishRoutes{&routes_, 7});
  Turn();
  for (const EventRecord& event : Events()) EXPECT_NE(event.generation, 7u);
  Turn(2);
  const auto events = Events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].generation, 7u);
}

}  // namespace
}  // namespace causeway::testing

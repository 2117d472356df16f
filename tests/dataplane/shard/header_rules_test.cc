// What becomes of IP header fields, sizes and fragments; see dataplane/shard/header_rules.h.
#include "dataplane/ip/slow_path.h"
#include "tests/dataplane/shard/node.h"

namespace causeway::testing {
namespace {

constexpr uint16_t kChannel = 0x4001;

class HeaderRulesTest : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    Install(0, kClientV4, 50000, kPeerV4, kChannel);
    Install(1, kClientV6, 50001, kPeerV6, kChannel);
    Install(2, "198.51.100.11:5000", 50002, kPeerV6, kChannel);
    Install(3, "[2001:db8:c::11]:5000", 50003, kPeerV4, kChannel);
    Moved();
  }
  Datagram V4ToV4(size_t size) const { return From(kClientV4, size); }
  Datagram V6ToV6(size_t size) const { return From(kClientV6, size); }
  Datagram V4ToV6(size_t size) const { return From("198.51.100.11:5000", size); }
  Datagram V6ToV4(size_t size) const { return From("[2001:db8:c::11]:5000", size); }
  static Datagram From(const char* client, size_t size) {
    const bool v4 = At(client).address.IsV4();
    return Datagram()
        .From(client)
        .To(v4 ? kServerV4 : kServerV6)
        .Carrying(ChannelData(kChannel, Counting(size)));
  }
  uint64_t MovedOne(const std::string& name) {
    auto moved = Moved();
    return moved[name];
  }
  static uint8_t IpByte(const Bytes& frame, size_t at) { return frame.at(14 + at); }
  static uint32_t Mtu(const Bytes& icmp_frame, size_t at) {
    return uint32_t{icmp_frame.at(at)} << 8 | icmp_frame.at(at + 1);
  }
};

TEST_F(HeaderRulesTest, DfIsCopiedAndIdentificationsDiffer) {
  const auto kept = Relay(V4ToV4(10).Df(true));
  const auto first = Relay(V4ToV4(10).Df(false).Id(9));
  const auto second = Relay(V4ToV4(10).Df(false).Id(9));
  ASSERT_EQ(kept.size() + first.size() + second.size(), 3u);
  EXPECT_TRUE(Datagram::Decode(kept[0]).df);
  EXPECT_EQ(Datagram::Decode(kept[0]).id, 0);
  EXPECT_FALSE(Datagram::Decode(first[0]).df);
  EXPECT_NE(Datagram::Decode(first[0]).id, Datagram::Decode(second[0]).id);
}

TEST_F(HeaderRulesTest, IdentificationIsNeverZero) {
  for (int i = 0; i < 65540; ++i) {
    const auto sent = Relay(V4ToV4(1).Df(false));
    ASSERT_EQ(sent.size(), 1u);
    ASSERT_NE(sent[0][18] << 8 | sent[0][19], 0) << "packet " << i;
  }
}

TEST_F(HeaderRulesTest, SendWithDontFragmentSetsDfBetweenIpv4Only) {
  const auto send = [](const char* client, const char* server, const char* peer, size_t size) {
    return Datagram().From(client).To(server).Df(false).Carrying(
        SendIndication(At(peer), Counting(size), Attribute(0x001A, {})));
  };
  auto sent = Relay(send(kClientV4, kServerV4, kPeerV4, 10));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(Datagram::Decode(sent[0]).df);
  sent = Relay(send("[2001:db8:c::11]:5000", kServerV6, kPeerV4, 10));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_FALSE(Datagram::Decode(sent[0]).df);
}

TEST_F(HeaderRulesTest, TranslationToIpv4SetsDfAbove1260) {
  auto sent = Relay(V6ToV4(1260 - 28));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_FALSE(Datagram::Decode(sent[0]).df);
  sent = Relay(V6ToV4(1261 - 28));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(Datagram::Decode(sent[0]).df);
}

TEST_F(HeaderRulesTest, FlowLabelIsNotCopied) {
  const auto sent = Relay(V6ToV6(10).FlowLabel(0xabcde).Tos(0xff));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Datagram::Decode(sent[0]).flow_label, 0u);
  EXPECT_EQ(Datagram::Decode(sent[0]).tos, 0xff);
}

TEST_F(HeaderRulesTest, OptionsAndExtensionHeadersArePassedOver) {
  const auto expect_plain = [&](const Datagram& in, const char* from, const char* to) {
    const auto sent = Relay(in);
    ASSERT_EQ(sent.size(), 1u);
    ExpectFrame(sent[0], Datagram().From(from).To(to).Ttl(63).Carrying(Counting(50)));
  };
  expect_plain(V4ToV4(50).Options({1, 1, 1, 1, 1, 1, 1, 0}), "192.0.2.1:50000", kPeerV4);
  const Bytes padding = {0, 0, 1, 4, 0, 0, 0, 0};
  expect_plain(V6ToV6(50).Options(padding, 0), "[2001:db8::1]:50001", kPeerV6);
  expect_plain(V6ToV6(50).Options(padding, 60), "[2001:db8::1]:50001", kPeerV6);
  expect_plain(V6ToV6(50).Options({0, 0, 0, 0, 0, 0, 0, 0}, 43), "[2001:db8::1]:50001", kPeerV6);
  EXPECT_EQ(MovedOne("channel_to_peer"), 4u);
  EXPECT_TRUE(Relay(V6ToV6(50).Options({0, 0, 0, 1, 0, 0, 0, 0}, 43)).empty());
  EXPECT_EQ(MovedOne("drop_malformed_ip"), 1u);
}

TEST_F(HeaderRulesTest, UdpSurplusAndFrameTrailerAreIgnored) {
  for (const Datagram& in : {V4ToV4(50), V6ToV6(50)}) {
    const auto sent = Relay(in.Surplus(Counting(9)).Trailer(Counting(5)));
    ASSERT_EQ(sent.size(), 1u);
    const Datagram out = Datagram::Decode(sent[0]);
    EXPECT_EQ(out.payload, Counting(50));
    EXPECT_EQ(out.check, Check::kRight);
  }
}

TEST_F(HeaderRulesTest, TimeToLiveRunsOutWithAnIcmpError) {
  for (uint8_t ttl : {0, 1}) {
    const auto v4 = Relay(V4ToV4(10).Ttl(ttl));
    ASSERT_EQ(v4.size(), 1u);
    EXPECT_EQ(IpByte(v4[0], 9), 1);    // ICMP
    EXPECT_EQ(IpByte(v4[0], 20), 11);  // time exceeded
    const auto v6 = Relay(V6ToV6(10).Ttl(ttl));
    ASSERT_EQ(v6.size(), 1u);
    EXPECT_EQ(IpByte(v6[0], 6), 58);
    EXPECT_EQ(IpByte(v6[0], 40), 3);
    const auto peer =
        Relay(Datagram().From(kPeerV4).To("192.0.2.1:50000").Ttl(ttl).Carrying(Counting(3)));
    ASSERT_EQ(peer.size(), 1u);
    EXPECT_EQ(IpByte(peer[0], 20), 11);
  }
  const std::map<std::string, uint64_t> moved = {
      {"rx_packets", 6}, {"tx_packets", 6}, {"drop_ttl", 6}, {"icmp_errors_sent", 6}};
  EXPECT_EQ(Moved(), moved);
}

TEST_F(HeaderRulesTest, IcmpErrorsAreLimited) {
  for (int i = 0; i < 200; ++i) {
    Arrive(V4ToV4(10).Ttl(1).Encode());
    Turn();
  }
  EXPECT_EQ(Sent().size(), 50u);
  EXPECT_EQ(MovedOne("drop_ttl"), 200u);
  Wait(1);
  Arrive(V4ToV4(10).Ttl(1).Encode());
  Turn();
  EXPECT_EQ(Sent().size(), 1u);
}

TEST_F(HeaderRulesTest, TooBigWithDfTellsTheSender) {
  Command(SetNextHop{kRouterV4, kRouterMac, true, 1000});
  Command(SetNextHop{kRouterV6, kRouterMac, true, 1300});
  Turn();
  auto sent = Relay(V4ToV4(1000 - 28 + 1));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(IpByte(sent[0], 20), 3);
  EXPECT_EQ(IpByte(sent[0], 21), 4);
  EXPECT_EQ(Mtu(sent[0], 14 + 26), 1000u);
  sent = Relay(Datagram().From(kPeerV4).To("192.0.2.1:50000").Carrying(Counting(1000)));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Mtu(sent[0], 14 + 26), 952u);
  sent = Relay(V6ToV6(1300 - 48 + 1));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(IpByte(sent[0], 40), 2);
  EXPECT_EQ(Mtu(sent[0], 14 + 46), 1300u);
  sent = Relay(V4ToV6(1300 - 48 + 1));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Mtu(sent[0], 14 + 26), 1280u);  // of its own, shorter header
  sent = Relay(V6ToV4(1300));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Mtu(sent[0], 14 + 46), 1280u);  // IPv6 is never told less
  EXPECT_EQ(MovedOne("drop_too_big"), 5u);
}

TEST_F(HeaderRulesTest, TooBigWithoutDfIsCut) {
  Command(SetNextHop{kRouterV4, kRouterMac, true, 1000});
  Turn();
  const auto sent = Relay(V4ToV4(1400).Df(false));
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_LE(sent[0].size(), 14u + 1000);
  EXPECT_EQ(sent[0][20] & 0x20, 0x20);
  EXPECT_EQ(sent[1][20] & 0x20, 0);
  EXPECT_EQ(sent[0].size() + sent[1].size(), 2u * 34 + 8 + 1400);
  EXPECT_EQ(MovedOne("datagrams_fragmented"), 1u);
}

TEST_F(HeaderRulesTest, Ipv4WithoutDfIsCutTo1280TowardsIpv6) {
  EXPECT_EQ(Relay(V4ToV6(1280 - 48).Df(false)).size(), 1u);
  EXPECT_EQ(MovedOne("datagrams_fragmented"), 0u);
  const auto sent = Relay(V4ToV6(1281 - 48).Df(false));
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_LE(sent[0].size(), 14u + 1280);
  EXPECT_EQ(IpByte(sent[0], 6), 44);
  EXPECT_EQ(Relay(V4ToV6(1400).Df(true)).size(), 1u);
}

TEST_F(HeaderRulesTest, FragmentsOfEitherFamilyAreReassembledAndRelayed) {
  for (const auto& pieces :
       {CutV4(V4ToV4(900).Df(false).Id(5).Encode(), 400), CutV6(V6ToV6(900).Encode(), 400)}) {
    EXPECT_TRUE(Relay(pieces[1]).empty());
    const auto sent = Relay(pieces[0]);
    ASSERT_EQ(sent.size(), 1u);
    const Datagram out = Datagram::Decode(sent[0]);
    EXPECT_EQ(out.payload, Counting(900));
    EXPECT_EQ(out.check, Check::kRight);
  }
  const std::map<std::string, uint64_t> moved = {{"rx_packets", 4},
                                                 {"tx_packets", 2},
                                                 {"fragments_received", 4},
                                                 {"datagrams_reassembled", 2},
                                                 {"channel_to_peer", 2}};
  EXPECT_EQ(Moved(), moved);
}

TEST_F(HeaderRulesTest, WhatCameInFragmentsLeavesInFragments) {
  const auto relay_both = [&](const std::vector<Bytes>& pieces) {
    Arrive(pieces[0]);
    Arrive(pieces[1]);
    Turn(2);
    return Sent();
  };
  EXPECT_EQ(relay_both(CutV4(V4ToV4(4000).Df(false).Encode(), 1440)).size(), 3u);
  const auto v6 = relay_both(CutV6(V6ToV6(2000).Encode(), 1000));
  ASSERT_EQ(v6.size(), 2u);
  EXPECT_LE(v6[0].size(), 14u + 1280);
  EXPECT_EQ(relay_both(CutV4(V4ToV6(1300).Df(false).Encode(), 800)).size(), 2u);
  const auto v4 = relay_both(CutV6(V6ToV4(2000).Encode(), 1000));
  ASSERT_EQ(v4.size(), 2u);
  EXPECT_EQ(v4[0][20] & 0x40, 0);
}

TEST_F(HeaderRulesTest, MissingFragmentsAreGivenUp) {
  EXPECT_TRUE(Relay(CutV4(V4ToV4(900).Encode(), 400)[0]).empty());
  Wait(40);
  Turn();
  const std::map<std::string, uint64_t> moved = {
      {"rx_packets", 1}, {"fragments_received", 1}, {"drop_reassembly", 1}};
  EXPECT_EQ(Moved(), moved);
}

}  // namespace
}  // namespace causeway::testing

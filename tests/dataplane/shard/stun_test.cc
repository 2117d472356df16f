// What the shard does with STUN: answers, punts, ignores, drops.
#include "tests/dataplane/shard/node.h"

namespace causeway::testing {
namespace {

class StunTest : public NodeTest {
 protected:
  static Datagram From(const char* client, const Bytes& payload) {
    const bool v4 = At(client).address.IsV4();
    return Datagram().From(client).To(v4 ? kServerV4 : kServerV6).Ttl(9).Tos(4).Carrying(payload);
  }
  // The one counter that a datagram ends in; none but rx_packets may move beside it.
  std::string Fate(const Bytes& payload, const char* client = kClientV4) {
    const auto sent = Relay(From(client, payload));
    EXPECT_TRUE(sent.empty());
    auto moved = Moved();
    EXPECT_EQ(moved["rx_packets"], 1u);
    moved.erase("rx_packets");
    EXPECT_EQ(moved.size(), 1u);
    return moved.empty() ? "" : moved.begin()->first;
  }
};

TEST_F(StunTest, BindingIsAnsweredInBothFamilies) {
  for (const char* client : {kClientV4, kClientV6}) {
    for (int fingerprint : {0, 1}) {
      const Bytes software = Attribute(0x8022, Text("a client"));
      const auto sent = Relay(From(client, Stun(0x0001, software, Transaction(), fingerprint)));
      ASSERT_EQ(sent.size(), 1u);
      const Bytes answer =
          Stun(0x0101, XorAddress(0x0020, At(client), Transaction()), Transaction(), fingerprint);
      ExpectFrame(sent[0], Datagram()
                               .From(At(client).address.IsV4() ? kServerV4 : kServerV6)
                               .To(client)
                               .Ttl(64)
                               .Df(false)
                               .Carrying(answer));
    }
  }
  const std::map<std::string, uint64_t> moved = {
      {"rx_packets", 4}, {"tx_packets", 4}, {"binding_answered", 4}};
  EXPECT_EQ(Moved(), moved);
}

TEST_F(StunTest, BindingWithRequiredAttributesIsPunted) {
  EXPECT_EQ(Fate(Stun(0x0001, Attribute(0x7fff, {}), Transaction())), "punted");
  EXPECT_EQ(Fate(Stun(0x0001, Attribute(0x0006, Text("u")), Transaction())), "punted");
}

TEST_F(StunTest, RequestsArePuntedAsTheyCame) {
  for (uint16_t type : {0x0003, 0x0004, 0x0008, 0x0009}) {
    const Bytes message = Stun(type, Attribute(0x0006, Text("alice")), Transaction(), 1);
    EXPECT_EQ(Fate(message, kClientV6), "punted");
    const auto events = Events();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].kind, EventRecord::kRequest);
    EXPECT_EQ(events[0].bytes, message);
    EXPECT_EQ(events[0].tuple, (ClientTuple{At(kClientV6), 1}));
  }
}

TEST_F(StunTest, NothingElseIsEverAnswered) {
  const Bytes id = Transaction();
  EXPECT_EQ(Fate(Stun(0x0011, {}, id)), "keepalives");
  for (uint16_t type :
       {0x0101, 0x0111, 0x0103, 0x0113, 0x0013, 0x0017, 0x0006, 0x0002, 0x000a, 0x02ff, 0x03ff}) {
    EXPECT_EQ(Fate(Stun(type, {}, id)), "drop_malformed_stun") << type;
  }
  EXPECT_EQ(Fate({}), "drop_not_stun");
  EXPECT_EQ(Fate({0x80, 0, 0, 0}), "drop_not_stun");
  EXPECT_EQ(Fate({0x50, 0, 0, 0}), "drop_no_allocation") << "RFC 5766 has channels up there";
  EXPECT_EQ(Fate({0x00}), "drop_malformed_stun");
  Bytes bad = Stun(0x0001, {}, id);
  bad[4] ^= 1;  // cookie
  EXPECT_EQ(Fate(bad), "drop_malformed_stun");
  EXPECT_EQ(Fate(Stun(0x0001, {}, id) + Bytes{0, 0, 0, 0}), "drop_malformed_stun");
  bad = Stun(0x0001, Attribute(0x8022, Text("abcd")), id);
  bad[23] = 5;  // an attribute longer than the message
  EXPECT_EQ(Fate(bad), "drop_malformed_stun");
  EXPECT_EQ(Fate(Stun(0x0001, {}, id, 2)), "drop_malformed_stun");
  EXPECT_EQ(Fate(Stun(0x0003, {}, id, 2)), "drop_malformed_stun");
  const Bytes fingerprint_first = Slice(Stun(0x0001, {}, id, 1), 20, 28);
  EXPECT_EQ(Fate(Stun(0x0001, fingerprint_first + Attribute(0x8022, {}), id)),
            "drop_malformed_stun");
}

TEST_F(StunTest, RequestsWithAWrongUdpChecksumAreNotAnswered) {
  EXPECT_TRUE(
      Relay(From(kClientV4, Stun(0x0001, {}, Transaction())).Checked(Check::kWrong)).empty());
  EXPECT_EQ(Moved()["drop_bad_checksum"], 1u);
  EXPECT_EQ(Relay(From(kClientV4, Stun(0x0001, {}, Transaction())).Checked(Check::kZero)).size(),
            1u);
}

TEST_F(StunTest, SendIndicationsAreChecked) {
  Install(0, kClientV4, 50000, kPeerV4, 0);
  Command(InstallAllocation{1, {At("198.51.100.11:1"), 0}, {0, 50001}, {}, now_ + 100});
  Permit(1, 1, kPeerV6);
  Turn();
  Moved();
  const Bytes id = Transaction();
  const Bytes peer = XorAddress(0x0012, At(kPeerV4), id);
  const Bytes data = Attribute(0x0013, Text("data"));
  EXPECT_EQ(Fate(Stun(0x0016, peer, id)), "drop_malformed_stun");
  EXPECT_EQ(Fate(Stun(0x0016, data, id)), "drop_malformed_stun");
  EXPECT_EQ(Fate(Stun(0x0016, peer + data + Attribute(0x0021, {}), id)), "drop_malformed_stun");
  EXPECT_EQ(Fate(Stun(0x0016, peer + data, id, 2)), "drop_malformed_stun");
  Bytes odd_family = peer;
  odd_family[5] = 3;
  EXPECT_EQ(Fate(Stun(0x0016, odd_family + data, id)), "drop_malformed_stun");
  const Bytes mapped =
      Attribute(0x0012, Bytes{0, 2, 0x36, 0x62} + Be32(0x2112A442) + Bytes{1, 2, 3, 4, 5, 6} +
                            Bytes{0xff ^ 7, 0xff ^ 8} + Bytes{203 ^ 9, 0 ^ 10, 113 ^ 11, 20 ^ 12});
  EXPECT_EQ(Fate(Stun(0x0016, mapped + data, id)), "drop_malformed_stun");
  EXPECT_EQ(Fate(SendIndication(At("203.0.113.21:6000"), Text("x"))), "drop_no_permission");
  EXPECT_EQ(Fate(SendIndication(At("203.0.113.20:0"), Text("x"))), "drop_peer_denied");
  EXPECT_EQ(Fate(SendIndication(At(kPeerV6), Text("x")), "198.51.100.11:1"), "drop_family");
  EXPECT_EQ(Fate(SendIndication(At(kPeerV4), Text("x")), "198.51.100.12:1"), "drop_no_allocation");
  EXPECT_EQ(Relay(From(kClientV4, Stun(0x0016, peer + data, id, 1))).size(), 1u);
}

TEST_F(StunTest, RequestsWithABadPeerAddressGoToControlForItsAnswer) {
  const Bytes id = Transaction();
  for (const Bytes& peer : {Attribute(0x0012, {}), Attribute(0x0012, Bytes(20, 2))}) {
    EXPECT_EQ(Fate(Stun(0x0008, peer, id)), "punted");
    EXPECT_EQ(Fate(Stun(0x0009, peer, id)), "punted");
  }
}

TEST_F(StunTest, TheFirstOfTwoAttributesCounts) {
  Install(0, kClientV4, 50000, kPeerV4, 0);
  const Bytes id = Transaction();
  const Bytes message =
      Stun(0x0016,
           XorAddress(0x0012, At(kPeerV4), id) + Attribute(0x0013, Text("first")) +
               XorAddress(0x0012, At("203.0.113.99:1"), id) + Attribute(0x0013, Text("second")),
           id);
  const auto sent = Relay(From(kClientV4, message));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Datagram::Decode(sent[0]).payload, Text("first"));
  EXPECT_EQ(Datagram::Decode(sent[0]).destination, At(kPeerV4));
  EXPECT_EQ(Datagram::Decode(sent[0]).check, Check::kRight);
}

TEST_F(StunTest, RequestsOfOnePrefixAreBudgeted) {
  NodeOptions options;
  options.requests_per_prefix = 5;
  Build(options);
  const Bytes request = Stun(0x0001, {}, Transaction());
  const auto answered = [&](const std::string& prefix, int from, int count) {
    size_t total = 0;
    for (int i = from; i < from + count; ++i) {
      const std::string client = prefix + std::to_string(i) + (prefix[0] == '[' ? "]:9" : ":9");
      total += Relay(From(client.c_str(), request)).size();
    }
    return total;
  };
  EXPECT_EQ(answered("198.51.100.", 1, 20), 5u);
  EXPECT_EQ(answered("203.0.113.", 1, 20), 5u);
  EXPECT_EQ(answered("[2001:db8:c:1::", 1, 20), 5u);
  EXPECT_EQ(answered("[2001:db8:c:ff::", 1, 1), 0u);  // the same /56
  EXPECT_EQ(answered("[2001:db8:c:100::", 1, 1), 1u);
  EXPECT_EQ(Moved()["drop_punt_budget"], 15u * 3 + 1);
  Wait(10);
  EXPECT_EQ(answered("198.51.100.", 1, 20), 5u);
  EXPECT_EQ(answered("198.51.100.", 1, 1), 0u);
  EXPECT_TRUE(Relay(From("198.51.100.7:1", Stun(0x0003, {}, Transaction()))).empty());
  EXPECT_EQ(Moved()["punted"], 0u);
}

TEST_F(StunTest, StrangersSpendNothingOfTheirNeighboursBudget) {
  NodeOptions options;
  options.requests_per_prefix = 5;
  Build(options);
  Install(0, kClientV4, 50000, kPeerV4, 0);
  const Bytes request = Stun(0x0001, {}, Transaction());
  for (int i = 0; i < 6; ++i) Relay(From("198.51.100.11:5000", request));
  EXPECT_EQ(Moved()["drop_punt_budget"], 1u);
  for (int i = 0; i < 6; ++i) Relay(From(kClientV4, Stun(0x0004, {}, Transaction())));
  const auto moved = Moved();
  EXPECT_EQ(moved.at("punted"), 5u);
  EXPECT_EQ(moved.at("drop_punt_budget"), 1u);
}

TEST_F(StunTest, StrangersAndClientsTakeNoRoomFromEachOther) {
  Install(0, kClientV4, 50000, kPeerV4, 0);
  const Bytes request = Stun(0x0004, {}, Transaction());
  JamEvents(EventClass::kStranger);
  Relay(From("203.0.113.9:9", request));
  Relay(From(kClientV4, request));
  auto moved = Moved();
  EXPECT_EQ(moved["punted"], 1u);
  EXPECT_EQ(moved["drop_stranger_punt_full"], 1u);
  Events();
  JamEvents(EventClass::kClient);
  Relay(From("203.0.113.9:9", request));
  Relay(From(kClientV4, request));
  moved = Moved();
  EXPECT_EQ(moved["punted"], 1u);
  EXPECT_EQ(moved["drop_client_punt_full"], 1u);
}

TEST_F(StunTest, ARequestIsKnownByItsClient) {
  NodeOptions options;
  options.shards = 2;
  Build(options);
  Install(0, kClientV4, 50000, kPeerV4, 0, 1);
  const auto class_at = [&](ShardId shard) {
    Arrive(From(kClientV4, Stun(0x0004, {}, Transaction())).Encode(), shard);
    Turn(2);
    const auto events = Events();
    EXPECT_EQ(events.size(), 1u);
    return events.at(0).event_class;
  };
  EXPECT_EQ(class_at(1), EventClass::kClient);
  EXPECT_EQ(class_at(0), EventClass::kStranger);
  Redirect(kClientV4, 1, 0);
  Turn();
  EXPECT_EQ(class_at(0), EventClass::kClient);
  Command(RemoveAllocation{0}, 1);
  Turn();
  Events();
  EXPECT_EQ(class_at(1), EventClass::kStranger);
}

TEST_F(StunTest, IcmpErrorsBecomeDataIndications) {
  Install(0, kClientV4, 50000, kPeerV4, 0x4001);
  Moved();
  Command(RelayIcmp{{0, 50000}, At("203.0.113.20:4444"), 3, 4, 1400});
  Turn();
  const auto sent = Sent();
  ASSERT_EQ(sent.size(), 1u);
  const Bytes payload = Datagram::Decode(sent[0]).payload;
  ASSERT_GE(payload.size(), 20u);
  const Bytes id = Slice(payload, 8, 20);
  const Bytes expected = Stun(0x0017,
                              XorAddress(0x0012, At("203.0.113.20:4444"), id) +
                                  Attribute(0x8004, Bytes{0, 0, 3, 4} + Be32(1400)),
                              id);
  ExpectFrame(sent[0], Datagram().From(kServerV4).To(kClientV4).Df(false).Carrying(expected));
  Command(RelayIcmp{{0, 50000}, At("203.0.113.99:4444"), 3, 4, 1400});
  Command(RelayIcmp{{0, 50001}, At(kPeerV4), 3, 4, 1400});
  Turn();
  const std::map<std::string, uint64_t> moved = {
      {"tx_packets", 1}, {"icmp_to_client", 1}, {"drop_no_permission", 1}, {"drop_no_relay", 1}};
  EXPECT_EQ(Moved(), moved);
}

}  // namespace
}  // namespace causeway::testing

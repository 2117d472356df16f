// The fast path does what the general one does, and frames received ahead are neither lost nor
// late.
#include <random>

#include "dataplane/shard/address_index.h"
#include "dataplane/shard/flow_tables.h"
#include "dataplane/shard/packet.h"
#include "tests/dataplane/shard/node.h"

namespace causeway::testing {
namespace {

constexpr uint16_t kChannel = 0x4001;
constexpr const char* kRelayed = "192.0.2.1:50000";

Datagram FromClient(const Bytes& data) {
  return Datagram().From(kClientV4).To(kServerV4).Carrying(ChannelData(kChannel, data));
}
Datagram FromPeer(const Bytes& data) {
  return Datagram().From(kPeerV4).To(kRelayed).Carrying(data);
}

constexpr const char* kLegs[][2] = {{kClientV4, kServerV4},
                                    {kPeerV4, kRelayed},
                                    {kClientV6, kServerV6},
                                    {kPeerV6, "[2001:db8::1]:50008"},
                                    {"198.51.100.11:5000", kServerV4},
                                    {"198.18.0.1:6000", "192.0.2.1:50001"},
                                    {"198.51.100.12:5000", kServerV4},
                                    {kPeerV4, "192.0.2.1:50002"},
                                    {"198.51.100.13:5000", kServerV4},
                                    {"198.51.100.14:5000", kServerV4},
                                    {"198.51.100.15:5000", kServerV4},
                                    {"203.0.113.9:6000", kRelayed},
                                    {kPeerV4, "192.0.2.1:50005"},
                                    {"203.0.113.20:7000", "192.0.2.1:50005"},
                                    {"198.18.0.1:6000", "192.0.2.1:50006"},
                                    {kPeerV4, "192.0.2.1:50007"},
                                    {"203.0.113.20:6001", "192.0.2.1:50007"},
                                    {"198.51.100.16:5000", kServerV4},
                                    {"198.51.100.17:5000", kServerV4},
                                    {"198.51.100.18:5000", kServerV4},
                                    {kPeerV4, "192.0.2.1:50009"},
                                    {kPeerV4, "192.0.2.1:3479"},
                                    {kClientV4, "192.0.2.2:3478"},
                                    {kPeerV6, "[2001:db8::1]:50003"},
                                    {"[2001:db8:c::11]:5000", kServerV6},
                                    {kPeerV4, "192.0.2.1:50010"},
                                    {"198.51.100.20:5000", kServerV4},
                                    {kPeerV6, "[2001:db8::1]:50011"},
                                    {"[2001:db8:f::20]:7000", "[2001:db8::1]:50011"},
                                    {"[2001:db8:c::12]:5000", kServerV6},
                                    {kPeerV6, "[2001:db8::1]:50012"},
                                    {"[2001:db8:c::13]:5000", kServerV6},
                                    {kPeerV4, "192.0.2.1:50013"},
                                    {"[2001:db8:c::14]:5000", kServerV6},
                                    {"198.18.0.1:6000", "192.0.2.1:50014"},
                                    {"[2001:db8:f::21]:6000", "[2001:db8::1]:50008"},
                                    {"[64:ff9b::1]:6000", "[2001:db8::1]:50008"},
                                    {kPeerV6, "[2001:db8::1]:50009"},
                                    {"[2001:db8:c::15]:5000", kServerV6},
                                    {kClientV6, "[2001:db8::2]:3478"}};

/// How frames reach the shard whose they are.
struct Arrivals {
  const char* name;
  bool partial_checksums;
  bool handed_off;
};

class FastEqualsGeneralTest : public NodeTest, public ::testing::WithParamInterface<Arrivals> {
 protected:
  void SetUp() override {
    NodeOptions options;
    options.partial_checksums = GetParam().partial_checksums;
    options.shards = GetParam().handed_off ? 2 : 1;
    Build(options);
    ASSERT_EQ(configs_[0].node.OwnerOfPort(50000), 0);
    ASSERT_EQ(configs_[0].node.OwnerOfPort(50014), 0);
    Install(0, kClientV4, 50000, kPeerV4, kChannel);
    Command(BindChannel{9, 0, kChannel + 1, At("203.0.113.21:6000"), now_ + 6000});
    Install(1, "198.51.100.11:5000", 50001, "198.18.0.1:6000", kChannel);    // MTU 1000
    Install(2, "198.51.100.12:5000", 50002, "203.0.113.20:6000", kChannel);  // will run out
    Install(3, "198.51.100.13:5000", 50003, kPeerV6, kChannel);
    Install(4, "198.51.100.14:5000", 50004, "10.0.0.1:6000", kChannel);  // no route
    Command(BindChannel{2, 2, kChannel, At(kPeerV4), now_ + 10});
    Install(5, "198.51.100.16:5000", 50005, kPeerV4, 0);
    Install(6, "198.51.100.17:5000", 50006, "198.18.0.1:6000", 0);
    Install(7, "198.51.100.18:5000", 50007, kPeerV4, 0);
    Command(BindChannel{7, 7, kChannel, At("203.0.113.20:6001"), now_ + 6000});
    Install(8, kClientV6, 50008, kPeerV6, kChannel);
    Install(9, "[2001:db8:c::11]:5000", 50010, kPeerV4, kChannel);
    Install(10, "198.51.100.20:5000", 50011, kPeerV6, 0);
    Install(11, "[2001:db8:c::12]:5000", 50012, kPeerV6, 0);
    Install(12, "[2001:db8:c::13]:5000", 50013, kPeerV4, 0);
    Install(13, "[2001:db8:c::14]:5000", 50014, "198.18.0.1:6000", kChannel);
    if (GetParam().handed_off) RedirectClients();
    Turn();
    Wait(20);
    Turn();
    Moved();
  }
  void RedirectClients() {
    for (const auto& leg : kLegs) {
      if (At(leg[1]).port != 3478) continue;
      Redirect(leg[0], 0, 1);
      Turn();
    }
  }

  uint32_t Random(uint32_t below) { return static_cast<uint32_t>(random_()) % below; }
  Datagram Draw() {
    const uint32_t drawn = Random(std::size(kLegs) * 2);
    const auto& leg = kLegs[drawn < std::size(kLegs) ? drawn : drawn % 4];
    const bool v6 = leg[0][0] == '[';
    const size_t size = Random(8) == 0 ? 900 + Random(600) : Random(300);
    const Bytes data = Counting(size, static_cast<uint8_t>(random_()));
    const auto number = static_cast<uint16_t>(kChannel + (Random(8) == 0 ? Random(3) : 0));
    const bool to_server = std::string(leg[1]).ends_with(":3478");
    Bytes payload = data;
    if (to_server && Random(16) != 0) {
      payload = Random(2) == 0 ? ChannelData(number, data) : Send(data);
    }
    Datagram datagram = Datagram().From(leg[0]).To(leg[1]).Carrying(payload);
    datagram = datagram.Df(Random(2) == 0).Tos(static_cast<uint8_t>(random_()));
    datagram = datagram.Ttl(static_cast<uint8_t>(Random(8) == 0 ? Random(4) : 2 + Random(254)));
    if (Random(4) == 0) datagram = datagram.Checked(static_cast<Check>(Random(4)));
    if (Random(16) == 0) datagram = datagram.Surplus(Counting(1 + Random(9)));
    if (Random(8) == 0) datagram = datagram.Trailer(Counting(1 + Random(20)));
    if (Random(16) == 0) datagram = datagram.Options(v6 ? Bytes(8, 0) : Bytes(4, 1));
    if (Random(16) == 0) datagram.payload.resize(Random(8));
    return datagram;
  }
  // A Send indication, plain or nearly so.
  Bytes Send(const Bytes& data) {
    static const char* const kPeers[] = {kPeerV4,
                                         "203.0.113.20:7000",
                                         "198.18.0.1:6000",
                                         "203.0.113.20:6001",
                                         "203.0.113.20:0",
                                         "203.0.113.9:1",
                                         kPeerV6};
    const uint32_t drawn = Random(std::size(kPeers) * 2);
    const Endpoint peer = At(drawn < std::size(kPeers) ? kPeers[drawn]
                             : drawn % 2 == 0          ? kPeerV4
                                                       : kPeerV6);
    const Bytes address = XorAddress(0x0012, peer, Transaction());
    Bytes attributes = address + Attribute(0x0013, data);
    const uint32_t kind = Random(16);
    if (kind == 0) attributes = Attribute(0x0013, data) + address;
    if (kind == 1) attributes = attributes + Attribute(0x001a, {});
    if (kind == 2) attributes = attributes + Attribute(0x7fff, {});
    Bytes message = Stun(0x0016, attributes, Transaction(), kind == 3 ? 1 : kind == 4 ? 2 : 0);
    if (data.size() % 4 != 0 && kind >= 8) message.back() = static_cast<uint8_t>(random_());
    if (kind == 5) message[Random(48)] ^= static_cast<uint8_t>(1u << Random(8));
    if (kind == 6) message[34 + Random(2)] ^= static_cast<uint8_t>(1u << Random(8));
    return message;
  }
  // Some with a byte of their headers changed, half of those with the IP checksum made right again.
  Bytes Frame() {
    Bytes frame = Draw().Encode();
    if (Random(3) != 0) return frame;
    const size_t at = Random(static_cast<uint32_t>(std::min<size_t>(frame.size(), 80)));
    frame[at] = static_cast<uint8_t>(random_());
    if (Random(8) == 0) frame.resize(Random(static_cast<uint32_t>(frame.size())));
    if (Random(2) == 0 && frame.size() >= 34 && frame[12] == 8) {
      frame[24] = frame[25] = 0;
      const uint16_t check = ReferenceChecksum(std::span(frame).subspan(14, 20));
      frame[24] = static_cast<uint8_t>(check >> 8);
      frame[25] = static_cast<uint8_t>(check);
    }
    return frame;
  }
  struct Outcome {
    std::vector<Bytes> sent;
    std::map<std::string, uint64_t> moved;
    friend bool operator==(const Outcome&, const Outcome&) = default;
  };
  Outcome Result() {
    Turn(2);
    Outcome outcome;
    for (const Bytes& frame : Sent()) outcome.sent.push_back(WithoutChance(frame));
    Events();
    outcome.moved = Moved();
    outcome.moved.erase("rx_packets");
    outcome.moved.erase("handoff_received");
    outcome.moved.erase("handed_off");
    outcome.moved.erase("drop_reassembly");  // earlier fragments' time
    Wait(1);                                 // fragments and held packets run out, budgets fill
    return outcome;
  }

  std::mt19937 random_{GetParam().partial_checksums ? 7u : 8u};
};

TEST_P(FastEqualsGeneralTest, FrameByFrame) {
  uint64_t relayed = 0;
  for (int i = 0; i < 12000; ++i) {
    if (i % 1000 == 999) SetUp();  // before permissions run out
    const Bytes frame = Frame();
    Arrive(frame, GetParam().handed_off ? 1 : 0);
    const Outcome fast = Result();
    ArriveForGeneralStages(frame);
    const Outcome general = Result();
    if (fast.moved.contains("fragments_received")) continue;  // its double meets the first
    ASSERT_EQ(fast.moved, general.moved) << "frame " << i << ": " << Datagram::Decode(frame);
    ASSERT_EQ(fast.sent, general.sent) << "frame " << i << ": " << Datagram::Decode(frame);
    relayed += fast.sent.size();
  }
  EXPECT_GT(relayed, 1800u);
}

INSTANTIATE_TEST_SUITE_P(Links, FastEqualsGeneralTest,
                         ::testing::Values(Arrivals{"whole", false, false},
                                           Arrivals{"partial", true, false},
                                           Arrivals{"handed_off", false, true}),
                         [](const auto& arrivals) { return arrivals.param.name; });

// What is taken, seen by its order: it leaves before a datagram that came earlier in its burst and
// takes the general path.
struct Taken {
  const char* name;
  const char* source;
  const char* destination;
  Bytes payload;
  Check check = Check::kRight;
};

class FastPathTakesTest : public NodeTest, public ::testing::WithParamInterface<Taken> {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    Install(0, "198.51.100.9:5000", 50000, kPeerV4, kChannel);
    Install(1, "198.51.100.10:5000", 50001, kPeerV4, kChannel);
    Install(2, "198.51.100.11:5000", 50002, kPeerV6, kChannel);
    Install(3, "[2001:db8:c::10]:5000", 50003, kPeerV4, kChannel);
    Install(4, "[2001:db8:c::11]:5000", 50004, kPeerV6, kChannel);
    Install(5, "198.51.100.12:5000", 50005, kPeerV4, 0);
    Install(6, "198.51.100.13:5000", 50006, kPeerV6, 0);
    Install(7, "[2001:db8:c::12]:5000", 50007, kPeerV4, 0);
    Install(8, "[2001:db8:c::13]:5000", 50008, kPeerV6, 0);
    for (unsigned i = 0; i < FlowTables::kPromoteAfter; ++i) {  // permissions become inline ones
      Relay(Datagram().From(kPeerV4).To("192.0.2.1:50005").Carrying(Text("a")));
      Relay(Datagram().From(kPeerV6).To("[2001:db8::1]:50006").Carrying(Text("a")));
      Relay(Datagram().From(kPeerV4).To("192.0.2.1:50007").Carrying(Text("a")));
      Relay(Datagram().From(kPeerV6).To("[2001:db8::1]:50008").Carrying(Text("a")));
    }
    Sent();
  }
};

TEST_P(FastPathTakesTest, AnOrdinaryDatagram) {
  const Taken& taken = GetParam();
  const Datagram general = Datagram().From("198.51.100.9:5000").To(kServerV4);
  Arrive(general.Carrying(ChannelData(kChannel, Text("general"))).Options(Bytes(4, 1)).Encode());
  Arrive(Datagram()
             .From(taken.source)
             .To(taken.destination)
             .Carrying(taken.payload)
             .Checked(taken.check)
             .Encode());
  Turn();
  const auto sent = Sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_NE(Datagram::Decode(sent[0]).payload, Text("general"));
  EXPECT_EQ(Datagram::Decode(sent[1]).payload, Text("general"));
}

const Bytes kInChannel = ChannelData(kChannel, Text("abc"));
const Bytes kSentToV4 = SendIndication(At(kPeerV4), Text("abcde"));
const Bytes kSentToV6 = SendIndication(At(kPeerV6), Text("abcde"));

INSTANTIATE_TEST_SUITE_P(
    Forms, FastPathTakesTest,
    ::testing::Values(Taken{"ChannelV4ToV4", "198.51.100.10:5000", kServerV4, kInChannel},
                      Taken{"ChannelV4ToV4WithoutChecksum", "198.51.100.10:5000", kServerV4,
                            kInChannel, Check::kZero},
                      Taken{"ChannelV4ToV6", "198.51.100.11:5000", kServerV4, kInChannel},
                      Taken{"ChannelV6ToV4", "[2001:db8:c::10]:5000", kServerV6, kInChannel},
                      Taken{"ChannelV6ToV6", "[2001:db8:c::11]:5000", kServerV6, kInChannel},
                      Taken{"SendV4ToV4", "198.51.100.12:5000", kServerV4, kSentToV4},
                      Taken{"SendV4ToV6", "198.51.100.13:5000", kServerV4, kSentToV6},
                      Taken{"SendV6ToV4", "[2001:db8:c::12]:5000", kServerV6, kSentToV4},
                      Taken{"SendV6ToV6", "[2001:db8:c::13]:5000", kServerV6, kSentToV6},
                      Taken{"PeerV4ToV4", kPeerV4, "192.0.2.1:50001", Text("abc")},
                      Taken{"PeerV4ToV4WithoutChecksum", kPeerV4, "192.0.2.1:50001", Text("abc"),
                            Check::kZero},
                      Taken{"PeerV6ToV4", kPeerV6, "[2001:db8::1]:50002", Text("abc")},
                      Taken{"PeerV4ToV6", kPeerV4, "192.0.2.1:50003", Text("abc")},
                      Taken{"PeerV6ToV6", kPeerV6, "[2001:db8::1]:50004", Text("abc")},
                      Taken{"DataV4ToV4", kPeerV4, "192.0.2.1:50005", Text("abc")},
                      Taken{"DataV6ToV4", kPeerV6, "[2001:db8::1]:50006", Text("abc")},
                      Taken{"DataV4ToV6", kPeerV4, "192.0.2.1:50007", Text("abc")},
                      Taken{"DataV6ToV6", kPeerV6, "[2001:db8::1]:50008", Text("abc")}),
    [](const auto& taken) { return taken.param.name; });

class AheadTest : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    Install(0, kClientV4, 50000, kPeerV4, kChannel);
    Moved();
  }
  void ArriveMany(unsigned count) {
    for (unsigned i = 0; i < count; ++i) Arrive(FromClient(Be32(i)).Encode());
  }
  void ExpectInOrder(const std::vector<Bytes>& sent, uint32_t first) {
    for (size_t i = 0; i < sent.size(); ++i) {
      ASSERT_EQ(Datagram::Decode(sent[i]).payload, Be32(first + static_cast<uint32_t>(i)));
    }
  }
};

TEST_F(AheadTest, NothingIsLostAndOrderIsKept) {
  for (unsigned count : {1u, 63u, 64u, 65u, 127u, 128u, 129u, 300u}) {
    ArriveMany(count);
    unsigned handled = 0;
    for (unsigned turn = Turn(); turn != 0; turn = Turn()) handled += turn;
    EXPECT_EQ(handled, count);
    const auto sent = Sent();
    ASSERT_EQ(sent.size(), count);
    ExpectInOrder(sent, 0);
    const std::map<std::string, uint64_t> moved = {
        {"rx_packets", count}, {"tx_packets", count}, {"channel_to_peer", count}};
    EXPECT_EQ(Moved(), moved);
  }
}

TEST_F(AheadTest, AShortBurstIsNotKeptWaiting) {
  ArriveMany(kLinkBurst - 1);
  Turn();
  EXPECT_EQ(Sent().size(), kLinkBurst - 1);
}

TEST_F(AheadTest, OneTurnRelaysOneBurst) {
  ArriveMany(3 * kLinkBurst);
  for (unsigned i = 0; i < 3; ++i) {
    EXPECT_EQ(Turn(), kLinkBurst);
    const auto sent = Sent();
    ASSERT_EQ(sent.size(), kLinkBurst);
    ExpectInOrder(sent, i * kLinkBurst);
  }
  EXPECT_EQ(Turn(), 0u);
}

TEST_F(AheadTest, CommandsReachFramesReceivedAhead) {
  ArriveMany(2 * kLinkBurst);
  Turn();
  Command(RemoveAllocation{0});
  Turn(2);
  EXPECT_EQ(Sent().size(), kLinkBurst);
  EXPECT_EQ(Moved()["drop_no_allocation"], kLinkBurst);
}

// The fixture counts the buffers.
TEST_F(AheadTest, ANodeThatStopsFreesWhatItReceivedAhead) {
  ArriveMany(2 * kLinkBurst);
  Turn();
  Demolish();
}

TEST_F(AheadTest, ABurstOfAllKindsComesOutWhole) {
  Install(1, kClientV6, 50001, kPeerV6, kChannel);
  Moved();
  const Bytes binding = Stun(0x0001, {}, Transaction());
  for (uint32_t i = 0; i < 20; ++i) {
    Arrive(FromClient(Be32(i)).Encode());
    Arrive(FromPeer(Be32(i)).Encode());
    Arrive(FromClient(Be32(i)).Options(Bytes(4, 1)).Encode());
    Arrive(Datagram().From(kPeerV6).To("[2001:db8::1]:50001").Carrying(Be32(i)).Encode());
    Arrive(Datagram().From(kClientV4).To(kServerV4).Carrying(binding).Encode());
    Arrive(Bytes(60, 0xee));
  }
  Turn(3);
  EXPECT_EQ(Sent().size(), 100u);
  const std::map<std::string, uint64_t> moved = {
      {"rx_packets", 120},       {"tx_packets", 100},      {"channel_to_peer", 40},
      {"channel_to_client", 40}, {"binding_answered", 20}, {"drop_not_ours", 20}};
  EXPECT_EQ(Moved(), moved);
}

// Of one flow, too: the plain ones, those with IP options and those that must be cut.
TEST_F(AheadTest, EachOfAFlowsKindsKeepsItsOrder) {
  for (uint32_t i = 0; i < 60; ++i) {
    Arrive(FromClient(Be32(i)).Options(i % 2 == 0 ? Bytes() : Bytes(4, 1)).Encode());
  }
  Turn();
  const auto sent = Sent();
  ASSERT_EQ(sent.size(), 60u);
  for (uint32_t i = 0; i < 30; ++i) {
    EXPECT_EQ(Datagram::Decode(sent[i]).payload, Be32(2 * i));
    EXPECT_EQ(Datagram::Decode(sent[30 + i]).payload, Be32(2 * i + 1));
  }
}

TEST(V4AddressIndex, FindsEveryAddressAndNoOther) {
  NodeConfig node;
  for (uint32_t i = 0; i < 1000; ++i)
    node.relay_addresses.push_back(IpAddress::V4(0xc0000200u + i));
  node.relay_addresses.push_back(*IpAddress::Parse("2001:db8::1"));
  node.listen_addresses = {IpAddress::V4(0xc0000205u), IpAddress::V4(0xc6336401u)};
  Arena arena(0);
  V4AddressIndex index;
  index.Create(arena, node);
  index.Fill(node);
  const auto find = [&](uint32_t address) { return index.LookUp(__builtin_bswap32(address)); };
  for (uint32_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(find(0xc0000200u + i).relay, i);
    EXPECT_EQ(find(0xc0000200u + i).listen, i == 5 ? 0 : LocalAddress::kNone);
  }
  EXPECT_EQ(find(0xc6336401u).listen, 1);
  EXPECT_EQ(find(0xc6336401u).relay, LocalAddress::kNone);
  for (uint32_t other : {0u, 0xffffffffu, 0xc00001ffu, 0xc0000200u + 1000, 0x00000001u}) {
    EXPECT_EQ(find(other).relay, LocalAddress::kNone) << other;
    EXPECT_EQ(find(other).listen, LocalAddress::kNone) << other;
  }
}

}  // namespace
}  // namespace causeway::testing

// The four ways through the relay, for every pair of families: input frame, output frame, counters.
#include <tuple>

#include "absl/strings/str_cat.h"
#include "tests/dataplane/shard/node.h"
#include "tests/test_name.h"

namespace causeway::testing {
namespace {

constexpr uint16_t kRelayPort = 50000;
constexpr uint16_t kChannel = 0x4001;

enum class Way { kChannelToPeer, kSendToPeer, kPeerToChannel, kPeerToData };

struct Case {
  const char* description;
  Way way;
  size_t size;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.description; }

const Case kCases[] = {
    {"ChannelData to a peer", Way::kChannelToPeer, 172},
    {"ChannelData of odd length", Way::kChannelToPeer, 171},
    {"empty ChannelData still makes a datagram", Way::kChannelToPeer, 0},
    {"Send indication to a peer", Way::kSendToPeer, 172},
    {"Send indication with padding", Way::kSendToPeer, 173},
    {"empty Send indication", Way::kSendToPeer, 0},
    {"peer datagram as ChannelData", Way::kPeerToChannel, 172},
    {"odd peer datagram as ChannelData", Way::kPeerToChannel, 3},
    {"empty peer datagram as ChannelData", Way::kPeerToChannel, 0},
    {"peer datagram as Data indication", Way::kPeerToData, 172},
    {"peer datagram as padded Data indication", Way::kPeerToData, 170},
    {"empty peer datagram as Data indication", Way::kPeerToData, 0},
};

class RelayTest : public NodeTest,
                  public ::testing::WithParamInterface<std::tuple<Case, const char*, const char*>> {
 protected:
  const Case& c() const { return std::get<0>(GetParam()); }
  const char* client() const { return std::get<1>(GetParam()); }
  const char* peer() const { return std::get<2>(GetParam()); }
  bool ClientIsV4() const { return At(client()).address.IsV4(); }
  bool PeerIsV4() const { return At(peer()).address.IsV4(); }
  const char* server() const { return ClientIsV4() ? kServerV4 : kServerV6; }
  const char* relayed() const { return PeerIsV4() ? "192.0.2.1:50000" : "[2001:db8::1]:50000"; }

  Datagram FromClient(const Bytes& payload) const {
    return Datagram().From(client()).To(server()).Tos(0xb9).Ttl(33).Carrying(payload);
  }
  Datagram ToPeer(const Bytes& data) const {
    return Datagram().From(relayed()).To(peer()).Tos(0xb9).Ttl(32).Carrying(data);
  }
  Datagram FromPeer(const Bytes& data) const {
    return Datagram().From(peer()).To(relayed()).Tos(0x2e).Ttl(2).Carrying(data);
  }
  Datagram ToClient(const Bytes& payload) const {
    return Datagram().From(server()).To(client()).Tos(0x2e).Ttl(1).Carrying(payload);
  }
  // RFC 7915 section 5.1: small packets from IPv6 may be fragmented on the way.
  static Datagram Translated(const Datagram& out, bool from_v4) {
    return from_v4 ? out : out.Df(false);
  }

  void Expect(const Datagram& in, Datagram out, const char* counter) {
    const std::vector<Bytes> sent = Relay(in);
    ASSERT_EQ(sent.size(), 1u);
    if (out.payload.size() >= 20 && c().way == Way::kPeerToData) {
      const Bytes payload = Datagram::Decode(sent[0]).payload;
      ASSERT_GE(payload.size(), 20u);
      out.payload =
          DataIndication(At(peer()), in.payload, Bytes(payload.begin() + 8, payload.begin() + 20));
    }
    ExpectFrame(sent[0], out);
    const std::map<std::string, uint64_t> moved = {
        {"rx_packets", 1}, {"tx_packets", 1}, {counter, 1}};
    EXPECT_EQ(Moved(), moved);
  }
};

TEST_P(RelayTest, FrameBecomesFrame) {
  const bool bound = c().way != Way::kPeerToData;
  Install(7, client(), kRelayPort, peer(), bound ? kChannel : 0);
  const Bytes data = Counting(c().size, 0x81);
  switch (c().way) {
    case Way::kChannelToPeer:
      return Expect(FromClient(ChannelData(kChannel, data)), Translated(ToPeer(data), ClientIsV4()),
                    "channel_to_peer");
    case Way::kSendToPeer:
      return Expect(FromClient(SendIndication(At(peer()), data)),
                    Translated(ToPeer(data), ClientIsV4()), "send_to_peer");
    case Way::kPeerToChannel:
      return Expect(FromPeer(data), Translated(ToClient(ChannelData(kChannel, data)), PeerIsV4()),
                    "channel_to_client");
    case Way::kPeerToData:
      return Expect(
          FromPeer(data),
          Translated(ToClient(DataIndication(At(peer()), data, Transaction())), PeerIsV4()),
          "data_to_client");
  }
}

std::string NameOf(const ::testing::TestParamInfo<RelayTest::ParamType>& test) {
  const auto& [way, client, peer] = test.param;
  return absl::StrCat(TestName(way.description), client == kClientV4 ? "_v4" : "_v6",
                      peer == kPeerV4 ? "_v4" : "_v6");
}

INSTANTIATE_TEST_SUITE_P(AllWays, RelayTest,
                         ::testing::Combine(::testing::ValuesIn(kCases),
                                            ::testing::Values(kClientV4, kClientV6),
                                            ::testing::Values(kPeerV4, kPeerV6)),
                         NameOf);

class ChannelTest : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    Install(0, kClientV4, kRelayPort, kPeerV4, kChannel);
  }
  Datagram FromClient(const Bytes& payload) const {
    return Datagram().From(kClientV4).To(kServerV4).Carrying(payload);
  }
  Datagram FromPeer(const char* peer, const Bytes& payload) const {
    return Datagram().From(peer).To("192.0.2.1:50000").Carrying(payload);
  }
};

TEST_F(ChannelTest, PaddingAfterChannelDataIsCutOff) {
  for (size_t size : {5u, 6u, 7u, 8u}) {
    const Bytes data = Counting(size);
    const auto sent = Relay(FromClient(ChannelData(kChannel, data) + Bytes{9, 8, 7}));
    ASSERT_EQ(sent.size(), 1u);
    ExpectFrame(sent[0], Datagram().From("192.0.2.1:50000").To(kPeerV4).Ttl(63).Carrying(data));
  }
}

TEST_F(ChannelTest, FurtherChannelsGoByTheTables) {
  Command(BindChannel{1, 0, 0x4002, At("203.0.113.20:7000"), now_ + 6000});
  Command(BindChannel{2, 0, 0x4003, At("[2001:db8:f::3]:7"), now_ + 6000});
  Permit(1, 0, "[2001:db8:f::3]:7");
  Turn();
  auto sent = Relay(FromClient(ChannelData(0x4002, Text("two"))));
  ASSERT_EQ(sent.size(), 1u);
  ExpectFrame(
      sent[0],
      Datagram().From("192.0.2.1:50000").To("203.0.113.20:7000").Ttl(63).Carrying(Text("two")));
  sent = Relay(FromPeer("203.0.113.20:7000", Text("back")));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Datagram::Decode(sent[0]).payload, ChannelData(0x4002, Text("back")));
  sent = Relay(Datagram().From("[2001:db8:f::3]:7").To("[2001:db8::1]:50000").Carrying(Text("x")));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Datagram::Decode(sent[0]).payload, ChannelData(0x4003, Text("x")));
}

TEST_F(ChannelTest, AnotherPortOfThePeerGetsIndications) {
  const auto sent = Relay(FromPeer("203.0.113.20:6001", Text("hi")));
  ASSERT_EQ(sent.size(), 1u);
  const Bytes payload = Datagram::Decode(sent[0]).payload;
  EXPECT_EQ(payload, DataIndication(At("203.0.113.20:6001"), Text("hi"),
                                    Bytes(payload.begin() + 8, payload.begin() + 20)));
}

TEST_F(ChannelTest, UnboundInlineChannelLeavesTheOthers) {
  Command(BindChannel{1, 0, 0x4002, At("203.0.113.20:7000"), now_ + 6000});
  Command(UnbindChannel{0});
  Turn();
  EXPECT_TRUE(Relay(FromClient(ChannelData(kChannel, Text("a")))).empty());
  EXPECT_EQ(Relay(FromClient(ChannelData(0x4002, Text("a")))).size(), 1u);
  auto sent = Relay(FromPeer("203.0.113.20:7000", Text("b")));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Datagram::Decode(sent[0]).payload, ChannelData(0x4002, Text("b")));
  Command(BindChannel{3, 0, 0x4004, At("203.0.113.20:6000"), now_ + 6000});
  Turn();
  sent = Relay(FromPeer(kPeerV4, Text("c")));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(Datagram::Decode(sent[0]).payload, ChannelData(0x4004, Text("c")));
}

TEST_F(ChannelTest, RemovedAllocationIsGoneInBothDirections) {
  Command(RemovePermission{0});
  Command(UnbindChannel{0});
  Command(RemoveAllocation{0});
  Turn();
  Moved();
  EXPECT_TRUE(Relay(FromClient(ChannelData(kChannel, Text("a")))).empty());
  EXPECT_TRUE(Relay(FromPeer(kPeerV4, Text("a"))).empty());
  const std::map<std::string, uint64_t> moved = {
      {"rx_packets", 2}, {"drop_no_allocation", 1}, {"drop_no_relay", 1}};
  EXPECT_EQ(Moved(), moved);
}

TEST_F(ChannelTest, TwoBurstsOfManyClientsKeepTheirFlowsApart) {
  for (uint32_t i = 1; i < 48; ++i) {
    Install(i, ("198.51.100.10:" + std::to_string(6000 + i)).c_str(),
            static_cast<uint16_t>(kRelayPort + i), kPeerV4, static_cast<uint16_t>(0x4001 + i));
  }
  for (uint32_t i = 1; i < 48; ++i) {
    Arrive(FromClient(ChannelData(static_cast<uint16_t>(0x4001 + i), Counting(i)))
               .From("198.51.100.10:" + std::to_string(6000 + i))
               .Encode());
  }
  Turn(2);
  const auto sent = Sent();
  ASSERT_EQ(sent.size(), 47u);
  for (uint32_t i = 1; i < 48; ++i) {
    ExpectFrame(sent[i - 1], Datagram()
                                 .From("192.0.2.1:" + std::to_string(kRelayPort + i))
                                 .To(kPeerV4)
                                 .Ttl(63)
                                 .Carrying(Counting(i)));
  }
}

// The fourth one makes the second channel the inline one; those after it in the burst are its own.
TEST_F(NodeTest, OneBurstThatMakesAChannelInlineLeavesAsOneChannel) {
  Install(0, kClientV4, 50000, kPeerV4, 0x4001);
  Permit(9, 0, "203.0.113.21");
  Command(BindChannel{9, 0, 0x4002, At("203.0.113.21:6000"), now_ + 6000});
  Turn();
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 10; ++i) {
      ArriveForGeneralStages(
          Datagram().From("203.0.113.21:6000").To("192.0.2.1:50000").Carrying({1, 2}).Encode());
    }
    Turn(2);
    const auto sent = Sent();
    ASSERT_EQ(sent.size(), 10u);
    for (const Bytes& frame : sent) {
      EXPECT_EQ(Datagram::Decode(frame).payload, ChannelData(0x4002, {1, 2}));
    }
  }
}

}  // namespace
}  // namespace causeway::testing

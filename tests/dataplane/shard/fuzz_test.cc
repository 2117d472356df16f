// Random and mutated datagrams of 0 to 1,600 bytes on both legs: nothing crashes, no buffer leaks
// (the fixture counts them), every packet is accounted for, and nothing but a well-formed request
// is answered.
#include <random>

#include "tests/dataplane/shard/node.h"

namespace causeway::testing {
namespace {

constexpr uint16_t kChannel = 0x4001;

class FuzzTest : public NodeTest, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    NodeOptions options;
    options.partial_checksums = GetParam();
    options.kernel_keeps_interface = GetParam();
    Build(options);
    Install(0, kClientV4, 50000, kPeerV4, kChannel);
    Install(1, kClientV6, 50001, kPeerV6, kChannel);
    Install(2, "198.51.100.11:5000", 50002, "192.0.2.1:50000", 0);
    Moved();
  }
  uint32_t Random(uint32_t below) { return static_cast<uint32_t>(random_()) % below; }
  Bytes RandomBytes(size_t size) {
    Bytes bytes(size);
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(random_());
    return bytes;
  }
  Bytes Mutate(Bytes bytes) {
    for (uint32_t n = Random(4); n > 0 && !bytes.empty(); --n) {
      bytes[Random(static_cast<uint32_t>(bytes.size()))] = static_cast<uint8_t>(random_());
    }
    if (Random(8) == 0) bytes.resize(Random(static_cast<uint32_t>(bytes.size()) + 1));
    if (Random(16) == 0) bytes = bytes + RandomBytes(Random(40));
    return bytes;
  }
  // A datagram from one of the cast to one of our ports.
  Datagram Leg() {
    static const char* const kLegs[][2] = {{kClientV4, kServerV4},
                                           {kClientV6, kServerV6},
                                           {kPeerV4, "192.0.2.1:50000"},
                                           {kPeerV6, "[2001:db8::1]:50001"},
                                           {"198.51.100.11:5000", kServerV4},
                                           {"203.0.113.99:9", "192.0.2.1:50002"}};
    const auto& leg = kLegs[Random(std::size(kLegs))];
    return Datagram()
        .From(leg[0])
        .To(leg[1])
        .Ttl(static_cast<uint8_t>(Random(4) == 0 ? Random(4) : 64))
        .Df(Random(2) == 0)
        .Checked(static_cast<Check>(Random(4)));
  }
  Bytes Message() {
    const Bytes data = RandomBytes(Random(1500));
    switch (Random(6)) {
      case 0:
        return ChannelData(static_cast<uint16_t>(kChannel + Random(2)), data);
      case 1:
        return SendIndication(At(Random(2) == 0 ? kPeerV4 : kPeerV6), data);
      case 2:
        return Stun(0x0001, Attribute(0x8022, Slice(data, 0, data.size() / 2)), Transaction(), 1);
      case 3:
        return Stun(static_cast<uint16_t>(Random(0x400)), {}, Transaction());
      case 4:
        return SendIndication(At("192.0.2.1:50000"), data);
      default:
        return RandomBytes(Random(1600));
    }
  }
  // What came in is what was counted as an end.
  void ExpectAllAccountedFor(uint64_t arrived, uint64_t events, const std::vector<Bytes>& sent) {
    auto moved = Moved();
    EXPECT_EQ(moved["rx_packets"], arrived);
    EXPECT_EQ(moved["tx_packets"], sent.size());
    EXPECT_EQ(events, moved["punted"] + moved["kernel_frames"]);
    uint64_t ends = 0;
    for (const auto& [name, count] : moved) {
      const bool is_end = name.starts_with("drop_") || name.ends_with("_to_peer") ||
                          name.ends_with("_to_client") || name == "binding_answered" ||
                          name == "punted" || name == "keepalives" || name == "kernel_frames";
      if (is_end) ends += count;
    }
    const uint64_t dropped_fragments = moved["drop_reassembly"];
    EXPECT_EQ(ends - dropped_fragments + moved["fragments_received"],
              arrived + moved["hairpin"] + moved["datagrams_reassembled"]);
  }

  std::minstd_rand random_{20240607};
};

TEST_P(FuzzTest, RandomFrames) {
  uint64_t events = 0;
  std::vector<Bytes> sent;
  for (int i = 0; i < 4000; ++i) {
    Arrive(RandomBytes(Random(1600)));
    if (i % 40 == 39) {
      Turn(2);
      events += Events().size();
      for (Bytes& frame : Sent()) sent.push_back(std::move(frame));
    }
  }
  ExpectAllAccountedFor(4000, events, sent);
  EXPECT_TRUE(sent.empty());
}

TEST_P(FuzzTest, MutatedDatagrams) {
  uint64_t events = 0;
  std::vector<Bytes> sent;
  for (int i = 0; i < 20000; ++i) {
    Bytes frame = Leg().Carrying(Mutate(Message())).Encode();
    if (Random(4) == 0) frame = Mutate(frame);
    Arrive(frame, 0, 1 + Random(8) / 7);
    if (i % 40 == 39) {
      Wait(Random(4));
      Turn(3);
      events += Events().size();
      for (Bytes& out : Sent()) sent.push_back(std::move(out));
    }
  }
  Wait(100);
  Turn(2);
  events += Events().size();
  for (Bytes& out : Sent()) sent.push_back(std::move(out));
  ExpectAllAccountedFor(20000, events, sent);
  EXPECT_GT(sent.size(), 1000u);
}

// What is relayed from an undamaged packet has a right checksum, whatever its header was.
TEST_P(FuzzTest, RelayedChecksumsAreRight) {
  for (int i = 0; i < 3000; ++i) {
    const auto sent = Relay(Leg().Checked(Check::kRight).Ttl(64).Df(true).Carrying(Message()));
    for (const Bytes& frame : sent) {
      const Datagram out = Datagram::Decode(frame);
      if (frame[23] == 1 || frame[20] == 58) continue;  // ICMP errors
      ASSERT_TRUE(out.check == Check::kRight && out.ip_checksum_right) << out;
    }
  }
}

// Requests with one bit wrong: FINGERPRINT tells, and nothing is answered or punted. (Where the
// damage hides FINGERPRINT itself, what is left is a well-formed request without one.)
TEST_P(FuzzTest, GarbledRequestsAreNeverAnswered) {
  for (int i = 0; i < 6000; ++i) {
    Bytes message = Stun(Random(2) == 0 ? 0x0001 : 0x0003,
                         Attribute(0x8022, RandomBytes(Random(30))), Transaction(), 1);
    const uint32_t at = Random(static_cast<uint32_t>(message.size()) - 8);
    if (at == 22 || at == 23) continue;  // SOFTWARE's length
    message[at] ^= static_cast<uint8_t>(1u << Random(8));
    const auto sent = Relay(Datagram().From("203.0.113.50:77").To(kServerV4).Carrying(message));
    ASSERT_TRUE(sent.empty()) << "byte " << at;
    ASSERT_TRUE(Events().empty()) << "byte " << at;
  }
}

INSTANTIATE_TEST_SUITE_P(Links, FuzzTest, ::testing::Bool(),
                         [](const auto& link) { return link.param ? "partial" : "whole"; });

}  // namespace
}  // namespace causeway::testing

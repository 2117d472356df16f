#include <rte_mbuf.h>

#include <functional>

#include "dataplane/ip/slow_path.h"
#include "tests/dataplane/ip/packets.h"

namespace causeway {
namespace {

using testing::Bytes;
using testing::MakeFrame;
using testing::MakeUdp;
using testing::PacketSpec;
using testing::ReferenceChecksum;
using testing::SpecFor;
using testing::ToMbuf;

class IcmpErrorTest : public testing::PoolTest {
 protected:
  Bytes Answer(IcmpKind kind, const Bytes& offending, Family family, uint16_t mtu = 1400) {
    rte_mbuf* input = ToMbuf(offending);
    const Bytes answer =
        Take(MakeIcmpError(kind, input, testing::DefaultEnds(family).destination, mtu, pool()));
    EXPECT_EQ(Take(input), offending);
    return answer;
  }
  bool Answers(const PacketSpec& spec, const Bytes& data) {
    const Bytes frame = MakeFrame(spec, data);
    return !Answer(IcmpKind::kTimeExceeded, frame, spec.family).empty();
  }
};

TEST_F(IcmpErrorTest, Ipv4ByteForByte) {
  for (size_t size : {8u, 100u, 528u, 529u, 1400u}) {
    for (IcmpKind kind : {IcmpKind::kPacketTooBig, IcmpKind::kTimeExceeded}) {
      const Bytes offending = MakeFrame(SpecFor(Family::kIpv4), MakeUdp(Family::kIpv4, size, 1));
      const Bytes answer = Answer(kind, offending, Family::kIpv4);
      const size_t quoted = std::min<size_t>(offending.size() - 14, 548);
      ASSERT_EQ(answer.size(), 14 + 20 + 8 + quoted);
      const Bytes front = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0xc0};
      EXPECT_EQ(Bytes(answer.begin(), answer.begin() + 16), front);
      EXPECT_EQ(answer[16] << 8 | answer[17], static_cast<int>(answer.size() - 14));
      EXPECT_EQ(answer[23], 1);
      const Bytes ends = {203, 0, 113, 5, 198, 51, 100, 7};
      EXPECT_EQ(Bytes(answer.begin() + 26, answer.begin() + 34), ends);
      EXPECT_EQ(ReferenceChecksum(std::span(answer).subspan(14, 20)), 0);
      EXPECT_EQ(ReferenceChecksum(std::span(answer).subspan(34)), 0);
      const bool too_big = kind == IcmpKind::kPacketTooBig;
      const Bytes tail = too_big ? Bytes{0, 0, 1400 >> 8, 1400 & 255} : Bytes{0, 0, 0, 0};
      EXPECT_EQ(answer[34], too_big ? 3 : 11);
      EXPECT_EQ(answer[35], too_big ? 4 : 0);
      EXPECT_EQ(Bytes(answer.begin() + 38, answer.begin() + 42), tail);
      EXPECT_TRUE(std::equal(answer.begin() + 42, answer.end(), offending.begin() + 14));
    }
  }
}

TEST_F(IcmpErrorTest, Ipv6ByteForByte) {
  for (size_t size : {8u, 100u, 1192u, 1193u, 1400u}) {
    for (IcmpKind kind : {IcmpKind::kPacketTooBig, IcmpKind::kTimeExceeded}) {
      const Bytes offending = MakeFrame(SpecFor(Family::kIpv6), MakeUdp(Family::kIpv6, size, 1));
      const Bytes answer = Answer(kind, offending, Family::kIpv6);
      const size_t quoted = std::min<size_t>(offending.size() - 14, 1232);
      ASSERT_EQ(answer.size(), 14 + 40 + 8 + quoted);
      const Bytes front = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60, 0};
      EXPECT_EQ(Bytes(answer.begin(), answer.begin() + 16), front);
      EXPECT_EQ(answer[18] << 8 | answer[19], static_cast<int>(8 + quoted));
      EXPECT_EQ(answer[20], 58);
      EXPECT_TRUE(std::equal(answer.begin() + 22, answer.begin() + 38, offending.begin() + 38));
      EXPECT_TRUE(std::equal(answer.begin() + 38, answer.begin() + 54, offending.begin() + 22));
      const auto l3 = std::span(answer).subspan(14);
      EXPECT_EQ(ReferenceChecksum(l3.subspan(40), testing::ReferencePseudoSum(l3, 58, 8 + quoted)),
                0);
      const bool too_big = kind == IcmpKind::kPacketTooBig;
      const Bytes tail = too_big ? Bytes{0, 0, 1400 >> 8, 1400 & 255} : Bytes{0, 0, 0, 0};
      EXPECT_EQ(answer[54], too_big ? 2 : 3);
      EXPECT_EQ(answer[55], 0);
      EXPECT_EQ(Bytes(answer.begin() + 58, answer.begin() + 62), tail);
      EXPECT_TRUE(std::equal(answer.begin() + 62, answer.end(), offending.begin() + 14));
    }
  }
}

TEST_F(IcmpErrorTest, LinkPaddingIsNotQuoted) {
  Bytes offending = MakeFrame(SpecFor(Family::kIpv4), MakeUdp(Family::kIpv4, 8, 1));
  offending.resize(60, 0xee);
  EXPECT_EQ(Answer(IcmpKind::kTimeExceeded, offending, Family::kIpv4).size(), 14u + 28 + 28);
}

TEST_F(IcmpErrorTest, Ipv4SilentWhereTheRulesSaySo) {
  struct Case {
    const char* source;
    const char* destination;
    uint8_t protocol;
    uint8_t icmp_type;
    bool answered;
  };
  const Case cases[] = {{"198.51.100.7", "203.0.113.5", 17, 0, true},
                        {"198.51.100.7", "203.0.113.5", 132, 0, true},
                        {"0.0.0.0", "203.0.113.5", 17, 0, false},
                        {"127.0.0.1", "203.0.113.5", 17, 0, false},
                        {"224.0.0.1", "203.0.113.5", 17, 0, false},
                        {"255.255.255.255", "203.0.113.5", 17, 0, false},
                        {"198.51.100.7", "224.0.0.251", 17, 0, false},
                        {"198.51.100.7", "255.255.255.255", 17, 0, false},
                        {"198.51.100.7", "203.0.113.5", 1, 8, true},
                        {"198.51.100.7", "203.0.113.5", 1, 0, true},
                        {"198.51.100.7", "203.0.113.5", 1, 3, false},
                        {"198.51.100.7", "203.0.113.5", 1, 4, false},
                        {"198.51.100.7", "203.0.113.5", 1, 5, false},
                        {"198.51.100.7", "203.0.113.5", 1, 11, false},
                        {"198.51.100.7", "203.0.113.5", 1, 12, false}};
  for (const Case& c : cases) {
    PacketSpec spec = SpecFor(Family::kIpv4);
    spec.ends = {IpAddress::Parse(c.source).value(), IpAddress::Parse(c.destination).value()};
    spec.protocol = c.protocol;
    EXPECT_EQ(Answers(spec, {c.icmp_type, 0, 0, 0, 0, 0, 0, 0}), c.answered)
        << c.source << " " << c.destination << " " << int{c.icmp_type};
  }
  PacketSpec spec = SpecFor(Family::kIpv4);
  spec.protocol = 1;
  EXPECT_FALSE(Answers(spec, {})) << "an ICMP message without a type";
}

TEST_F(IcmpErrorTest, Ipv6SilentWhereTheRulesSaySo) {
  struct Case {
    const char* source;
    const char* destination;
    uint8_t protocol;
    uint8_t icmp_type;
    bool answered;
  };
  const Case cases[] = {{"2001:db8:1::7", "2001:db8::5", 17, 0, true},
                        {"::", "2001:db8::5", 17, 0, false},
                        {"::1", "2001:db8::5", 17, 0, false},
                        {"ff02::1", "2001:db8::5", 17, 0, false},
                        {"2001:db8:1::7", "ff02::1", 17, 0, false},
                        {"2001:db8:1::7", "2001:db8::5", 58, 128, true},
                        {"2001:db8:1::7", "2001:db8::5", 58, 1, false},
                        {"2001:db8:1::7", "2001:db8::5", 58, 2, false},
                        {"2001:db8:1::7", "2001:db8::5", 58, 127, false},
                        {"2001:db8:1::7", "2001:db8::5", 58, 137, false}};
  for (const Case& c : cases) {
    PacketSpec spec = SpecFor(Family::kIpv6);
    spec.ends = {IpAddress::Parse(c.source).value(), IpAddress::Parse(c.destination).value()};
    spec.protocol = c.protocol;
    const Bytes data = {c.icmp_type, 0, 0, 0, 0, 0, 0, 0};
    EXPECT_EQ(Answers(spec, data), c.answered)
        << c.source << " " << c.destination << " " << int{c.icmp_type};
    spec.options = {0, 0, 1, 4, 0, 0, 0, 0};
    EXPECT_EQ(Answers(spec, data), c.answered) << "behind hop-by-hop options";
    spec.fragment_header = spec.more = true;
    EXPECT_EQ(Answers(spec, data), c.answered) << "in a first fragment";
  }
}

TEST_F(IcmpErrorTest, FirstFragmentIsAnsweredOthersAreNot) {
  for (Family family : {Family::kIpv4, Family::kIpv6}) {
    for (size_t offset : {0u, 8u, 1000u}) {
      const Bytes frame =
          testing::MakeFragment(SpecFor(family), offset, true, testing::RandomBytes(800, 1));
      EXPECT_EQ(!Answer(IcmpKind::kTimeExceeded, frame, family).empty(), offset == 0);
    }
  }
}

TEST_F(IcmpErrorTest, SilentToGroupsOnTheLinkAndToGarbage) {
  const Bytes good = MakeFrame(SpecFor(Family::kIpv4), MakeUdp(Family::kIpv4, 100, 1));
  const std::function<void(Bytes&)> spoilers[] = {
      [](Bytes& f) { f[0] |= 1; },    [](Bytes& f) { f[6] |= 1; },
      [](Bytes& f) { f[13] = 6; },    [](Bytes& f) { f[14] = 0x65; },
      [](Bytes& f) { f[14] = 0x44; }, [](Bytes& f) { f.resize(33); },
      [](Bytes& f) { f.resize(13); }, [](Bytes& f) { f.pop_back(); },
      [](Bytes& f) { f[16] = 0xff; }};
  for (const auto& spoil : spoilers) {
    Bytes frame = good;
    spoil(frame);
    EXPECT_TRUE(Answer(IcmpKind::kTimeExceeded, frame, Family::kIpv4).empty());
  }
  EXPECT_FALSE(Answer(IcmpKind::kTimeExceeded, good, Family::kIpv4).empty());
  EXPECT_TRUE(Answer(IcmpKind::kTimeExceeded, good, Family::kIpv6).empty()) << "other family";
}

TEST_F(IcmpErrorTest, NothingFromAnEmptyPool) {
  rte_mbuf* input = ToMbuf(MakeFrame(SpecFor(Family::kIpv4), MakeUdp(Family::kIpv4, 100, 1)));
  {
    testing::EmptiedPool emptied(pool());
    EXPECT_EQ(MakeIcmpError(IcmpKind::kTimeExceeded, input,
                            testing::DefaultEnds(Family::kIpv4).destination, 0, pool()),
              nullptr);
  }
  rte_pktmbuf_free(input);
}

}  // namespace
}  // namespace causeway

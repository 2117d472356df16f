// Single fragments: which are taken, and what becomes of their headers.
#include <algorithm>

#include "tests/dataplane/ip/reassembly_fixture.h"

namespace causeway {
namespace {

using testing::Bytes;
using testing::EmptiedPool;
using testing::MakeFragment;
using testing::MakeFrame;
using testing::MakeUdp;
using testing::PacketSpec;
using testing::RandomBytes;
using testing::SpecFor;
using testing::ToMbuf;

class FragmentFamilyTest : public testing::ReassemblyFamilyFixture {};
class FragmentTest : public testing::ReassemblyFixture {};
INSTANTIATE_TEST_SUITE_P(Families, FragmentFamilyTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6), testing::FamilyName);

TEST_P(FragmentFamilyTest, FragmentsThatCannotBeAreDroppedAlone) {
  struct Bad {
    size_t offset, size;
    bool more;
  };
  const Bad bad[] = {{0, 0, true},       {800, 0, false},   {800, 0, true},
                     {0, 1001, true},    {0, 7, true},      {808, 4, true},
                     {65528, 64, false}, {65520, 32, true}, {65528, 8, true}};
  AddPiece(spec_, data_, 0, 800);
  for (const Bad& piece : bad) {
    const Bytes junk = RandomBytes(piece.size, 2);
    EXPECT_EQ(Add(MakeFragment(spec_, piece.offset, piece.more, junk)), Bytes());
    EXPECT_EQ(dropped_, 1u) << piece.offset << " " << piece.size;
  }
  EXPECT_EQ(AddPiece(spec_, data_, 800, 4000), whole_);
}

TEST_P(FragmentFamilyTest, OnlyFragmentsOfOneDatagramMeet) {
  std::vector<PacketSpec> strangers(4, spec_);
  strangers[0].identification ^= 1;
  strangers[1].ends.source = Advance(spec_.ends.source, 1);
  strangers[2].ends.destination = Advance(spec_.ends.destination, 1);
  const Family other = GetParam() == Family::kIpv4 ? Family::kIpv6 : Family::kIpv4;
  strangers[3] = SpecFor(other);
  AddPiece(spec_, data_, 0, 2000);
  for (const PacketSpec& stranger : strangers) {
    EXPECT_EQ(AddPiece(stranger, data_, 2000, 4000), Bytes());
    EXPECT_EQ(dropped_, 0u);
  }
  EXPECT_EQ(AddPiece(spec_, data_, 2000, 4000), whole_);
}

TEST_P(FragmentFamilyTest, LinkPaddingIsNotData) {
  Bytes last = MakeFragment(spec_, 3992, false, std::span(data_).last(8));
  last.resize(last.size() + 26, 0xee);
  AddPiece(spec_, data_, 0, 2000);
  AddPiece(spec_, data_, 2000, 3992);
  EXPECT_EQ(Add(last), whole_);
}

TEST_P(FragmentFamilyTest, NoJumboBufferDropsTheDatagram) {
  EmptiedPool emptied(jumbo_pool());
  const Bytes data = RandomBytes(2000, 4);
  AddPiece(spec_, data, 0, 1000);
  EXPECT_EQ(AddPiece(spec_, data, 1000, 2000), Bytes());
  EXPECT_EQ(dropped_, 2u);
}

TEST_P(FragmentFamilyTest, LargestThatFitsAndTheNextLarger) {
  const size_t header = GetParam() == Family::kIpv4 ? 20 : 40;
  const size_t most = UINT16_MAX - RTE_PKTMBUF_HEADROOM - 14 - header;
  for (size_t size : {most, most + 1}) {
    const Bytes data = RandomBytes(size, 9);
    Bytes result;
    unsigned pieces = 0;
    for (size_t at = 0; at < size; at += 1480, ++pieces) {
      EXPECT_EQ(result, Bytes());
      result = AddPiece(spec_, data, at, std::min(at + 1480, size));
    }
    if (size == most) {
      EXPECT_EQ(result, MakeFrame(spec_, data));
    } else {
      EXPECT_EQ(result, Bytes());
      EXPECT_EQ(dropped_, pieces);
    }
  }
}

TEST_P(FragmentFamilyTest, CongestionMarksJoin) {
  struct Case {
    uint8_t first, second;
    int result;  // -1: dropped
  };
  for (const Case& c : {Case{0, 0, 0}, Case{1, 1, 1}, Case{2, 2, 2}, Case{2, 3, 3}, Case{3, 1, 3},
                        Case{3, 3, 3}, Case{0, 3, -1}, Case{3, 0, -1}, Case{1, 2, 1}}) {
    PacketSpec spec = spec_;
    spec.ecn = c.first;
    AddPiece(spec, data_, 0, 2000);
    spec.ecn = c.second;
    const Bytes result = AddPiece(spec, data_, 2000, 4000);
    if (c.result < 0) {
      EXPECT_EQ(result, Bytes());
      EXPECT_EQ(dropped_, 2u);
    } else {
      spec.ecn = static_cast<uint8_t>(c.result);
      EXPECT_EQ(result, MakeFrame(spec, data_)) << int{c.first} << int{c.second};
    }
  }
}

TEST_P(FragmentFamilyTest, WholePacketComesBackAsItIs) {
  EXPECT_EQ(Add(MakeFrame(spec_, std::span(data_).first(100))),
            MakeFrame(spec_, std::span(data_).first(100)));
  EXPECT_EQ(dropped_, 0u);
}

TEST_P(FragmentFamilyTest, FramesCutShortAreDropped) {
  const Bytes frame = MakeFragment(spec_, 0, true, std::span(data_).first(8));
  for (size_t size = 0; size < frame.size(); ++size) {
    EXPECT_EQ(Add(Bytes(frame.begin(), frame.begin() + static_cast<long>(size))), Bytes());
    EXPECT_EQ(dropped_, 1u) << size;
  }
}

TEST_F(FragmentTest, Ipv4ProtocolTellsDatagramsApart) {
  PacketSpec spec = SpecFor(Family::kIpv4);
  const Bytes data = RandomBytes(2000, 1);
  AddPiece(spec, data, 0, 1000);
  spec.protocol = 6;
  EXPECT_EQ(AddPiece(spec, data, 1000, 2000), Bytes());
}

TEST_F(FragmentTest, Ipv4OptionsOfTheFirstFragmentStay) {
  PacketSpec spec = SpecFor(Family::kIpv4);
  const Bytes data = RandomBytes(2000, 1);
  spec.options = {0x94, 4, 0, 0};
  PacketSpec bare = SpecFor(Family::kIpv4);
  AddPiece(bare, data, 1000, 2000);
  EXPECT_EQ(AddPiece(spec, data, 0, 1000), MakeFrame(spec, data));
}

TEST_F(FragmentTest, Ipv4HeaderChecksumIsVerified) {
  const PacketSpec spec = SpecFor(Family::kIpv4);
  Bytes frame = MakeFragment(spec, 0, true, RandomBytes(800, 1));
  frame[14 + 8] ^= 1;
  EXPECT_EQ(Add(frame), Bytes());
  EXPECT_EQ(dropped_, 1u);
}

TEST_F(FragmentTest, Ipv4DontFragmentIsGoneFromTheWhole) {
  const PacketSpec spec = SpecFor(Family::kIpv4);
  const Bytes data = RandomBytes(1600, 1);
  for (bool last : {false, true}) {
    Bytes frame =
        MakeFragment(spec, last ? 800 : 0, !last, std::span(data).subspan(last ? 800 : 0, 800));
    frame[14 + 6] |= 0x40;
    frame[14 + 10] = frame[14 + 11] = 0;
    const uint16_t checksum = testing::ReferenceChecksum(std::span(frame).subspan(14, 20));
    frame[14 + 10] = static_cast<uint8_t>(checksum >> 8);
    frame[14 + 11] = static_cast<uint8_t>(checksum);
    EXPECT_EQ(Add(frame), last ? MakeFrame(spec, data) : Bytes());
  }
}

TEST_F(FragmentTest, Ipv6ExtensionHeadersBeforeTheFragmentHeaderStay) {
  PacketSpec spec = SpecFor(Family::kIpv6);
  const Bytes data = RandomBytes(2000, 1);
  spec.options = {0, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  for (uint8_t kind : {0, 43, 60}) {
    spec.options_protocol = kind;
    AddPiece(spec, data, 1000, 2000);
    EXPECT_EQ(AddPiece(spec, data, 0, 1000), MakeFrame(spec, data)) << int{kind};
  }
}

TEST_F(FragmentTest, Ipv6AtomicFragmentIsWholeByItself) {
  PacketSpec spec = SpecFor(Family::kIpv6);
  const Bytes data = MakeUdp(Family::kIpv6, 500, 1);
  AddPiece(spec, data, 0, 80);  // same identification: RFC 6946 keeps them apart
  EXPECT_EQ(Add(MakeFragment(spec, 0, false, data)), MakeFrame(spec, data));
  EXPECT_EQ(dropped_, 0u);
  spec.options = {0, 0, 1, 4, 0, 0, 0, 0};
  EXPECT_EQ(Add(MakeFragment(spec, 0, false, data)), MakeFrame(spec, data));
}

TEST_F(FragmentTest, Ipv6FirstFragmentMustHoldAllHeaders) {
  PacketSpec spec = SpecFor(Family::kIpv6);
  const Bytes udp = RandomBytes(8, 1);
  const Bytes options = {17, 0, 1, 4, 0, 0, 0, 0};
  Bytes both = options;
  both.insert(both.end(), udp.begin(), udp.end());
  struct Case {
    uint8_t protocol;
    Bytes data;
    bool good;
  };
  const Case cases[] = {{17, udp, true},
                        {60, both, true},
                        {60, options, false},                     // UDP header missing
                        {60, {17, 1, 1, 12, 0, 0, 0, 0}, false},  // cut within options
                        {6, RandomBytes(16, 1), false},           // TCP header cut
                        {44, {17, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, false}};
  for (const Case& c : cases) {
    ++spec.identification;
    spec.protocol = c.protocol;
    Add(MakeFragment(spec, 0, true, c.data));
    EXPECT_EQ(dropped_, c.good ? 0u : 1u) << int{c.protocol};
    Add(MakeFragment(spec, 0, false, c.data));
    EXPECT_EQ(dropped_, c.good ? 0u : 1u) << "atomic " << int{c.protocol};
  }
}

TEST_F(FragmentTest, ChainedBufferIsDropped) {
  rte_mbuf* head = ToMbuf(MakeFragment(SpecFor(Family::kIpv4), 0, true, RandomBytes(800, 1)));
  ASSERT_EQ(rte_pktmbuf_chain(head, ToMbuf(RandomBytes(100, 1))), 0);
  EXPECT_EQ(reassembler_->Add(head, now_, &dropped_), nullptr);
  EXPECT_EQ(dropped_, 1u);
}

}  // namespace
}  // namespace causeway

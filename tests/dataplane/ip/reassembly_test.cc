#include <rte_cycles.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <numeric>

#include "dataplane/ip/slow_path.h"
#include "tests/dataplane/ip/packets.h"

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

class ReassemblyTest : public testing::PoolTest {
 protected:
  void SetUp() override { reassembler_ = Reassembler::Create(jumbo_pool(), 0).value(); }
  void TearDown() override {
    reassembler_.reset();
    PoolTest::TearDown();
  }
  // The datagram's frame, or nothing; `dropped_` says what was given up.
  Bytes Add(const Bytes& frame) {
    dropped_ = 999;
    return Take(reassembler_->Add(ToMbuf(frame), now_, &dropped_));
  }
  Bytes AddPiece(const PacketSpec& spec, const Bytes& data, size_t from, size_t to) {
    return Add(
        MakeFragment(spec, from, to < data.size(), std::span(data).subspan(from, to - from)));
  }
  uint64_t now_ = 1'000'000;
  const uint64_t timeout_ = rte_get_tsc_hz() * Reassembler::kTimeoutSeconds;
  unsigned dropped_ = 0;
  std::unique_ptr<Reassembler> reassembler_;
};

class ReassemblyFamilyTest : public ReassemblyTest, public ::testing::WithParamInterface<Family> {
 protected:
  const PacketSpec spec_ = SpecFor(GetParam());
  const Bytes data_ = MakeUdp(GetParam(), 4000, 1);
  const Bytes whole_ = MakeFrame(spec_, data_);
};
INSTANTIATE_TEST_SUITE_P(Families, ReassemblyFamilyTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& param_info) {
                           return param_info.param == Family::kIpv4 ? "Ipv4" : "Ipv6";
                         });

TEST_P(ReassemblyFamilyTest, AnyOrderGivesTheDatagram) {
  const size_t cuts[] = {0, 1000, 1008, 2400, 4000};
  std::vector<int> order = {0, 1, 2, 3};
  do {
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(AddPiece(spec_, data_, cuts[order[i]], cuts[order[i] + 1]), Bytes());
      EXPECT_EQ(dropped_, 0u);
    }
    EXPECT_EQ(AddPiece(spec_, data_, cuts[order[3]], cuts[order[3] + 1]), whole_);
    EXPECT_EQ(dropped_, 0u);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_P(ReassemblyFamilyTest, DuplicateIsDroppedAlone) {
  for (auto [from, to] : {std::pair(0, 1000), std::pair(1000, 2000), std::pair(3000, 4000)}) {
    const size_t others[] = {0, 1000, 2000, 3000};
    EXPECT_EQ(AddPiece(spec_, data_, from, to), Bytes());
    EXPECT_EQ(AddPiece(spec_, data_, from, to), Bytes());
    EXPECT_EQ(dropped_, 1u);
    Bytes result;
    for (size_t other : others) {
      if (other != static_cast<size_t>(from)) {
        EXPECT_EQ(result, Bytes());
        result = AddPiece(spec_, data_, other, other + 1000);
      }
    }
    EXPECT_EQ(result, whole_);
  }
}

TEST_P(ReassemblyFamilyTest, OverlapDiscardsTheDatagramAndWhatComesAfter) {
  struct Piece {
    size_t from, to;
    bool more;
  };
  // Held: 800..1600 and 2400..4000, the last.
  const Piece intruders[] = {{792, 808, true},    {800, 808, true},    {1592, 1600, true},
                             {1592, 1608, true},  {800, 1608, true},   {792, 1600, true},
                             {808, 1592, true},   {8, 4000, false},    {792, 1608, true},
                             {8, 800, false},     {2400, 4000, true},  {4000, 4008, true},
                             {4000, 4008, false}, {3200, 4000, false}, {1600, 2408, true},
                             {1600, 2400, false}, {2400, 3996, false}};
  PacketSpec spec = spec_;
  const Bytes data = RandomBytes(4008, 3);
  for (const Piece& intruder : intruders) {
    SCOPED_TRACE(::testing::Message() << intruder.from << ".." << intruder.to);
    ++spec.identification;
    EXPECT_EQ(AddPiece(spec, data_, 800, 1600), Bytes());
    EXPECT_EQ(AddPiece(spec, data_, 2400, 4000), Bytes());
    EXPECT_EQ(
        Add(MakeFragment(spec, intruder.from, intruder.more,
                         std::span(data).subspan(intruder.from, intruder.to - intruder.from))),
        Bytes());
    EXPECT_EQ(dropped_, 3u);
    for (auto [from, to] :
         {std::pair(0, 800), std::pair(800, 1600), std::pair(1600, 2400), std::pair(2400, 4000)}) {
      EXPECT_EQ(AddPiece(spec, data_, from, to), Bytes());
      EXPECT_EQ(dropped_, 1u);
    }
  }
}

TEST_P(ReassemblyFamilyTest, IncompleteDatagramTimesOut) {
  AddPiece(spec_, data_, 0, 1000);
  now_ += timeout_ / 2;
  AddPiece(spec_, data_, 1000, 2000);
  EXPECT_EQ(reassembler_->Expire(now_), 0u);
  now_ += timeout_ / 2 - 1;
  EXPECT_EQ(reassembler_->Expire(now_), 0u);
  ++now_;
  EXPECT_EQ(reassembler_->Expire(now_), 2u);
  EXPECT_EQ(rte_mempool_avail_count(pool()), kPoolSize);
  EXPECT_EQ(AddPiece(spec_, data_, 2000, 4000), Bytes());
  EXPECT_EQ(AddPiece(spec_, data_, 0, 2000), whole_) << "the identification is free again";
}

TEST_P(ReassemblyFamilyTest, LateFragmentDoesNotCompleteAnExpiredDatagram) {
  AddPiece(spec_, data_, 0, 2000);
  now_ += timeout_;
  EXPECT_EQ(AddPiece(spec_, data_, 2000, 4000), Bytes());
  EXPECT_EQ(dropped_, 1u);
}

TEST_P(ReassemblyFamilyTest, CompletesJustInTime) {
  AddPiece(spec_, data_, 0, 2000);
  now_ += timeout_ - 1;
  EXPECT_EQ(AddPiece(spec_, data_, 2000, 4000), whole_);
}

TEST_P(ReassemblyFamilyTest, DiscardedDatagramIsForgottenInTime) {
  AddPiece(spec_, data_, 0, 2000);
  AddPiece(spec_, data_, 8, 2000);
  EXPECT_EQ(dropped_, 2u);
  now_ += timeout_;
  EXPECT_EQ(reassembler_->Expire(now_), 0u) << "its fragments were counted before";
  AddPiece(spec_, data_, 0, 2000);
  EXPECT_EQ(AddPiece(spec_, data_, 2000, 4000), whole_);
}

TEST_P(ReassemblyFamilyTest, FloodPushesTheOldestOutAndHoldsNoMoreThanItsBound) {
  PacketSpec flood = spec_;
  unsigned pushed_out = 0;
  for (uint32_t i = 0; i < 3 * Reassembler::kMaxDatagrams; ++i) {
    flood.identification = 0x8000 + i;
    EXPECT_EQ(AddPiece(flood, data_, 0, 8), Bytes());
    pushed_out += dropped_;
  }
  EXPECT_EQ(pushed_out, 2 * Reassembler::kMaxDatagrams);
  EXPECT_EQ(rte_mempool_in_use_count(pool()), Reassembler::kMaxDatagrams);
  AddPiece(spec_, data_, 0, 2000);
  for (uint32_t i = 0; i < Reassembler::kMaxDatagrams - 1; ++i) {
    ++flood.identification;
    AddPiece(flood, data_, 0, 8);
  }
  EXPECT_EQ(AddPiece(spec_, data_, 2000, 4000), whole_) << "a datagram gets through the flood";
  AddPiece(spec_, data_, 0, 2000);
  for (uint32_t i = 0; i < Reassembler::kMaxDatagrams + 1; ++i) {
    ++flood.identification;
    AddPiece(flood, data_, 0, 8);
  }
  EXPECT_EQ(AddPiece(spec_, data_, 2000, 4000), Bytes());
}

TEST_P(ReassemblyFamilyTest, AFullTableDoesNotDisturbDatagramsUnderWay) {
  PacketSpec spec = spec_;
  const Bytes data = RandomBytes(2000, 4);
  for (uint32_t i = 0; i < Reassembler::kMaxDatagrams; ++i) {
    spec.identification = 100 + i;
    AddPiece(spec, data, 0, 1000);
  }
  for (uint32_t i = 0; i < Reassembler::kMaxDatagrams; ++i) {
    spec.identification = 100 + i;
    const Bytes result = AddPiece(spec, data, 1000, 2000);
    ASSERT_EQ(Bytes(result.end() - 2000, result.end()), data) << i;
    ASSERT_EQ(dropped_, 0u);
  }
}

TEST_P(ReassemblyFamilyTest, HoldsABoundedNumberOfFragments) {
  PacketSpec spec = spec_;
  unsigned added = 0;
  unsigned gone = 0;
  for (uint32_t i = 0; i < 20; ++i) {
    spec.identification = 500 + i;
    for (size_t at = 8; at <= 100 * 8; at += 8, ++added) {
      AddPiece(spec, data_, at, at + 8);
      gone += dropped_;
    }
  }
  EXPECT_LE(rte_mempool_in_use_count(pool()), Reassembler::kMaxFragments);
  EXPECT_EQ(rte_mempool_in_use_count(pool()) + gone, added);
}

TEST_P(ReassemblyFamilyTest, DatagramOfTooManyFragmentsIsDiscarded) {
  for (size_t i = 0; i < Reassembler::kMaxFragmentsPerDatagram; ++i) {
    AddPiece(spec_, data_, i * 8, i * 8 + 8);
    EXPECT_EQ(dropped_, 0u);
  }
  AddPiece(spec_, data_, Reassembler::kMaxFragmentsPerDatagram * 8, data_.size());
  EXPECT_EQ(dropped_, Reassembler::kMaxFragmentsPerDatagram + 1);
}

TEST_P(ReassemblyFamilyTest, AsManyFragmentsAsAllowed) {
  constexpr size_t kLast = (Reassembler::kMaxFragmentsPerDatagram - 1) * 8;
  for (size_t at = 0; at < kLast; at += 8) AddPiece(spec_, data_, at, at + 8);
  EXPECT_EQ(AddPiece(spec_, data_, kLast, data_.size()), whole_);
}

TEST_P(ReassemblyFamilyTest, FragmentsThatCannotBeAreDroppedAlone) {
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

TEST_P(ReassemblyFamilyTest, OnlyFragmentsOfOneDatagramMeet) {
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

TEST_P(ReassemblyFamilyTest, LinkPaddingIsNotData) {
  Bytes last = MakeFragment(spec_, 3992, false, std::span(data_).last(8));
  last.resize(last.size() + 26, 0xee);
  AddPiece(spec_, data_, 0, 2000);
  AddPiece(spec_, data_, 2000, 3992);
  EXPECT_EQ(Add(last), whole_);
}

TEST_P(ReassemblyFamilyTest, NoJumboBufferDropsTheDatagram) {
  EmptiedPool emptied(jumbo_pool());
  const Bytes data = RandomBytes(2000, 4);
  AddPiece(spec_, data, 0, 1000);
  EXPECT_EQ(AddPiece(spec_, data, 1000, 2000), Bytes());
  EXPECT_EQ(dropped_, 2u);
}

TEST_P(ReassemblyFamilyTest, LargestThatFitsAndTheNextLarger) {
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

TEST_P(ReassemblyFamilyTest, CongestionMarksJoin) {
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

TEST_P(ReassemblyFamilyTest, WholePacketComesBackAsItIs) {
  EXPECT_EQ(Add(MakeFrame(spec_, std::span(data_).first(100))),
            MakeFrame(spec_, std::span(data_).first(100)));
  EXPECT_EQ(dropped_, 0u);
}

TEST_P(ReassemblyFamilyTest, FramesCutShortAreDropped) {
  const Bytes frame = MakeFragment(spec_, 0, true, std::span(data_).first(8));
  for (size_t size = 0; size < frame.size(); ++size) {
    EXPECT_EQ(Add(Bytes(frame.begin(), frame.begin() + static_cast<long>(size))), Bytes());
    EXPECT_EQ(dropped_, 1u) << size;
  }
}

TEST_F(ReassemblyTest, Ipv4ProtocolTellsDatagramsApart) {
  PacketSpec spec = SpecFor(Family::kIpv4);
  const Bytes data = RandomBytes(2000, 1);
  AddPiece(spec, data, 0, 1000);
  spec.protocol = 6;
  EXPECT_EQ(AddPiece(spec, data, 1000, 2000), Bytes());
}

TEST_F(ReassemblyTest, Ipv4OptionsOfTheFirstFragmentStay) {
  PacketSpec spec = SpecFor(Family::kIpv4);
  const Bytes data = RandomBytes(2000, 1);
  spec.options = {0x94, 4, 0, 0};
  PacketSpec bare = SpecFor(Family::kIpv4);
  AddPiece(bare, data, 1000, 2000);
  EXPECT_EQ(AddPiece(spec, data, 0, 1000), MakeFrame(spec, data));
}

TEST_F(ReassemblyTest, Ipv4HeaderChecksumIsVerified) {
  const PacketSpec spec = SpecFor(Family::kIpv4);
  Bytes frame = MakeFragment(spec, 0, true, RandomBytes(800, 1));
  frame[14 + 8] ^= 1;
  EXPECT_EQ(Add(frame), Bytes());
  EXPECT_EQ(dropped_, 1u);
}

TEST_F(ReassemblyTest, Ipv4DontFragmentIsGoneFromTheWhole) {
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

TEST_F(ReassemblyTest, Ipv6ExtensionHeadersBeforeTheFragmentHeaderStay) {
  PacketSpec spec = SpecFor(Family::kIpv6);
  const Bytes data = RandomBytes(2000, 1);
  spec.options = {0, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  for (uint8_t kind : {0, 43, 60}) {
    spec.options_protocol = kind;
    AddPiece(spec, data, 1000, 2000);
    EXPECT_EQ(AddPiece(spec, data, 0, 1000), MakeFrame(spec, data)) << int{kind};
  }
}

TEST_F(ReassemblyTest, Ipv6AtomicFragmentIsWholeByItself) {
  PacketSpec spec = SpecFor(Family::kIpv6);
  const Bytes data = MakeUdp(Family::kIpv6, 500, 1);
  AddPiece(spec, data, 0, 80);  // same identification: RFC 6946 keeps them apart
  EXPECT_EQ(Add(MakeFragment(spec, 0, false, data)), MakeFrame(spec, data));
  EXPECT_EQ(dropped_, 0u);
  spec.options = {0, 0, 1, 4, 0, 0, 0, 0};
  EXPECT_EQ(Add(MakeFragment(spec, 0, false, data)), MakeFrame(spec, data));
}

TEST_F(ReassemblyTest, Ipv6FirstFragmentMustHoldAllHeaders) {
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
  }
}

TEST_F(ReassemblyTest, ChainedBufferIsDropped) {
  rte_mbuf* head = ToMbuf(MakeFragment(SpecFor(Family::kIpv4), 0, true, RandomBytes(800, 1)));
  ASSERT_EQ(rte_pktmbuf_chain(head, ToMbuf(RandomBytes(100, 1))), 0);
  EXPECT_EQ(reassembler_->Add(head, now_, &dropped_), nullptr);
  EXPECT_EQ(dropped_, 1u);
}

}  // namespace
}  // namespace causeway

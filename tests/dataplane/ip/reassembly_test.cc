// Datagrams under way: order, overlaps, time and room.
#include <algorithm>

#include "tests/dataplane/ip/reassembly_fixture.h"

namespace causeway {
namespace {

using testing::Bytes;
using testing::MakeFragment;
using testing::PacketSpec;
using testing::RandomBytes;

class ReassemblyFamilyTest : public testing::ReassemblyFamilyFixture {};
INSTANTIATE_TEST_SUITE_P(Families, ReassemblyFamilyTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6), testing::FamilyName);

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
  EXPECT_EQ(rte_mempool_in_use_count(pool()), 0u);
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

}  // namespace
}  // namespace causeway

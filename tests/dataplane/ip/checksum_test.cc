#include "dataplane/ip/checksum.h"

#include <random>

#include "tests/dataplane/ip/packets.h"

namespace causeway {
namespace {

using testing::Bytes;
using testing::RandomBytes;
using testing::ReferenceChecksum;

uint16_t Swap(uint16_t value) { return __builtin_bswap16(value); }

TEST(ChecksumTest, AgreesWithTheDefinitionAtEveryLengthAndAlignment) {
  const Bytes bytes = RandomBytes(2048, 1);
  for (size_t start = 0; start < 9; ++start) {
    for (size_t size = 0; size < 1700; size += size < 200 ? 1 : 37) {
      const auto piece = std::span(bytes).subspan(start, size);
      const auto field = static_cast<uint16_t>(~FoldChecksum(SumBytes(piece.data(), size)));
      ASSERT_EQ(field, Swap(ReferenceChecksum(piece))) << start << " " << size;
    }
  }
}

TEST(ChecksumTest, CarriesSurviveAllOnes) {
  const Bytes bytes(65535, 0xff);
  for (size_t size : {1u, 2u, 7u, 8u, 31u, 32u, 33u, 64u, 1500u, 65535u}) {
    const auto piece = std::span(bytes).first(size);
    EXPECT_EQ(static_cast<uint16_t>(~FoldChecksum(SumBytes(piece.data(), size))),
              Swap(ReferenceChecksum(piece)))
        << size;
  }
}

TEST(ChecksumTest, SumsOfManyPiecesFoldRight) {
  const Bytes ones(1024, 0xff);
  ChecksumSum sum = 0;
  for (int i = 0; i < 1000; ++i) sum += SumBytes(ones.data(), ones.size());
  EXPECT_EQ(FoldChecksum(sum), 0xffff);
}

TEST(ChecksumTest, ReadsNoByteBeyondItsEnd) {
  for (size_t size = 0; size < 100; ++size) {
    const Bytes exact = RandomBytes(size, 5);  // AddressSanitizer watches
    Bytes longer = exact;
    longer.insert(longer.end(), 16, 0xa5);
    ASSERT_EQ(FoldChecksum(SumBytes(exact.data(), size)),
              FoldChecksum(SumBytes(longer.data(), size)));
  }
}

TEST(ChecksumTest, PseudoHeaders) {
  for (Family family : {Family::kIpv4, Family::kIpv6}) {
    const Bytes frame = testing::MakeFrame(testing::SpecFor(family), {});
    const auto l3 = std::span(frame).subspan(14);
    for (size_t length : {0u, 8u, 180u, 65535u}) {
      const auto sum = family == Family::kIpv4 ? SumPseudoHeaderV4(&l3[12], 17, length)
                                               : SumPseudoHeaderV6(&l3[8], 17, length);
      EXPECT_EQ(static_cast<uint16_t>(~FoldChecksum(sum)),
                Swap(ReferenceChecksum({}, testing::ReferencePseudoSum(l3, 17, length))));
    }
  }
}

TEST(ChecksumTest, UdpNeverSendsZero) {
  EXPECT_EQ(UdpChecksumField(0xffff), 0xffff);
  EXPECT_EQ(UdpChecksumField(0), 0xffff);
  EXPECT_EQ(UdpChecksumField(0x1234), 0xedcb);
}

// The definition: 16 bits at a time, end-around carry.
TEST(Checksum, FoldsEverySum) {
  const auto slowly = [](uint64_t sum) {
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(sum);
  };
  for (uint64_t sum : {uint64_t{0}, uint64_t{1}, uint64_t{0xffff}, uint64_t{0x10000},
                       uint64_t{0xffffffff}, uint64_t{0x100000000}, uint64_t{0xffff0000},
                       uint64_t{0xffff00000000}, ~uint64_t{0}, ~uint64_t{0} - 1}) {
    EXPECT_EQ(FoldChecksum(sum), slowly(sum)) << sum;
  }
  std::mt19937_64 random(3);
  for (int i = 0; i < 100000; ++i) {
    const uint64_t sum = random() >> (i % 64);
    ASSERT_EQ(FoldChecksum(sum), slowly(sum)) << sum;
  }
}

}  // namespace
}  // namespace causeway

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <random>

#include "dataplane/ip/slow_path.h"
#include "tests/dataplane/ip/packets.h"

namespace causeway {
namespace {

using testing::Bytes;
using testing::PacketSpec;
using testing::ToMbuf;

class ReassemblyFuzzTest : public testing::PoolTest {
 protected:
  unsigned Random(unsigned below) { return static_cast<unsigned>(random_() % below); }
  // A fragment of one of few datagrams, mostly sane.
  Bytes RandomFragment() {
    const Family family = Random(2) == 0 ? Family::kIpv4 : Family::kIpv6;
    PacketSpec spec = testing::SpecFor(family);
    spec.identification = Random(40);
    spec.ecn = static_cast<uint8_t>(Random(16) == 0 ? Random(4) : 0);
    if (Random(20) == 0) spec.options = {static_cast<uint8_t>(Random(256)), 0, 1, 4, 0, 0, 0, 0};
    const size_t offset = Random(6) * 400;
    const size_t size = Random(10) == 0 ? Random(1400) : 400;
    return testing::MakeFragment(spec, offset, Random(4) != 0, testing::RandomBytes(size, 7));
  }
  void Mutate(Bytes& frame) {
    for (unsigned i = Random(4); i-- > 0;) {
      frame[12 + Random(static_cast<unsigned>(std::min<size_t>(frame.size() - 12, 70)))] ^=
          static_cast<uint8_t>(1u << Random(8));
    }
    if (frame[12] == 8 && frame[13] == 0 && Random(4) != 0) {  // past the header checksum
      frame[24] = frame[25] = 0;
      const size_t size = std::min<size_t>((frame[14] & 15) * 4, frame.size() - 14);
      const uint16_t checksum = testing::ReferenceChecksum(std::span(frame).subspan(14, size));
      frame[24] = static_cast<uint8_t>(checksum >> 8);
      frame[25] = static_cast<uint8_t>(checksum);
    }
    if (Random(8) == 0) frame.resize(Random(static_cast<unsigned>(frame.size() + 60)));
  }
  std::mt19937 random_{20240601};
};

// Every fragment ends in exactly one place.
TEST_F(ReassemblyFuzzTest, NothingCrashesLeaksOrIsCountedTwice) {
  auto reassembler = Reassembler::Create(jumbo_pool(), 0).value();
  uint64_t now = 1;
  unsigned wholes = 0;
  for (int i = 0; i < 60'000; ++i) {
    Bytes frame = RandomFragment();
    if (Random(3) == 0) Mutate(frame);
    const unsigned before = rte_mempool_in_use_count(pool());
    unsigned dropped = 0;
    rte_mbuf* whole = reassembler->Add(ToMbuf(frame), now, &dropped);
    const unsigned after = rte_mempool_in_use_count(pool());
    if (whole == nullptr) {
      ASSERT_EQ(before + 1, after + dropped) << i;
    } else {
      ++wholes;
      ASSERT_GE(whole->data_len, 34) << i;
      ASSERT_EQ(whole->pkt_len, whole->data_len);
      rte_pktmbuf_free(whole);
    }
    now += rte_get_tsc_hz() / 50;
    if (i % 5 == 0) reassembler->Expire(now);
  }
  EXPECT_GT(wholes, 100u);
}

TEST_F(ReassemblyFuzzTest, NoiseIsDropped) {
  auto reassembler = Reassembler::Create(jumbo_pool(), 0).value();
  for (int i = 0; i < 20'000; ++i) {
    Bytes frame = testing::RandomBytes(Random(1600), static_cast<uint32_t>(i));
    if (frame.size() > 14 && Random(2) == 0) {
      const bool v4 = Random(2) == 0;
      frame[12] = v4 ? 0x08 : 0x86;
      frame[13] = v4 ? 0x00 : 0xdd;
      frame[14] = static_cast<uint8_t>((v4 ? 0x40 : 0x60) | (frame[14] & 15));
    }
    unsigned dropped = 0;
    Take(reassembler->Add(ToMbuf(frame), 1, &dropped));
  }
}

// What the other two functions do with frames as bad as that.
TEST_F(ReassemblyFuzzTest, FragmentationAndErrorsSurviveBadFrames) {
  std::vector<rte_mbuf*> out(128);
  for (int i = 0; i < 20'000; ++i) {
    Bytes frame = RandomFragment();
    Mutate(frame);
    rte_mbuf* mbuf = ToMbuf(frame);
    const auto mtu = static_cast<uint16_t>(Random(1500));
    const unsigned count = FragmentFrame(mbuf, mtu, 1, pool(), absl::MakeSpan(out));
    rte_pktmbuf_free_bulk(out.data(), count);
    const testing::Ends ends = testing::DefaultEnds(Random(2) == 0 ? Family::kIpv4 : Family::kIpv6);
    const auto kind = Random(2) == 0 ? IcmpKind::kPacketTooBig : IcmpKind::kTimeExceeded;
    const Bytes error = Take(MakeIcmpError(kind, mbuf, ends.source, 1280, pool()));
    ASSERT_LE(error.size(), 1294u);
    rte_pktmbuf_free(mbuf);
  }
}

}  // namespace
}  // namespace causeway

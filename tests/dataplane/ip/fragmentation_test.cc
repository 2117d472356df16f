#include <rte_cycles.h>
#include <rte_mbuf.h>

#include <array>

#include "dataplane/ip/slow_path.h"
#include "tests/dataplane/ip/packets.h"

namespace causeway {
namespace {

using testing::Bytes;
using testing::EmptiedPool;
using testing::MakeFrame;
using testing::MakeUdp;
using testing::PacketSpec;
using testing::RandomBytes;
using testing::ReferenceChecksum;
using testing::SpecFor;
using testing::ToMbuf;

class FragmentationTest : public testing::PoolTest, public ::testing::WithParamInterface<Family> {
 protected:
  std::vector<Bytes> Cut(const Bytes& frame, uint16_t mtu, size_t room = 128) {
    std::vector<rte_mbuf*> out(room);
    rte_mbuf* input = ToMbuf(frame);
    const unsigned count = FragmentFrame(input, mtu, kIdentification, pool(), absl::MakeSpan(out));
    EXPECT_EQ(Take(input), frame) << "the input is left alone";
    std::vector<Bytes> fragments;
    for (unsigned i = 0; i < count; ++i) fragments.push_back(Take(out[i]));
    return fragments;
  }
  bool v4() const { return GetParam() == Family::kIpv4; }
  size_t header_size() const { return v4() ? 20 : 40; }
  size_t per_fragment() const { return v4() ? 20 : 48; }
  PacketSpec Spec() const {
    PacketSpec spec = SpecFor(GetParam());
    spec.identification = kIdentification;
    return spec;
  }
  static constexpr uint32_t kIdentification = 0xabcd1234;
};
INSTANTIATE_TEST_SUITE_P(Families, FragmentationTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6), testing::FamilyName);

TEST_P(FragmentationTest, EveryFragmentIsAsHandMade) {
  const Bytes data = MakeUdp(GetParam(), 4000, 1);
  for (uint16_t mtu : {576, 1280, 1281, 1287, 1288, 1492, 1500}) {
    const std::vector<Bytes> fragments = Cut(MakeFrame(Spec(), data), mtu);
    const size_t step = (mtu - per_fragment()) / 8 * 8;
    ASSERT_EQ(fragments.size(), (data.size() + step - 1) / step);
    for (size_t i = 0; i < fragments.size(); ++i) {
      const size_t at = i * step;
      const auto piece = std::span(data).subspan(at, std::min(step, data.size() - at));
      EXPECT_LE(fragments[i].size(), mtu + 14u);
      EXPECT_EQ(fragments[i], testing::MakeFragment(Spec(), at, i + 1 < fragments.size(), piece))
          << mtu << " " << i;
    }
  }
}

TEST_P(FragmentationTest, ReassemblyGivesTheInputBack) {
  auto reassembler = Reassembler::Create(jumbo_pool(), 0).value();
  uint32_t seed = 0;
  for (size_t size :
       {8u, 9u, 1200u, 1232u, 1233u, 1472u, 1480u, 1481u, 2000u, 2960u, 9000u, 30001u, 65000u}) {
    for (uint16_t mtu : {576, 1280, 1400, 1500, 1999}) {
      const Bytes frame = MakeFrame(Spec(), MakeUdp(GetParam(), size, ++seed));
      const std::vector<Bytes> fragments = Cut(frame, mtu);
      ASSERT_FALSE(fragments.empty()) << size << " " << mtu;
      Bytes result;
      for (const Bytes& fragment : fragments) {
        ASSERT_EQ(result, Bytes());
        unsigned dropped = 0;
        result = Take(reassembler->Add(ToMbuf(fragment), 1, &dropped));
        ASSERT_EQ(dropped, 0u);
      }
      ASSERT_EQ(result, frame) << size << " " << mtu;
      const auto l3 = std::span(result).subspan(14);
      EXPECT_EQ(v4() ? ReferenceChecksum(l3.first(20)) : 0, 0);
      EXPECT_EQ(
          ReferenceChecksum(l3.subspan(header_size()), testing::ReferencePseudoSum(l3, 17, size)),
          0);
    }
  }
}

TEST_P(FragmentationTest, WhatFitsIsCopiedWhole) {
  const Bytes frame = MakeFrame(Spec(), MakeUdp(GetParam(), 1280 - header_size(), 1));
  EXPECT_EQ(Cut(frame, 1280), std::vector<Bytes>{frame});
  EXPECT_EQ(Cut(frame, 1279).size(), 2u);
}

TEST_P(FragmentationTest, LinkPaddingIsLeftOut) {
  const Bytes frame = MakeFrame(Spec(), MakeUdp(GetParam(), 8, 1));
  Bytes padded = frame;
  padded.resize(frame.size() + 18, 0xee);
  EXPECT_EQ(Cut(padded, 1500), std::vector<Bytes>{frame});
}

TEST_P(FragmentationTest, DontFragmentComesOutClear) {
  if (!v4()) {
    const std::vector<Bytes> fragments = Cut(MakeFrame(Spec(), MakeUdp(GetParam(), 3000, 1)), 1500);
    for (const Bytes& fragment : fragments) EXPECT_EQ(fragment[14 + 40 + 1], 0);
    return;
  }
  Bytes frame = MakeFrame(Spec(), MakeUdp(GetParam(), 3000, 1));
  frame[14 + 6] |= 0x40;
  for (const Bytes& fragment : Cut(frame, 1500)) {
    EXPECT_EQ(fragment[14 + 6] & 0xc0, 0);
    EXPECT_EQ(ReferenceChecksum(std::span(fragment).subspan(14, 20)), 0);
  }
}

TEST_P(FragmentationTest, NothingWhenThereIsNoRoom) {
  const Bytes frame = MakeFrame(Spec(), MakeUdp(GetParam(), 3000, 1));
  EXPECT_EQ(Cut(frame, 1500, 2).size(), 0u);
  EXPECT_EQ(Cut(frame, 1500, 3).size(), 3u);
  EXPECT_EQ(Cut(frame, static_cast<uint16_t>(per_fragment() + 7)).size(), 0u);
  EXPECT_EQ(Cut(frame, static_cast<uint16_t>(per_fragment() + 8), 400).size(), 375u);
  EXPECT_EQ(Cut(frame, 0).size(), 0u);
}

TEST_P(FragmentationTest, NothingFromAnEmptyPool) {
  rte_mbuf* input = ToMbuf(MakeFrame(Spec(), MakeUdp(GetParam(), 3000, 1)));
  {
    EmptiedPool emptied(pool());
    std::array<rte_mbuf*, 8> out;
    EXPECT_EQ(FragmentFrame(input, 1500, 1, pool(), absl::MakeSpan(out)), 0u);
  }
  rte_pktmbuf_free(input);
}

TEST_P(FragmentationTest, LargeMtuIsLimitedByTheBuffers) {
  const Bytes frame = MakeFrame(Spec(), MakeUdp(GetParam(), 20000, 1));
  const std::vector<Bytes> fragments = Cut(frame, 9000);
  ASSERT_GT(fragments.size(), 9u);
  for (const Bytes& fragment : fragments) EXPECT_LE(fragment.size(), RTE_MBUF_DEFAULT_DATAROOM);
}

TEST_P(FragmentationTest, WhatThisRelayDoesNotMakeIsRefused) {
  const Bytes data = RandomBytes(3000, 1);
  std::vector<Bytes> frames = {testing::MakeFragment(Spec(), 0, true, data),
                               testing::MakeFragment(Spec(), 8, false, data), Bytes(13), Bytes(60)};
  PacketSpec spec = Spec();
  spec.options = {1, 0, 1, 4, 0, 0, 0, 0};
  for (uint8_t kind : {0, 43, 60}) {
    spec.options_protocol = kind;
    frames.push_back(MakeFrame(spec, data));
  }
  Bytes cut = MakeFrame(Spec(), data);
  cut.pop_back();
  frames.push_back(cut);
  for (size_t i = 0; i < frames.size(); ++i) EXPECT_EQ(Cut(frames[i], 1500).size(), 0u) << i;
}

}  // namespace
}  // namespace causeway

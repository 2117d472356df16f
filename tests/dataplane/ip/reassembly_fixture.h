// What the tests of reassembly have in common.
#pragma once

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include <memory>
#include <span>

#include "dataplane/ip/slow_path.h"
#include "tests/dataplane/ip/packets.h"

namespace causeway::testing {

class ReassemblyFixture : public PoolTest {
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

class ReassemblyFamilyFixture : public ReassemblyFixture,
                                public ::testing::WithParamInterface<Family> {
 protected:
  const PacketSpec spec_ = SpecFor(GetParam());
  const Bytes data_ = MakeUdp(GetParam(), 4000, 1);
  const Bytes whole_ = MakeFrame(spec_, data_);
};

}  // namespace causeway::testing

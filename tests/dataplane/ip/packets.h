// Packets and fragments for the tests of dataplane/ip, and mbufs to carry them.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>

#include "tests/dataplane/buffers.h"
#include "tests/dataplane/wire.h"

namespace causeway::testing {

using wire::Bytes;
using wire::ReferenceChecksum;

/// Sum of the pseudo-header of an IPv4 or IPv6 packet's data, `length` bytes.
uint32_t ReferencePseudoSum(std::span<const uint8_t> l3, uint8_t protocol, size_t length);

struct Ends {
  IpAddress source;
  IpAddress destination;
};
Ends DefaultEnds(Family family);

/// What stands in one IP packet.
struct PacketSpec {
  Family family = Family::kIpv4;
  Ends ends = DefaultEnds(Family::kIpv4);
  uint8_t protocol = 17;
  uint8_t ecn = 0;
  uint32_t identification = 0x1234;
  // Of a fragment; `fragment_header` adds one to IPv6.
  bool fragment_header = false;
  size_t offset = 0;
  bool more = false;
  Bytes options;  // IPv4 options, or IPv6 extension headers before the fragment header; these begin
  uint8_t options_protocol = 0;  // with their next header, which is filled in
};
PacketSpec SpecFor(Family family);
/// Ethernet frame of that packet with `data` after its headers.
Bytes MakeFrame(const PacketSpec& spec, std::span<const uint8_t> data);
/// As MakeFrame, as a fragment.
Bytes MakeFragment(PacketSpec spec, size_t offset, bool more, std::span<const uint8_t> data);

/// Names the instances of tests of both families.
inline std::string FamilyName(const ::testing::TestParamInfo<Family>& family) {
  return family.param == Family::kIpv4 ? "Ipv4" : "Ipv6";
}

/// `size` bytes that depend on `seed`.
Bytes RandomBytes(size_t size, uint32_t seed);
/// A UDP header with a right checksum, and random data; `size` counts both.
Bytes MakeUdp(Family family, size_t size, uint32_t seed);

/// Looks after the buffers of a test: all of them must be back after it.
class PoolTest : public ::testing::Test {
 public:
  static rte_mempool* pool() { return PacketPool(); }
  static rte_mempool* jumbo_pool() { return JumboPool(); }
  /// As ToBytes, and frees it; none of nullptr.
  static Bytes Take(rte_mbuf* mbuf);

 protected:
  void TearDown() override { ExpectNoLeak(); }
};

}  // namespace causeway::testing

// Frames made by hand for the tests of dataplane/ip, with arithmetic of their own, and mbufs to
// carry them.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "dataplane/address.h"

struct rte_mbuf;
struct rte_mempool;

namespace causeway::testing {

using Bytes = std::vector<uint8_t>;

/// The checksum field that makes `data` right, by RFC 1071's definition, 16 bits at a time; `start`
/// is a sum to begin with.
uint16_t ReferenceChecksum(std::span<const uint8_t> data, uint32_t start = 0);
/// Unfolded sum of an IPv4 or IPv6 packet's pseudo-header with the length of its data.
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

/// `size` bytes that depend on `seed`.
Bytes RandomBytes(size_t size, uint32_t seed);
/// A UDP header with a right checksum, and random data; `size` counts both.
Bytes MakeUdp(Family family, size_t size, uint32_t seed);

/// Pools that a test takes from, and a check after it that all buffers are back.
class PoolTest : public ::testing::Test {
 public:
  /// Made once per process, after EAL.
  static rte_mempool* pool();
  static rte_mempool* jumbo_pool();
  static constexpr unsigned kPoolSize = 2047;
  static constexpr unsigned kJumboPoolSize = 15;

  /// An mbuf that holds `frame`, from the pool where it fits.
  static rte_mbuf* ToMbuf(const Bytes& frame);
  static Bytes ToBytes(const rte_mbuf* mbuf);
  /// As ToBytes, and frees it.
  static Bytes Take(rte_mbuf* mbuf);

 protected:
  void TearDown() override;
};

/// Takes all buffers of a pool for a while.
class EmptiedPool {
 public:
  explicit EmptiedPool(rte_mempool* pool);
  ~EmptiedPool();

 private:
  std::vector<rte_mbuf*> held_;
};

}  // namespace causeway::testing

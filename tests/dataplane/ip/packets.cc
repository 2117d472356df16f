#include "tests/dataplane/ip/packets.h"

#include <rte_mbuf.h>

#include <random>

namespace causeway::testing {
namespace {

constexpr MacAddress kTo = {2, 0, 0, 0, 0, 1};
constexpr MacAddress kFrom = {2, 0, 0, 0, 0, 2};
constexpr uint8_t kTtl = 61;
constexpr uint32_t kFlowLabel = 7;

}  // namespace

uint32_t ReferencePseudoSum(std::span<const uint8_t> l3, uint8_t protocol, size_t length) {
  const bool v4 = l3[0] >> 4 == 4;
  const auto at = [&](size_t offset) {
    return v4 ? IpAddress::FromV4Bytes(&l3[offset]) : IpAddress::FromV6Bytes(&l3[offset]);
  };
  return v4 ? wire::ReferencePseudoSum(at(12), at(16), protocol, length)
            : wire::ReferencePseudoSum(at(8), at(24), protocol, length);
}

Ends DefaultEnds(Family family) {
  const bool v4 = family == Family::kIpv4;
  return {IpAddress::Parse(v4 ? "198.51.100.7" : "2001:db8:1::7").value(),
          IpAddress::Parse(v4 ? "203.0.113.5" : "2001:db8::5").value()};
}

PacketSpec SpecFor(Family family) {
  PacketSpec spec;
  spec.family = family;
  spec.ends = DefaultEnds(family);
  return spec;
}

Bytes MakeFrame(const PacketSpec& spec, std::span<const uint8_t> data) {
  wire::IpHeaders headers;
  headers.source = spec.ends.source;
  headers.destination = spec.ends.destination;
  headers.protocol = spec.protocol;
  headers.ttl = kTtl;
  headers.tos = spec.ecn;
  headers.flow_label = kFlowLabel;
  headers.id = spec.identification;
  headers.fragment_header = spec.fragment_header;
  headers.offset = spec.offset;
  headers.more = spec.more;
  headers.options = spec.options;
  if (!spec.options.empty()) headers.extensions = {{spec.options_protocol, spec.options}};
  return wire::Framed(kTo, kFrom, wire::Encode(headers, data));
}

Bytes MakeFragment(PacketSpec spec, size_t offset, bool more, std::span<const uint8_t> data) {
  spec.fragment_header = true;
  spec.offset = offset;
  spec.more = more;
  return MakeFrame(spec, data);
}

Bytes RandomBytes(size_t size, uint32_t seed) {
  std::minstd_rand random(seed + 1);
  Bytes bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() >> 8);
  return bytes;
}

Bytes MakeUdp(Family family, size_t size, uint32_t seed) {
  const Ends ends = DefaultEnds(family);
  const Bytes random = RandomBytes(size, seed);
  const auto port = [&](size_t at) {
    return static_cast<uint16_t>(random.at(at) << 8 | random.at(at + 1));
  };
  return wire::EncodeUdp({ends.source, port(0)}, {ends.destination, port(2)},
                         wire::Slice(random, 8, size));
}

Bytes PoolTest::Take(rte_mbuf* mbuf) {
  if (mbuf == nullptr) return {};
  EXPECT_EQ(mbuf->nb_segs, 1);
  Bytes bytes = ToBytes(mbuf);
  rte_pktmbuf_free(mbuf);
  return bytes;
}

}  // namespace causeway::testing

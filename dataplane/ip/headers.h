// IP headers as the slow path reads them: bounds-checked, from bytes that anyone may have sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataplane/byte_order.h"

struct rte_mbuf;

namespace causeway {

inline constexpr size_t kEthernetHeaderSize = 14;
inline constexpr size_t kIpv4HeaderSize = 20;
inline constexpr size_t kIpv6HeaderSize = 40;
inline constexpr size_t kIpv6FragmentHeaderSize = 8;
inline constexpr size_t kMaxIpPayload = 65535;

inline constexpr uint8_t kProtocolHopByHop = 0;
inline constexpr uint8_t kProtocolIcmp = 1;
inline constexpr uint8_t kProtocolTcp = 6;
inline constexpr uint8_t kProtocolUdp = 17;
inline constexpr uint8_t kProtocolRouting = 43;
inline constexpr uint8_t kProtocolFragment = 44;
inline constexpr uint8_t kProtocolIcmpV6 = 58;
inline constexpr uint8_t kProtocolNoNext = 59;
inline constexpr uint8_t kProtocolDestinationOptions = 60;

inline constexpr uint16_t kIpv4MoreFragments = 0x2000;
inline constexpr uint16_t kIpv4OffsetMask = 0x1fff;

/// An IP packet inside a frame. Points into the frame; `size` is what the IP header says, link
/// padding excluded.
struct IpPacket {
  const uint8_t* data;
  size_t size;
  bool is_v4;
  size_t header_size;  // IPv4 with its options, IPv6 without extension headers
};

/// The packet of a frame: version, EtherType and lengths agree, all within the one segment. nullopt
/// if not. The IPv4 header's checksum is not looked at.
std::optional<IpPacket> ParseIpPacket(const rte_mbuf* frame);

/// A place in an IPv6 header chain.
struct Ipv6ChainPlace {
  uint8_t next_header;  // what begins at `offset`
  size_t offset;        // from the packet's first byte
  size_t field;         // where the next-header field is that says so
};

/// Where an IPv6 packet's chain begins.
inline constexpr size_t kIpv6NextHeaderField = 6;

/// Goes past hop-by-hop options, routing headers and destination options, up to the first header of
/// another kind (a fragment header, too). nullopt when a header passed is cut by `size`.
std::optional<Ipv6ChainPlace> SkipIpv6Options(const uint8_t* packet, size_t size,
                                              Ipv6ChainPlace place);

/// Whether an IPv4 header's checksum is right.
bool Ipv4HeaderIsIntact(const uint8_t* header, size_t header_size);

/// Computes and stores an IPv4 header's checksum.
void FinishIpv4Header(uint8_t* header, size_t header_size);

}  // namespace causeway

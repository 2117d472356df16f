#include "dataplane/ip/fragment.h"

#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/ip/headers.h"

namespace causeway {
namespace {

// Bytes of an upper-layer header without which a first fragment tells nothing (RFC 7112, RFC 1858).
size_t UpperHeaderSize(uint8_t protocol) {
  switch (protocol) {
    case kProtocolTcp:
      return 20;
    case kProtocolUdp:
    case kProtocolIcmp:
    case kProtocolIcmpV6:
      return 8;
    default:
      return 0;
  }
}

// Sets what a piece of `size` bytes at `start` covers; false if it cannot be.
bool SetExtent(size_t start, size_t size, bool more, size_t limit, Fragment* fragment) {
  if (size == 0 || (more && size % 8 != 0) || start + size > limit) return false;
  fragment->start = static_cast<uint16_t>(start);
  fragment->end = static_cast<uint16_t>(start + size);
  fragment->more = more;
  return true;
}

FragmentKind ReadIpv4(const IpPacket& packet, Fragment* fragment) {
  const uint8_t* l3 = packet.data;
  if (!Ipv4HeaderIsIntact(l3, packet.header_size)) return FragmentKind::kBad;
  const uint16_t field = LoadBe16(l3 + 6);
  const size_t start = (field & kIpv4OffsetMask) * size_t{8};
  const bool more = (field & kIpv4MoreFragments) != 0;
  if (start == 0 && !more) return FragmentKind::kWhole;
  const size_t data = packet.size - packet.header_size;
  if (!SetExtent(start, data, more, kMaxIpPayload - packet.header_size, fragment)) {
    return FragmentKind::kBad;
  }
  if (start == 0 && data < UpperHeaderSize(l3[9])) return FragmentKind::kBad;
  fragment->key = {IpAddress::FromV4Bytes(l3 + 12), IpAddress::FromV4Bytes(l3 + 16),
                   LoadBe16(l3 + 4), l3[9]};
  fragment->ecn = l3[1] & 3;
  fragment->data_at = static_cast<uint16_t>(kEthernetHeaderSize + packet.header_size);
  fragment->front_size = static_cast<uint16_t>(packet.header_size);
  return FragmentKind::kFragment;
}

bool HasAllHeaders(const IpPacket& packet, const Ipv6ChainPlace& after_fragment) {
  const auto upper = SkipIpv6Options(packet.data, packet.size, after_fragment);
  return upper && upper->next_header != kProtocolFragment &&
         upper->offset + UpperHeaderSize(upper->next_header) <= packet.size;
}

FragmentKind ReadIpv6(const IpPacket& packet, Fragment* fragment) {
  const uint8_t* l3 = packet.data;
  const auto place = SkipIpv6Options(
      l3, packet.size, {l3[kIpv6NextHeaderField], kIpv6HeaderSize, kIpv6NextHeaderField});
  if (!place) return FragmentKind::kBad;
  if (place->next_header != kProtocolFragment) return FragmentKind::kWhole;
  const size_t data_at = place->offset + kIpv6FragmentHeaderSize;
  if (data_at > packet.size) return FragmentKind::kBad;
  const uint8_t* header = l3 + place->offset;
  const uint16_t field = LoadBe16(header + 2);
  const size_t start = field & 0xfff8;
  const bool more = (field & 1) != 0;
  fragment->key = {IpAddress::FromV6Bytes(l3 + 8), IpAddress::FromV6Bytes(l3 + 24),
                   LoadBe32(header + 4), kIpv6Datagram};
  fragment->ecn = l3[1] >> 4 & 3;
  fragment->data_at = static_cast<uint16_t>(kEthernetHeaderSize + data_at);
  fragment->front_size = static_cast<uint16_t>(place->offset);
  fragment->next_header_field = static_cast<uint16_t>(place->field);
  fragment->next_header = header[0];
  if (start == 0 && !HasAllHeaders(packet, {header[0], data_at, place->offset})) {
    return FragmentKind::kBad;
  }
  if (start == 0 && !more) return FragmentKind::kAtomic;
  const size_t limit = kMaxIpPayload - (place->offset - kIpv6HeaderSize);
  if (!SetExtent(start, packet.size - data_at, more, limit, fragment)) return FragmentKind::kBad;
  return FragmentKind::kFragment;
}

}  // namespace

FragmentKind ReadFragment(const rte_mbuf* frame, Fragment* fragment) {
  const auto packet = ParseIpPacket(frame);
  if (!packet) return FragmentKind::kBad;
  return packet->is_v4 ? ReadIpv4(*packet, fragment) : ReadIpv6(*packet, fragment);
}

void RemoveFragmentHeader(rte_mbuf* frame, const Fragment& fragment) {
  auto* bytes = rte_pktmbuf_mtod(frame, uint8_t*);
  uint8_t* l3 = bytes + kEthernetHeaderSize;
  l3[fragment.next_header_field] = fragment.next_header;
  StoreBe16(l3 + 4, LoadBe16(l3 + 4) - kIpv6FragmentHeaderSize);
  std::memmove(bytes + kIpv6FragmentHeaderSize, bytes, kEthernetHeaderSize + fragment.front_size);
  rte_pktmbuf_adj(frame, kIpv6FragmentHeaderSize);
}

}  // namespace causeway

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

#include "dataplane/ip/checksum.h"
#include "dataplane/ip/headers.h"
#include "dataplane/ip/slow_path.h"

namespace causeway {
namespace {

constexpr size_t kIcmpHeaderSize = 8;
constexpr size_t kIcmpV4Limit = 576;
constexpr size_t kIcmpV6Limit = 1280;
constexpr uint8_t kHopLimit = 64;

bool IsGroupMac(const uint8_t* mac) { return (mac[0] & 1) != 0; }

bool IsIcmpV4Query(uint8_t type) {
  return type == 0 || type == 8 || type == 9 || type == 10 || (type >= 13 && type <= 18);
}

bool MayAnswerV4(const IpPacket& packet) {
  const uint8_t* l3 = packet.data;
  const uint8_t source = l3[12];
  const uint8_t destination = l3[16];
  if (source == 0 || source == 127 || source >= 224 || destination >= 224) return false;
  if ((LoadBe16(l3 + 6) & kIpv4OffsetMask) != 0) return false;
  if (l3[9] != kProtocolIcmp) return true;
  return packet.size > packet.header_size && IsIcmpV4Query(l3[packet.header_size]);
}

bool MayAnswerV6(const IpPacket& packet) {
  const uint8_t* l3 = packet.data;
  static constexpr uint8_t kZeros[15] = {};
  const bool unspecified_or_loopback = std::memcmp(l3 + 8, kZeros, 15) == 0 && l3[23] <= 1;
  if (unspecified_or_loopback || l3[8] == 0xff || l3[24] == 0xff) return false;
  auto place = SkipIpv6Options(l3, packet.size,
                               {l3[kIpv6NextHeaderField], kIpv6HeaderSize, kIpv6NextHeaderField});
  if (place && place->next_header == kProtocolFragment) {
    const size_t after = place->offset + kIpv6FragmentHeaderSize;
    if (after > packet.size || (LoadBe16(l3 + place->offset + 2) & 0xfff8) != 0) return false;
    place = SkipIpv6Options(l3, packet.size, {l3[place->offset], after, place->offset});
  }
  if (!place) return false;
  if (place->next_header != kProtocolIcmpV6) return true;
  if (place->offset >= packet.size) return false;
  constexpr uint8_t kFirstInformational = 128;
  constexpr uint8_t kRedirect = 137;
  return l3[place->offset] >= kFirstInformational && l3[place->offset] != kRedirect;
}

void WriteEthernet(const uint8_t* offending, uint8_t* out) {
  std::memcpy(out, offending + 6, 6);
  std::memcpy(out + 6, offending, 6);
  std::memcpy(out + 12, offending + 12, 2);
}

// The rest of an ICMP message whose quote is in place.
void WriteIcmpHeader(uint8_t type, uint8_t code, uint32_t data, uint8_t* icmp) {
  icmp[0] = type;
  icmp[1] = code;
  StoreBe16(icmp + 2, 0);
  StoreBe32(icmp + 4, data);
}

void StoreChecksum(ChecksumSum sum, uint8_t* icmp) {
  const auto field = static_cast<uint16_t>(~FoldChecksum(sum));
  std::memcpy(icmp + 2, &field, 2);
}

void WriteIpv4(IcmpKind kind, const IpPacket& packet, const IpAddress& source, uint16_t mtu,
               size_t icmp_size, uint8_t* l3) {
  std::memset(l3, 0, kIpv4HeaderSize);
  l3[0] = 0x45;
  l3[1] = 0xc0;  // internetwork control (RFC 1812 section 4.3.2.5)
  StoreBe16(l3 + 2, kIpv4HeaderSize + icmp_size);
  l3[8] = kHopLimit;
  l3[9] = kProtocolIcmp;
  std::memcpy(l3 + 12, source.v4_bytes(), 4);
  std::memcpy(l3 + 16, packet.data + 12, 4);
  FinishIpv4Header(l3, kIpv4HeaderSize);
  uint8_t* icmp = l3 + kIpv4HeaderSize;
  kind == IcmpKind::kPacketTooBig ? WriteIcmpHeader(3, 4, mtu, icmp)
                                  : WriteIcmpHeader(11, 0, 0, icmp);
  StoreChecksum(SumBytes(icmp, icmp_size), icmp);
}

void WriteIpv6(IcmpKind kind, const IpPacket& packet, const IpAddress& source, uint16_t mtu,
               size_t icmp_size, uint8_t* l3) {
  std::memset(l3, 0, kIpv6HeaderSize);
  l3[0] = 0x60;
  StoreBe16(l3 + 4, icmp_size);
  l3[6] = kProtocolIcmpV6;
  l3[7] = kHopLimit;
  std::memcpy(l3 + 8, source.bytes(), 16);
  std::memcpy(l3 + 24, packet.data + 8, 16);
  uint8_t* icmp = l3 + kIpv6HeaderSize;
  kind == IcmpKind::kPacketTooBig ? WriteIcmpHeader(2, 0, mtu, icmp)
                                  : WriteIcmpHeader(3, 0, 0, icmp);
  StoreChecksum(SumPseudoHeaderV6(l3 + 8, kProtocolIcmpV6, icmp_size) + SumBytes(icmp, icmp_size),
                icmp);
}

}  // namespace

rte_mbuf* MakeIcmpError(IcmpKind kind, const rte_mbuf* offending, const IpAddress& source,
                        uint16_t mtu, rte_mempool* pool) {
  const auto packet = ParseIpPacket(offending);
  if (!packet || packet->is_v4 != source.IsV4()) return nullptr;
  const uint8_t* received = packet->data - kEthernetHeaderSize;
  if (IsGroupMac(received) || IsGroupMac(received + 6)) return nullptr;
  if (!(packet->is_v4 ? MayAnswerV4(*packet) : MayAnswerV6(*packet))) return nullptr;

  const size_t header_size = packet->is_v4 ? kIpv4HeaderSize : kIpv6HeaderSize;
  const size_t limit = packet->is_v4 ? kIcmpV4Limit : kIcmpV6Limit;
  const size_t quoted = std::min(packet->size, limit - header_size - kIcmpHeaderSize);
  const size_t front = kEthernetHeaderSize + header_size + kIcmpHeaderSize;
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool);
  if (mbuf == nullptr) return nullptr;
  auto* bytes =
      reinterpret_cast<uint8_t*>(rte_pktmbuf_append(mbuf, static_cast<uint16_t>(front + quoted)));
  if (bytes == nullptr) {
    rte_pktmbuf_free(mbuf);
    return nullptr;
  }
  mbuf->port = offending->port;
  WriteEthernet(received, bytes);
  std::memcpy(bytes + front, packet->data, quoted);
  const auto write = packet->is_v4 ? WriteIpv4 : WriteIpv6;
  write(kind, *packet, source, mtu, kIcmpHeaderSize + quoted, bytes + kEthernetHeaderSize);
  return mbuf;
}

}  // namespace causeway

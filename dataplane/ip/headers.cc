#include "dataplane/ip/headers.h"

#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/ip/checksum.h"

namespace causeway {
namespace {

std::optional<IpPacket> ParseIpv4(const uint8_t* l3, size_t room) {
  if (room < kIpv4HeaderSize || l3[0] >> 4 != 4) return std::nullopt;
  const size_t header_size = (l3[0] & 0xf) * size_t{4};
  const size_t size = LoadBe16(l3 + 2);
  if (header_size < kIpv4HeaderSize || size < header_size || size > room) return std::nullopt;
  return IpPacket{l3, size, true, header_size};
}

std::optional<IpPacket> ParseIpv6(const uint8_t* l3, size_t room) {
  if (room < kIpv6HeaderSize || l3[0] >> 4 != 6) return std::nullopt;
  const size_t size = kIpv6HeaderSize + LoadBe16(l3 + 4);
  if (size > room) return std::nullopt;
  return IpPacket{l3, size, false, kIpv6HeaderSize};
}

}  // namespace

std::optional<IpPacket> ParseIpPacket(const rte_mbuf* frame) {
  if (frame->nb_segs != 1 || frame->data_len < kEthernetHeaderSize) return std::nullopt;
  const auto* bytes = rte_pktmbuf_mtod(frame, const uint8_t*);
  const size_t room = frame->data_len - kEthernetHeaderSize;
  switch (LoadBe16(bytes + 12)) {
    case 0x0800:
      return ParseIpv4(bytes + kEthernetHeaderSize, room);
    case 0x86dd:
      return ParseIpv6(bytes + kEthernetHeaderSize, room);
    default:
      return std::nullopt;
  }
}

std::optional<Ipv6ChainPlace> SkipIpv6Options(const uint8_t* packet, size_t size,
                                              Ipv6ChainPlace place) {
  while (place.next_header == kProtocolHopByHop || place.next_header == kProtocolRouting ||
         place.next_header == kProtocolDestinationOptions) {
    if (place.offset + 8 > size) return std::nullopt;
    const size_t length = (packet[place.offset + 1] + size_t{1}) * 8;
    if (place.offset + length > size) return std::nullopt;
    place = {packet[place.offset], place.offset + length, place.offset};
  }
  return place;
}

bool Ipv4HeaderIsIntact(const uint8_t* header, size_t header_size) {
  return FoldChecksum(SumBytes(header, header_size)) == 0xffff;
}

void FinishIpv4Header(uint8_t* header, size_t header_size) {
  header[10] = 0;
  header[11] = 0;
  const auto field = static_cast<uint16_t>(~FoldChecksum(SumBytes(header, header_size)));
  std::memcpy(header + 10, &field, 2);
}

}  // namespace causeway

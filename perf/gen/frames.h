// Ethernet frames with UDP over IPv4 or IPv6: written, and read without options and extension
// headers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/address.h"
#include "dataplane/ip/headers.h"

namespace causeway::gen {

inline constexpr size_t kUdpHeaderSize = 8;

struct MacPair {
  MacAddress source;
  MacAddress destination;
};

/// Bytes before the UDP payload of a frame.
constexpr size_t HeadersSize(Family family) {
  return kEthernetHeaderSize + (family == Family::kIpv4 ? kIpv4HeaderSize : kIpv6HeaderSize) +
         kUdpHeaderSize;
}

/// Writes the headers in front of a payload that is in its place already (HeadersSize of the
/// addresses' family bytes after `frame`), all checksums complete. Returns the frame's size.
size_t WriteHeaders(uint8_t* frame, const MacPair& macs, const Endpoint& source,
                    const Endpoint& destination, size_t payload_size);

/// A UDP datagram inside a frame, which the pointers point into.
struct UdpView {
  const uint8_t* ip;
  const uint8_t* udp;
  const uint8_t* payload;
  uint16_t payload_size;
  bool is_v4;

  uint16_t source_port() const { return LoadBe16(udp); }
  uint16_t destination_port() const { return LoadBe16(udp + 2); }
  IpAddress source() const;
  IpAddress destination() const;
};

/// False for all that is no whole UDP datagram, for fragments, options and extension headers.
/// Checksums are not looked at.
inline bool ReadUdp(const uint8_t* frame, size_t size, UdpView& view) {
  if (size < kEthernetHeaderSize + kIpv4HeaderSize + kUdpHeaderSize) return false;
  const uint16_t type = LoadBe16(frame + 12);
  view.ip = frame + kEthernetHeaderSize;
  if (type == 0x0800) [[likely]] {
    const bool fragment = (LoadBe16(view.ip + 6) & (kIpv4MoreFragments | kIpv4OffsetMask)) != 0;
    if (view.ip[0] != 0x45 || view.ip[9] != kProtocolUdp || fragment) return false;
    view.udp = view.ip + kIpv4HeaderSize;
    view.is_v4 = true;
  } else if (type == 0x86dd) {
    if (view.ip[0] >> 4 != 6 || view.ip[6] != kProtocolUdp ||
        size < kEthernetHeaderSize + kIpv6HeaderSize + kUdpHeaderSize) {
      return false;
    }
    view.udp = view.ip + kIpv6HeaderSize;
    view.is_v4 = false;
  } else {
    return false;
  }
  const uint16_t length = LoadBe16(view.udp + 4);
  if (length < kUdpHeaderSize || view.udp + length > frame + size) return false;
  view.payload = view.udp + kUdpHeaderSize;
  view.payload_size = static_cast<uint16_t>(length - kUdpHeaderSize);
  return true;
}

/// Whether the IPv4 header's and the UDP checksum are right. A UDP checksum of zero is right with
/// IPv4 only. `partial`: a sum over the pseudo-header alone is right as well, as kernels leave it
/// to hardware.
bool ChecksumsAreRight(const UdpView& view, bool partial);

}  // namespace causeway::gen

#include "perf/core/bench_frames.h"

#include <cstring>

#include "dataplane/byte_order.h"
#include "dataplane/ip/checksum.h"
#include "dataplane/ip/headers.h"

namespace causeway::bench {
namespace {

constexpr unsigned kUdpHeader = 8;
constexpr unsigned kChannelHeader = 4;
constexpr unsigned kSendHeader = 36;  // up to the value of DATA
constexpr uint32_t kMagicCookie = 0x2112A442;

unsigned WriteSendHeader(const Endpoint& peer, uint8_t* p) {
  std::memset(p, 7, kSendHeader);
  StoreBe16(p, 0x0016);
  StoreBe16(p + 2, 12 + 4 + kPayload);
  StoreBe32(p + 4, kMagicCookie);
  StoreBe32(p + 20, 0x00120008);
  StoreBe16(p + 24, 1);
  StoreBe16(p + 26, peer.port ^ kMagicCookie >> 16);
  StoreBe32(p + 28, peer.address.v4() ^ kMagicCookie);
  StoreBe32(p + 32, 0x00130000 | kPayload);
  return kSendHeader;
}

// What comes before the data; returns its size.
unsigned WritePrefix(const Datagram& datagram, const Parties& parties, uint8_t* p) {
  if (datagram.direction == Direction::kToClient) return 0;
  if (datagram.form == Form::kIndication) {
    return WriteSendHeader(parties.peers[datagram.channel], p);
  }
  StoreBe16(p, kFirstChannel + datagram.channel);
  StoreBe16(p + 2, kPayload);
  return kChannelHeader;
}

// Returns the sum of the pseudo-header.
ChecksumSum WriteIpv4(const IpAddress& from, const IpAddress& to, unsigned udp_size, uint8_t* ip) {
  StoreBe32(ip, 0x45000000 | (kIpv4HeaderSize + udp_size));
  StoreBe32(ip + 4, 0x4000);
  StoreBe32(ip + 8, 64u << 24 | uint32_t{kProtocolUdp} << 16);
  std::memcpy(ip + 12, from.v4_bytes(), 4);
  std::memcpy(ip + 16, to.v4_bytes(), 4);
  FinishIpv4Header(ip, kIpv4HeaderSize);
  return SumPseudoHeaderV4(ip + 12, kProtocolUdp, udp_size);
}

ChecksumSum WriteIpv6(const IpAddress& from, const IpAddress& to, unsigned udp_size, uint8_t* ip) {
  StoreBe32(ip, 0x60000000);
  StoreBe16(ip + 4, udp_size);
  ip[6] = kProtocolUdp;
  ip[7] = 64;
  std::memcpy(ip + 8, from.bytes(), 16);
  std::memcpy(ip + 24, to.bytes(), 16);
  return SumPseudoHeaderV6(ip + 8, kProtocolUdp, udp_size);
}

}  // namespace

unsigned WriteFrame(const Datagram& datagram, const Parties& parties, uint8_t* frame) {
  const bool to_peer = datagram.direction == Direction::kToPeer;
  const Endpoint& from = to_peer ? parties.client : parties.peers[datagram.channel];
  const Endpoint& to = to_peer ? parties.server : parties.relay;
  const bool v4 = from.address.IsV4();
  uint8_t* ip = frame + kEthernetHeaderSize;
  uint8_t* udp = ip + (v4 ? kIpv4HeaderSize : kIpv6HeaderSize);
  std::memset(frame, 2, 12);
  StoreBe16(frame + 12, v4 ? 0x0800 : 0x86dd);
  const unsigned size = kUdpHeader + WritePrefix(datagram, parties, udp + kUdpHeader) + kPayload;
  StoreBe16(udp, from.port);
  StoreBe16(udp + 2, to.port);
  StoreBe16(udp + 4, size);
  StoreBe16(udp + 6, 0);
  const ChecksumSum pseudo = v4 ? WriteIpv4(from.address, to.address, size, ip)
                                : WriteIpv6(from.address, to.address, size, ip);
  if (datagram.checksum) {
    const uint16_t check = UdpChecksumField(pseudo + SumBytes(udp, size));
    std::memcpy(udp + 6, &check, 2);
  }
  return static_cast<unsigned>(udp + size - frame);
}

}  // namespace causeway::bench

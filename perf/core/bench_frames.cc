#include "perf/core/bench_frames.h"

#include <cstring>

#include "dataplane/ip/checksum.h"
#include "dataplane/ip/headers.h"

namespace causeway::bench {
namespace {

constexpr unsigned kIpAt = kEthernetHeaderSize;
constexpr unsigned kUdpAt = kIpAt + kIpv4HeaderSize;
constexpr unsigned kDataAt = kUdpAt + 8;

unsigned WritePayload(Way way, uint8_t* p, uint32_t i) {
  if (way == kChannelToPeer) {
    StoreBe16(p, kChannel);
    StoreBe16(p + 2, kPayload);
    return kPayload + 4;
  }
  if (way != kSendToPeer) return kPayload;
  std::memset(p, 7, 36);
  StoreBe16(p, 0x0016);
  StoreBe16(p + 2, 12 + 4 + kPayload);
  StoreBe32(p + 4, 0x2112A442);
  StoreBe32(p + 20, 0x00120008);
  StoreBe16(p + 24, 1);
  StoreBe16(p + 26, kPeerPort ^ 0x2112);
  StoreBe32(p + 28, PeerOf(i).v4() ^ 0x2112A442);
  StoreBe32(p + 32, 0x00130000 | kPayload);
  return kPayload + 36;
}

}  // namespace

unsigned WriteFrame(Way way, uint32_t i, uint8_t* frame) {
  const bool from_client = way == kChannelToPeer || way == kSendToPeer;
  std::memset(frame, 2, kDataAt);
  StoreBe16(frame + 12, 0x0800);
  const unsigned size = WritePayload(way, frame + kDataAt, i);
  uint8_t* ip = frame + kIpAt;
  StoreBe32(ip, 0x45000000 | (size + kDataAt - kIpAt));
  StoreBe32(ip + 4, 0x4000);
  StoreBe32(ip + 8, 64u << 24 | 17u << 16);
  const RelayPort relay = RelayOf(i);
  const IpAddress source = from_client ? ClientOf(i) : PeerOf(i);
  const IpAddress destination = from_client ? ServerAddress() : RelayAddress(relay.address_index);
  std::memcpy(ip + 12, source.v4_bytes(), 4);
  std::memcpy(ip + 16, destination.v4_bytes(), 4);
  FinishIpv4Header(ip, kIpv4HeaderSize);
  uint8_t* udp = frame + kUdpAt;
  StoreBe16(udp, from_client ? kClientPort : kPeerPort);
  StoreBe16(udp + 2, from_client ? 3478 : relay.port);
  StoreBe16(udp + 4, size + 8);
  StoreBe16(udp + 6, 0);
  const uint16_t check = UdpChecksumField(SumPseudoHeaderV4(ip + 12, kProtocolUdp, size + 8) +
                                          SumBytes(udp, size + 8));
  std::memcpy(udp + 6, &check, 2);
  return kDataAt + size;
}

}  // namespace causeway::bench

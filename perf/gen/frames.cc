#include "perf/gen/frames.h"

#include <algorithm>
#include <cstring>

#include "dataplane/ip/checksum.h"

namespace causeway::gen {
namespace {

constexpr uint8_t kHopLimit = 64;

ChecksumSum PseudoHeaderSum(const uint8_t* ip, bool is_v4, size_t udp_length) {
  return is_v4 ? SumPseudoHeaderV4(ip + 12, kProtocolUdp, udp_length)
               : SumPseudoHeaderV6(ip + 8, kProtocolUdp, udp_length);
}

void WriteIp(uint8_t* ip, const IpAddress& source, const IpAddress& destination,
             size_t udp_length) {
  if (source.IsV4()) {
    std::memset(ip, 0, kIpv4HeaderSize);
    ip[0] = 0x45;
    StoreBe16(ip + 2, kIpv4HeaderSize + udp_length);
    ip[6] = 0x40;  // do not fragment
    ip[8] = kHopLimit;
    ip[9] = kProtocolUdp;
    std::memcpy(ip + 12, source.v4_bytes(), 4);
    std::memcpy(ip + 16, destination.v4_bytes(), 4);
    FinishIpv4Header(ip, kIpv4HeaderSize);
    return;
  }
  std::memset(ip, 0, kIpv6HeaderSize);
  ip[0] = 0x60;
  StoreBe16(ip + 4, udp_length);
  ip[6] = kProtocolUdp;
  ip[7] = kHopLimit;
  std::memcpy(ip + 8, source.bytes(), 16);
  std::memcpy(ip + 24, destination.bytes(), 16);
}

}  // namespace

size_t WriteHeaders(uint8_t* frame, const MacPair& macs, const Endpoint& source,
                    const Endpoint& destination, size_t payload_size) {
  const bool is_v4 = source.address.IsV4();
  const size_t udp_length = kUdpHeaderSize + payload_size;
  std::copy(macs.destination.begin(), macs.destination.end(), frame);
  std::copy(macs.source.begin(), macs.source.end(), frame + 6);
  StoreBe16(frame + 12, is_v4 ? 0x0800 : 0x86dd);
  uint8_t* ip = frame + kEthernetHeaderSize;
  WriteIp(ip, source.address, destination.address, udp_length);
  uint8_t* udp = ip + (is_v4 ? kIpv4HeaderSize : kIpv6HeaderSize);
  StoreBe16(udp, source.port);
  StoreBe16(udp + 2, destination.port);
  StoreBe16(udp + 4, udp_length);
  StoreBe16(udp + 6, 0);
  const uint16_t checksum =
      UdpChecksumField(PseudoHeaderSum(ip, is_v4, udp_length) + SumBytes(udp, udp_length));
  std::memcpy(udp + 6, &checksum, 2);
  return HeadersSize(source.address.family()) + payload_size;
}

IpAddress UdpView::source() const {
  return is_v4 ? IpAddress::FromV4Bytes(ip + 12) : IpAddress::FromV6Bytes(ip + 8);
}

IpAddress UdpView::destination() const {
  return is_v4 ? IpAddress::FromV4Bytes(ip + 16) : IpAddress::FromV6Bytes(ip + 24);
}

bool ChecksumsAreRight(const UdpView& view, bool partial) {
  if (view.is_v4 && !Ipv4HeaderIsIntact(view.ip, kIpv4HeaderSize)) return false;
  const size_t length = kUdpHeaderSize + view.payload_size;
  uint16_t field;
  std::memcpy(&field, view.udp + 6, 2);
  if (field == 0) return view.is_v4;
  const ChecksumSum pseudo = PseudoHeaderSum(view.ip, view.is_v4, length);
  if (partial && field == FoldChecksum(pseudo)) return true;
  return FoldChecksum(pseudo + SumBytes(view.udp, length)) == 0xffff;
}

}  // namespace causeway::gen

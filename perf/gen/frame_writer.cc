#include "perf/gen/frame_writer.h"

#include <rte_memcpy.h>

#include <algorithm>
#include <cstring>

#include "control/stun/types.h"
#include "dataplane/byte_order.h"
#include "perf/gen/profile.h"
#include "perf/gen/turn_client.h"

namespace causeway::gen {
namespace {

constexpr size_t kStampSize = sizeof(Stamp);
constexpr uint16_t kSendIndication = 0x0016;
constexpr uint8_t kSendTransaction[12] = {'c', 'a', 'u', 's', 'e', 'w',
                                          'a', 'y', '-', 'g', 'e', 'n'};

uint16_t Swapped(size_t value) { return __builtin_bswap16(static_cast<uint16_t>(value)); }

void Store(uint8_t* at, uint16_t network_order) { std::memcpy(at, &network_order, 2); }

ChecksumSum SumStamp(const uint8_t* stamp) {
  ChecksumSum sum = 0;
  for (size_t at = 0; at < kStampSize; at += 4) {
    uint32_t word;
    std::memcpy(&word, stamp + at, 4);
    sum += word;
  }
  return sum;
}

}  // namespace

FrameWriter::FrameWriter(Direction direction, Encapsulation encapsulation, const MacPair& macs,
                         const Endpoint& server, Family from, Family peer, uint16_t largest)
    : direction_(direction),
      encapsulation_(encapsulation),
      from_v4_(from == Family::kIpv4),
      peer_v4_(peer == Family::kIpv4),
      server_port_(Swapped(server.port)),
      filler_(largest),
      filler_sums_(largest + size_t{1}) {
  std::copy_n(server.address.bytes(), 16, server_);
  const Endpoint nobody = {from_v4_ ? IpAddress::V4(0) : IpAddress(), 0};
  uint8_t frame[kHeadersRoom + 2] = {};
  WriteHeaders(frame, macs, nobody, nobody, 0);
  std::copy_n(frame, HeadersSize(from), headers_);
  if (from_v4_) {
    uint8_t* ip = headers_ + kEthernetHeaderSize;
    Store(ip + 2, 0);
    Store(ip + 10, 0);
    ip_sum_ = SumBytes(ip, kIpv4HeaderSize);
  }
  for (size_t i = 0; i < filler_.size(); ++i) filler_[i] = static_cast<uint8_t>(i * 7);
  for (size_t size = kStampSize; size <= largest; ++size) {
    filler_sums_[size] = FoldChecksum(SumBytes(filler_.data() + kStampSize, size - kStampSize));
  }
}

template <bool is_v4>
uint16_t FrameWriter::WriteAs(uint8_t* frame, Flow& flow, uint32_t number, uint16_t phase,
                              uint16_t payload_size, uint64_t tsc) const {
  constexpr size_t kAddress = is_v4 ? 4 : 16;
  constexpr size_t kSkipped = 16 - kAddress;
  constexpr size_t kUdpAt = kEthernetHeaderSize + (is_v4 ? kIpv4HeaderSize : kIpv6HeaderSize);
  constexpr size_t kSourceAt = kEthernetHeaderSize + (is_v4 ? 12 : 8);
  const bool to_peer = direction_ == Direction::kToPeer;
  std::memcpy(frame, headers_, kHeadersRoom);
  uint8_t* payload = frame + kUdpAt + kUdpHeaderSize;
  const size_t prefix = WriteEncapsulation(payload, flow, payload_size);
  ChecksumSum sum = prefix == 4 ? SumAddressV4(payload) : SumBytes(payload, prefix);
  payload += prefix;
  WriteStamp(payload, number, phase, direction_, flow.sequence[static_cast<int>(direction_)]++,
             tsc);
  rte_memcpy(payload + kStampSize, filler_.data() + kStampSize, payload_size - kStampSize);
  size_t udp_length = kUdpHeaderSize + prefix + payload_size;
  if (encapsulation_ == Encapsulation::kSend) {
    const size_t padding = -payload_size & 3u;
    std::memset(payload + payload_size, 0, padding);
    udp_length += padding;
  }
  std::memcpy(frame + kSourceAt, (to_peer ? flow.client : flow.peer) + kSkipped, kAddress);
  std::memcpy(frame + kSourceAt + kAddress, (to_peer ? server_ : flow.relayed) + kSkipped,
              kAddress);
  const ChecksumSum addresses =
      is_v4 ? SumAddressV4(frame + kSourceAt) + SumAddressV4(frame + kSourceAt + 4)
            : SumAddressV6(frame + kSourceAt) + SumAddressV6(frame + kSourceAt + 16);
  const uint16_t source_port = to_peer ? flow.client_port : flow.peer_port;
  const uint16_t destination_port = to_peer ? server_port_ : flow.relayed_port;
  const uint16_t length = Swapped(udp_length);
  uint8_t* ip = frame + kEthernetHeaderSize;
  if constexpr (is_v4) {
    const uint16_t total = Swapped(kIpv4HeaderSize + udp_length);
    Store(ip + 2, total);
    Store(ip + 10, static_cast<uint16_t>(~FoldChecksum(ip_sum_ + addresses + total)));
  } else {
    Store(ip + 4, length);
  }
  uint8_t* udp = frame + kUdpAt;
  Store(udp, source_port);
  Store(udp + 2, destination_port);
  Store(udp + 4, length);
  sum += addresses + (uint64_t{kProtocolUdp} << 8) + 2 * uint64_t{length} + source_port +
         destination_port + SumStamp(payload) + filler_sums_[payload_size];
  Store(udp + 6, UdpChecksumField(sum));
  return static_cast<uint16_t>(kUdpAt + udp_length);
}

// What stands between the UDP header and the payload; its size is even.
size_t FrameWriter::WriteEncapsulation(uint8_t* at, const Flow& flow, uint16_t payload_size) const {
  if (encapsulation_ == Encapsulation::kNone) return 0;
  if (encapsulation_ == Encapsulation::kChannelData) {
    StoreBe32(at, uint32_t{kChannel} << 16 | payload_size);
    return 4;
  }
  const size_t address = peer_v4_ ? 4 : 16;
  const size_t prefix = stun::kHeaderSize + 8 + address + 4;
  StoreBe16(at, kSendIndication);
  StoreBe16(at + 2, static_cast<uint16_t>(prefix - stun::kHeaderSize +
                                          ((payload_size + size_t{3}) & ~size_t{3})));
  StoreBe32(at + 4, stun::kMagicCookie);
  std::copy_n(kSendTransaction, 12, at + 8);
  uint8_t* attribute = at + stun::kHeaderSize;
  StoreBe16(attribute, static_cast<uint16_t>(stun::Attribute::kXorPeerAddress));
  StoreBe16(attribute + 2, static_cast<uint16_t>(4 + address));
  attribute[4] = 0;
  attribute[5] = peer_v4_ ? 1 : 2;
  StoreBe16(attribute + 6,
            Swapped(flow.peer_port) ^ static_cast<uint16_t>(stun::kMagicCookie >> 16));
  for (size_t i = 0; i < address; ++i) attribute[8 + i] = flow.peer[16 - address + i] ^ at[4 + i];
  StoreBe16(attribute + 8 + address, static_cast<uint16_t>(stun::Attribute::kData));
  StoreBe16(attribute + 10 + address, payload_size);
  return prefix;
}

template uint16_t FrameWriter::WriteAs<true>(uint8_t*, Flow&, uint32_t, uint16_t, uint16_t,
                                             uint64_t) const;
template uint16_t FrameWriter::WriteAs<false>(uint8_t*, Flow&, uint32_t, uint16_t, uint16_t,
                                              uint64_t) const;

}  // namespace causeway::gen

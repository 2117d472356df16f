// The way out: headers are written in front of the payload, where the old ones were.
#pragma once

#include <cstring>

#include "dataplane/ip/headers.h"
#include "dataplane/shard/header_rules.h"
#include "dataplane/shard/state.h"

namespace causeway {

inline constexpr unsigned kUdpHeaderSize = 8;
inline constexpr uint8_t kDefaultTtl = 64;

/// One UDP datagram's addresses. Ports are in host order.
struct Leg {
  IpAddress source;
  IpAddress destination;
  uint16_t source_port;
  uint16_t destination_port;
};

/// The IP and UDP header fields that are not addresses.
struct HeaderFields {
  uint16_t udp_length;
  uint16_t check;  // as in memory
  uint8_t tos;
  uint8_t ttl;
  bool dont_fragment;       // IPv4
  uint16_t identification;  // IPv4
};

/// Sum of what an outgoing UDP checksum covers beside payload and protocol number.
template <bool kV6>
inline ChecksumSum SumLeg(const Leg& leg, uint16_t udp_length) {
  const ChecksumSum rest = ChecksumSum{__builtin_bswap16(udp_length)} * 2 +
                           __builtin_bswap16(leg.source_port) +
                           __builtin_bswap16(leg.destination_port);
  if constexpr (kV6) {
    return rest + SumAddressV6(leg.source.bytes()) + SumAddressV6(leg.destination.bytes());
  }
  return rest + SumAddressV4(leg.source.v4_bytes()) + SumAddressV4(leg.destination.v4_bytes());
}

inline constexpr uint16_t kUdpProtocolWord = __builtin_bswap16(17);

/// Writes IP and UDP headers that end at `payload`; returns where IP begins.
template <bool kV6>
inline uint8_t* WriteHeaders(uint8_t* payload, const Leg& leg, const HeaderFields& fields) {
  uint8_t* udp = payload - kUdpHeaderSize;
  StoreBe16(udp, leg.source_port);
  StoreBe16(udp + 2, leg.destination_port);
  StoreBe16(udp + 4, fields.udp_length);
  std::memcpy(udp + 6, &fields.check, 2);
  if constexpr (kV6) {
    uint8_t* ip = udp - kIpv6HeaderSize;
    const uint32_t first = __builtin_bswap32(0x60000000u | uint32_t{fields.tos} << 20);
    std::memcpy(ip, &first, 4);
    StoreBe16(ip + 4, fields.udp_length);
    ip[6] = kProtocolUdp;
    ip[7] = fields.ttl;
    std::memcpy(ip + 8, leg.source.bytes(), 16);
    std::memcpy(ip + 24, leg.destination.bytes(), 16);
    return ip;
  }
  uint8_t* ip = udp - kIpv4HeaderSize;
  const auto total = static_cast<uint16_t>(fields.udp_length + kIpv4HeaderSize);
  const uint32_t words[3] = {
      __builtin_bswap32(0x45000000u | uint32_t{fields.tos} << 16 | total),
      __builtin_bswap32(uint32_t{fields.identification} << 16 |
                        (fields.dont_fragment ? 0x4000u : 0u)),
      __builtin_bswap32(uint32_t{fields.ttl} << 24 | uint32_t{kProtocolUdp} << 16)};
  const uint32_t source = LoadRaw32(leg.source.v4_bytes());
  const uint32_t destination = LoadRaw32(leg.destination.v4_bytes());
  const auto check = static_cast<uint16_t>(
      ~FoldChecksum(uint64_t{words[0]} + words[1] + words[2] + source + destination));
  std::memcpy(ip, words, 12);
  std::memcpy(ip + 10, &check, 2);
  std::memcpy(ip + 12, &source, 4);
  std::memcpy(ip + 16, &destination, 4);
  return ip;
}

/// Makes the mbuf a frame from 14 bytes before `ip` to `end`, with this next hop's link header.
template <bool kV6>
inline void FinishFrame(rte_mbuf* mbuf, uint8_t* ip, const uint8_t* end, const NextHop& hop) {
  uint8_t* ethernet = ip - kEthernetHeaderSize;
  std::memcpy(ethernet, &hop, 12);
  mbuf->port = hop.link;
  StoreBe16(ethernet + 12, kV6 ? 0x86dd : 0x0800);
  mbuf->data_off = static_cast<uint16_t>(ethernet - static_cast<uint8_t*>(mbuf->buf_addr));
  mbuf->data_len = static_cast<uint16_t>(end - ethernet);
  mbuf->pkt_len = mbuf->data_len;
}

/// Hands the staged frames to the drivers; what they do not take is dropped and counted.
void FlushTx(ShardState& state);

/// The frame's `port` is the LinkId by which it leaves: who writes its link header sets it.
inline void StageTx(ShardState& state, rte_mbuf* frame) {
  state.tx[state.tx_count++] = frame;
  if (state.tx_count == kTxStage) [[unlikely]] {
    FlushTx(state);
  }
}

/// Every other way out than a resolved neighbour and a fitting size: holding, hairpin, fragments,
/// drops. Takes the frame. False when it was dropped (and counted).
bool SendFrame(ShardState& state, rte_mbuf* frame, const IpAddress& destination, NextHopId hop,
               Cut cut);

/// Keeps a frame until `hop`, kOnLink or an unresolved neighbour, has a link address, and asks for
/// one. Takes the frame. False when it was dropped (and counted).
bool Hold(ShardState& state, rte_mbuf* frame, const IpAddress& destination, NextHopId hop, Cut cut);
/// Sends what waits for this next hop, if it is resolved now.
void ReleaseHeld(ShardState& state, NextHopId hop);
/// The routes are new: sends what has a resolved next hop now, drops what has none at all.
void RerouteHeld(ShardState& state);
/// Drops what has waited too long.
void DropOverdue(ShardState& state);

/// Sends a datagram of our own: `size` bytes of payload at `payload` within the buffer, full
/// checksum. Takes the buffer. False when it was dropped (and counted).
bool SendOwn(ShardState& state, rte_mbuf* mbuf, uint8_t* payload, uint16_t size, const Leg& leg);

/// Sends a message that control made.
void SendForControl(ShardState& state, const TransmitBuffer& message);

/// The packet's time to live ran out: tells its sender, drops it.
void DropExpired(ShardState& state, const Packet& packet);
/// The packet does not fit: tells its sender, drops it.
void DropTooBig(ShardState& state, const Packet& packet, uint16_t mtu, bool to_v6,
                bool sender_is_peer);
/// Copies `size` bytes of payload to a large buffer with room around them; frees the old buffer.
/// nullptr when there is none: the packet is dropped and counted.
uint8_t* Relocate(ShardState& state, Packet& packet, const uint8_t* data, uint16_t size);

}  // namespace causeway

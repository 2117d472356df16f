// The general path's common end: application data, a new prefix, new headers, out.
#pragma once

#include "dataplane/shard/send.h"

namespace causeway {

/// Nothing before the application data (towards a peer).
struct NoPrefix {
  static constexpr unsigned size() { return 0; }
  void Write(uint8_t*) const {}
  ChecksumSum Sum() const { return 0; }
};

/// A ChannelData header (RFC 8656 section 12.4).
struct ChannelPrefix {
  ChannelPrefix(uint16_t number, uint16_t length)
      : word(__builtin_bswap32(uint32_t{number} << 16 | length)) {}
  static constexpr unsigned size() { return 4; }
  void Write(uint8_t* at) const { std::memcpy(at, &word, 4); }
  ChecksumSum Sum() const { return word; }
  uint32_t word;  // network order
};

/// Application data within a packet, and what the relayed one needs besides.
struct Piece {
  uint8_t* data;
  uint16_t size;
  uint8_t padding = 0;              // zero bytes to append
  bool send_dont_fragment = false;  // a Send indication with DONT-FRAGMENT
};

/// Sum of `size` bytes that begin at an odd or even place of a datagram.
inline ChecksumSum SumAt(const uint8_t* data, size_t size, bool odd) {
  const ChecksumSum sum = SumBytes(data, size);
  return odd ? __builtin_bswap16(FoldChecksum(sum)) : sum;
}

/// The checksum field of the relayed datagram. `old_sum` of the packet holds all that was taken
/// away.
template <bool kToV6, typename Prefix>
inline uint16_t RelayedChecksum(const Packet& packet, const Piece& piece, const Prefix& prefix,
                                const Leg& leg, uint16_t udp_length) {
  if (packet.check == 0) [[unlikely]] {
    if constexpr (!kToV6) return 0;
    return UdpChecksumField(SumLeg<kToV6>(leg, udp_length) + kUdpProtocolWord + prefix.Sum() +
                            SumBytes(piece.data, piece.size));
  }
  const ChecksumSum data_sum = static_cast<uint16_t>(~packet.check) +
                               ChecksumSum{static_cast<uint16_t>(~FoldChecksum(packet.old_sum))};
  return UdpChecksumField(data_sum + prefix.Sum() + SumLeg<kToV6>(leg, udp_length));
}

/// Relays a piece of a packet: time to live, size, headers, transmission. Counts `relayed` or a
/// drop.
template <bool kToV6, typename Prefix>
inline void Relay(ShardState& state, Packet& packet, Piece piece, const Prefix& prefix,
                  const Leg& leg, NextHopId hop_id, Way way, Counter relayed) {
  constexpr unsigned kIpSize = kToV6 ? kIpv6HeaderSize : kIpv4HeaderSize;
  if (packet.ttl <= 1) [[unlikely]] {
    return DropExpired(state, packet);
  }
  const NextHop& hop = state.next_hops[hop_id];
  const uint32_t udp_length = kUdpHeaderSize + prefix.size() + piece.size + piece.padding;
  const uint32_t size = kIpSize + udp_length;
  const Fragmentation rule = DecideFragmentation<kToV6>(packet, piece.send_dont_fragment, size);
  const bool whole = size <= LargestWhole<kToV6>(packet, hop.mtu);
  if (!whole && (rule.cut == Cut::kNever || size > 65535)) [[unlikely]] {
    return DropTooBig(state, packet, hop.mtu, kToV6, way == Way::kToClient);
  }
  MeterLine& meter = state.flows.meter(packet.slot);
  if (meter.specials != 0 && !PassSpecials(state, meter, way, piece.size, packet.tos)) {
    return state.Drop(packet, Counter::k_drop_rate_limit);
  }
  const uint8_t* buffer = static_cast<const uint8_t*>(packet.mbuf->buf_addr);
  const ptrdiff_t before =
      static_cast<ptrdiff_t>(prefix.size() + kUdpHeaderSize + kIpSize + kEthernetHeaderSize);
  if (piece.data - buffer < before ||
      buffer + packet.mbuf->buf_len - piece.data < piece.size + piece.padding) [[unlikely]] {
    piece.data = Relocate(state, packet, piece.data, piece.size);
    if (piece.data == nullptr) return;
  }

  uint8_t* payload = piece.data - prefix.size();
  const auto length = static_cast<uint16_t>(udp_length);
  const HeaderFields fields = {.udp_length = length,
                               .check = RelayedChecksum<kToV6>(packet, piece, prefix, leg, length),
                               .tos = packet.tos,
                               .ttl = static_cast<uint8_t>(packet.ttl - 1),
                               .dont_fragment = rule.dont_fragment,
                               .identification = !kToV6 && !rule.dont_fragment
                                                     ? state.NextIdentification(packet.slot)
                                                     : uint16_t{0}};
  prefix.Write(payload);
  uint8_t* end = piece.data + piece.size;
  for (unsigned i = 0; i < piece.padding; ++i) *end++ = 0;
  uint8_t* ip = WriteHeaders<kToV6>(payload, leg, fields);
  FinishFrame<kToV6>(packet.mbuf, ip, end, hop);
  if (hop.resolved && whole) [[likely]] {
    StageTx(state, packet.mbuf);
  } else if (!SendFrame(state, packet.mbuf, leg.destination, hop_id, rule.cut)) {
    return state.flows.CountDrop(packet.slot, Counter::k_drop_no_route);
  }
  state.Count(relayed);
  meter.Count(way, piece.size, state.now);
}

/// The same, with the family chosen by the destination.
template <typename Prefix>
inline void RelayEither(ShardState& state, Packet& packet, const Piece& piece, const Prefix& prefix,
                        const Leg& leg, NextHopId hop, Way way, Counter relayed) {
  if (leg.destination.IsV4()) {
    Relay<false>(state, packet, piece, prefix, leg, hop, way, relayed);
  } else {
    Relay<true>(state, packet, piece, prefix, leg, hop, way, relayed);
  }
}

}  // namespace causeway

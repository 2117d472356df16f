// What becomes of each IP header field when a datagram is relayed (RFC 8656 sections 13 and 14, all
// by their preferred behaviour), in both directions and for every pair of families.
//
//   DSCP, ECN          copied: the whole TOS / traffic class byte.
//   TTL, hop limit     decremented as a router would; at zero the packet is dropped and its sender
//                      gets an ICMP "time exceeded". That ends loops (section 21.1.7).
//   source, dest.      the relayed or the server's address, the peer's or the client's.
//   protocol, version  UDP over the family of the destination.
//   flow label         0.
//   IPv4 options, IPv6 extension headers of the incoming packet: passed over, never copied.
//   UDP surplus        bytes of the IP payload beyond the UDP length are ignored and not sent on.
//   UDP checksum       updated from the incoming one (RFC 1624), so that damage stays visible.
//                      Zero from IPv4 stays zero towards IPv4 and is computed towards IPv6.
//   identification     a counter that is never 0 when DF is 0; 0 when DF is 1 (RFC 6864).
//
// Fragmentation. A datagram that came in fragments is reassembled first.
//   IPv4 to IPv4       DF copied, or set for a Send with DONT-FRAGMENT. Larger than the link: cut
//                      if DF is 0, else dropped and an ICMP "fragmentation needed" sent.
//   IPv4 to IPv6       DF 0 or fragmented: what is larger than 1,280 is cut to 1,280 (RFC 7915
//                      section 4). DF 1: "fragmentation needed" when larger than the link.
//   IPv6 to IPv6       "packet too big" when larger than the link; cut to 1,280 if it came in
//                      fragments.
//   IPv6 to IPv4       DF 0 up to 1,260 bytes, else 1 (RFC 7915 section 5.1); "packet too big" when
//                      larger than the link. If it came in fragments: DF 0, cut to the link.
// DONT-FRAGMENT is ignored when a packet is translated between families (section 13).
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/shard/hold_queue.h"
#include "dataplane/shard/packet.h"

namespace causeway {

inline constexpr uint16_t kIpv6MinimumMtu = 1280;
/// The largest IPv4 packet that a datagram from IPv6 becomes without DF (RFC 7915 section 5.1).
inline constexpr uint16_t kLargestWithoutDf = 1260;
/// Bytes that a Data indication adds (RFC 8656 section 13.2): taken off the MTU told to a peer.
inline constexpr uint16_t kIndicationOverhead = 48;

struct Fragmentation {
  bool dont_fragment;  // IPv4 only
  Cut cut;
};

/// `size` is that of the outgoing IP packet.
template <bool kToV6>
inline Fragmentation DecideFragmentation(const Packet& packet, bool send_dont_fragment,
                                         uint32_t size) {
  const bool fragmented = packet.Has(Packet::kFragmented);
  if constexpr (kToV6) {
    const bool may_cut = fragmented || (!packet.FromV6() && !packet.Has(Packet::kDontFragment));
    return {false, may_cut ? Cut::kTo1280 : Cut::kNever};
  }
  bool dont_fragment = false;
  if (packet.FromV6()) {
    dont_fragment = !fragmented && size > kLargestWithoutDf;
  } else {
    dont_fragment = send_dont_fragment || (packet.Has(Packet::kDontFragment) && !fragmented);
  }
  return {dont_fragment, dont_fragment ? Cut::kNever : Cut::kToMtu};
}

/// The largest IP packet that leaves whole.
template <bool kToV6>
inline uint32_t LargestWhole(const Packet& packet, uint16_t mtu) {
  if constexpr (kToV6) {
    if (!packet.FromV6() &&
        (!packet.Has(Packet::kDontFragment) || packet.Has(Packet::kFragmented))) {
      return std::min(mtu, kIpv6MinimumMtu);
    }
  }
  return mtu;
}

/// The MTU to report to the sender of a packet that was too big for `mtu`: what of its own size
/// would have fitted.
inline uint16_t ReportedMtu(const Packet& packet, uint16_t mtu, bool to_v6, bool sender_is_peer) {
  int reported = mtu + (packet.FromV6() ? 20 : 0) - (to_v6 ? 20 : 0);
  if (sender_is_peer) reported -= kIndicationOverhead;
  return static_cast<uint16_t>(
      std::clamp<int>(reported, packet.FromV6() ? kIpv6MinimumMtu : 68, 65535));
}

}  // namespace causeway

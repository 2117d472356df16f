// New headers for a datagram of the fast path, in the place of its old ones.
#pragma once

#include <emmintrin.h>

#include "dataplane/shard/outgoing.h"

namespace causeway {

// Of either family: the IP header, without options or extensions, in front of the UDP header at
// `udp`.
template <bool kV6>
inline constexpr unsigned kIpSize = kV6 ? kIpv6HeaderSize : kIpv4HeaderSize;
template <bool kV6>
inline constexpr unsigned kAddressSize = kV6 ? 16 : 4;

template <bool kV6>
inline const uint8_t* SourceBefore(const uint8_t* udp) {
  return udp - 2 * kAddressSize<kV6>;
}
template <bool kV6>
inline ChecksumSum SumAddress(const uint8_t* address) {
  return kV6 ? SumAddressV6(address) : SumAddressV4(address);
}
template <bool kV6>
inline uint8_t TosBefore(const uint8_t* udp) {
  const uint8_t* ip = udp - kIpSize<kV6>;
  return kV6 ? static_cast<uint8_t>(LoadBe16(ip) >> 4) : ip[1];
}
template <bool kV6>
inline void SetTosBefore(uint8_t* udp, uint8_t tos) {
  uint8_t* ip = udp - kIpSize<kV6>;
  if constexpr (kV6) {
    StoreBe16(ip, static_cast<uint16_t>(0x6000 | tos << 4 | (ip[1] & 15)));
  } else {
    ip[1] = tos;
  }
}
inline bool DontFragmentBefore(const uint8_t* udp) {
  return (udp[6 - static_cast<int>(kIpv4HeaderSize)] & 0x40) != 0;
}

inline uint32_t PortsInMemory(uint16_t source, uint16_t destination) {
  return __builtin_bswap16(source) | uint32_t{__builtin_bswap16(destination)} << 16;
}

/// What the new headers say.
struct NewHeaders {
  const NextHop* hop;
  const uint8_t* source;       // in network order, 4 or 16 bytes
  const uint8_t* destination;  // the same
  uint32_t ports;              // as in memory
  uint16_t udp_length;
  uint16_t identification;  // IPv4, as in memory; 0 when DF is 1
  // Sums of what is taken out from before or behind the data, and of what comes before it.
  ChecksumSum removed;
  ChecksumSum added;
};

/// The checksum field of the new datagram, as in memory: the old one's, less what goes, plus what
/// comes (RFC 1624).
template <bool kFromV6, bool kToV6>
[[gnu::always_inline]] inline uint16_t NewUdpCheck(const uint8_t* udp, const NewHeaders& h) {
  // Ones-complement: a multiple of 0xffff, larger than all that is taken away, keeps it positive.
  constexpr uint64_t kPositive = uint64_t{0xffff} << 40;
  const uint16_t check = LoadRaw16(udp + 6);
  const uint8_t* source = SourceBefore<kFromV6>(udp);
  const uint64_t old_sum = SumAddress<kFromV6>(source) +
                           SumAddress<kFromV6>(source + kAddressSize<kFromV6>) + LoadRaw32(udp) +
                           2 * uint64_t{LoadRaw16(udp + 4)} + h.removed;
  const uint64_t new_sum = SumAddress<kToV6>(h.source) + SumAddress<kToV6>(h.destination) +
                           h.ports + 2 * uint64_t{__builtin_bswap16(h.udp_length)} + h.added;
  const uint16_t updated =
      UdpChecksumField(static_cast<uint16_t>(~check) + kPositive + new_sum - old_sum);
  // Between IPv4 and IPv4 none stays none; no other pair comes here with none.
  return !kFromV6 && !kToV6 && check == 0 ? 0 : updated;
}

/// The first 12 bytes of an IPv4 header, its checksum included.
struct V4Head {
  uint32_t first;
  uint32_t second;
  uint32_t third;
};

template <bool kFromV6>
[[gnu::always_inline]] inline V4Head NewV4Head(const uint8_t* udp, const NewHeaders& h) {
  const uint8_t* ip = udp - kIpSize<kFromV6>;
  const uint32_t total = __builtin_bswap16(static_cast<uint16_t>(h.udp_length + kIpv4HeaderSize));
  V4Head head;
  if constexpr (kFromV6) {
    const uint32_t flags = h.identification == 0 ? 0x0040u : 0u;
    head = {0x45u | uint32_t{TosBefore<true>(udp)} << 8 | total << 16,
            h.identification | flags << 16, (uint32_t{ip[7]} - 1) | uint32_t{kProtocolUdp} << 8};
  } else {
    head = {(LoadRaw32(ip) & 0xffff) | total << 16,
            h.identification | uint32_t{LoadRaw16(ip + 6)} << 16,
            (LoadRaw32(ip + 8) & 0xffff) - 1};  // time to live and protocol
  }
  const ChecksumSum sum = ChecksumSum{head.first} + head.second + head.third +
                          SumAddressV4(h.source) + SumAddressV4(h.destination);
  head.third |= uint32_t{static_cast<uint16_t>(~FoldChecksum(sum))} << 16;
  return head;
}

/// The first eight bytes of an IPv6 header. The flow label is 0.
template <bool kFromV6>
inline uint64_t NewV6Head(const uint8_t* udp, const NewHeaders& h) {
  const uint8_t* ip = udp - kIpSize<kFromV6>;
  const uint32_t first =
      kFromV6 ? LoadRaw32(ip) & 0xf0ffu : __builtin_bswap32(0x60000000u | uint32_t{ip[1]} << 20);
  const uint8_t ttl = ip[kFromV6 ? 7 : 8];
  return first | uint64_t{__builtin_bswap16(h.udp_length)} << 32 | uint64_t{kProtocolUdp} << 48 |
         uint64_t{static_cast<uint8_t>(ttl - 1)} << 56;
}

/// Turns the datagram whose UDP header is at `udp` into one whose UDP payload begins at `payload`,
/// in the same buffer. Its data stays where it is:
///
///   ChannelData from IPv4    Ethernet  IPv4  UDP  channel  data
///   to an IPv4 peer                Ethernet  IPv4      UDP  data
///   to an IPv6 peer   Ethernet        IPv6             UDP  data
///                                                           ^ payload
///
/// New headers overlap the old ones, so all that is kept of those is read first. Whoever removes or
/// adds something between UDP header and data says its sum, and writes what it adds afterwards.
template <bool kFromV6, bool kToV6>
[[gnu::always_inline]] inline void Rewrite(rte_mbuf* mbuf, const uint8_t* udp, uint8_t* payload,
                                           const NewHeaders& h) {
  const uint16_t check = NewUdpCheck<kFromV6, kToV6>(udp, h);
  const uint64_t new_udp =
      h.ports | uint64_t{__builtin_bswap16(h.udp_length)} << 32 | uint64_t{check} << 48;
  constexpr unsigned kHeaders = kEthernetHeaderSize + kIpSize<kToV6> + kUdpHeaderSize;
  uint8_t* out = payload - kHeaders;
  const __m128i link = _mm_load_si128(reinterpret_cast<const __m128i*>(h.hop));
  if constexpr (kToV6) {
    const uint64_t head = NewV6Head<kFromV6>(udp, h);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), link);
    StoreRaw16(out + 12, 0xdd86);
    StoreRaw64(out + 14, head);
    std::memcpy(out + 22, h.source, 16);
    std::memcpy(out + 38, h.destination, 16);
  } else {
    const V4Head head = NewV4Head<kFromV6>(udp, h);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), link);
    StoreRaw64(out + 12, 0x0008u | uint64_t{head.first} << 16 | uint64_t{head.second} << 48);
    StoreRaw64(out + 20, head.second >> 16 | uint64_t{head.third} << 16);
    StoreRaw64(out + 26, LoadRaw32(h.source) | uint64_t{LoadRaw32(h.destination)} << 32);
  }
  StoreRaw64(payload - kUdpHeaderSize, new_udp);
  mbuf->port = h.hop->link;
  mbuf->data_off = static_cast<uint16_t>(out - static_cast<uint8_t*>(mbuf->buf_addr));
  mbuf->data_len = static_cast<uint16_t>(kHeaders - kUdpHeaderSize + h.udp_length);
  mbuf->pkt_len = kHeaders - kUdpHeaderSize + h.udp_length;
}

/// The largest IP packet that leaves whole; what is larger is for the general path.
template <bool kFromV6, bool kToV6>
inline uint32_t LargestWholeOnFastPath(const uint8_t* udp, uint16_t mtu) {
  if (kFromV6 || !kToV6 || DontFragmentBefore(udp)) return mtu;
  return std::min(mtu, kIpv6MinimumMtu);
}

/// The identification of an IPv4 packet of `udp_length`, as in memory; 0 with DF.
template <bool kFromV6>
inline uint16_t IdentificationOf(ShardState& state, const uint8_t* udp, uint32_t udp_length,
                                 uint32_t slot) {
  // RFC 7915 section 5.1.
  const bool dont_fragment =
      kFromV6 ? udp_length + kIpv4HeaderSize > kLargestWithoutDf : DontFragmentBefore(udp);
  return dont_fragment ? uint16_t{0} : __builtin_bswap16(state.NextIdentification(slot));
}

}  // namespace causeway

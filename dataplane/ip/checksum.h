// Internet checksum arithmetic (RFC 1071, RFC 1624), in the byte order of memory: values read from
// a packet by memcpy are added as they are, and the folded result is stored as it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/byte_order.h"

namespace causeway {

/// An unfolded ones-complement sum. 64 bits hold any number of 32-bit additions that a packet can
/// need.
using ChecksumSum = uint64_t;

inline uint16_t FoldChecksum(ChecksumSum sum) {
  // A half added to itself turned round: the upper half of the result has the carry of the lower.
  sum += sum << 32 | sum >> 32;
  auto half = static_cast<uint32_t>(sum >> 32);
  half += half << 16 | half >> 16;
  return static_cast<uint16_t>(half >> 16);
}

/// Sum of bytes; an odd last byte counts as if a zero followed (it must then be the last piece
/// summed).
ChecksumSum SumBytes(const void* data, size_t size);

/// Sum of an address in its family's own length: the mapped prefix of IPv4 counts nothing.
inline ChecksumSum SumAddressV4(const void* four_bytes) {
  uint32_t word;
  std::memcpy(&word, four_bytes, 4);
  return word;
}
inline ChecksumSum SumAddressV6(const void* sixteen_bytes) {
  uint32_t words[4];
  std::memcpy(words, sixteen_bytes, 16);
  return uint64_t{words[0]} + words[1] + words[2] + words[3];
}

/// Sum of a pseudo-header (RFC 768; RFC 8200 section 8.1): source and destination as they follow
/// each other in the IP header, the upper-layer protocol, and its packet's length.
inline ChecksumSum SumPseudoHeaderV4(const void* eight_bytes, uint8_t protocol, size_t length) {
  return SumBytes(eight_bytes, 8) + (uint64_t{protocol} << 8) +
         __builtin_bswap16(static_cast<uint16_t>(length));
}
inline ChecksumSum SumPseudoHeaderV6(const void* thirty_two_bytes, uint8_t protocol,
                                     size_t length) {
  return SumAddressV6(thirty_two_bytes) +
         SumAddressV6(static_cast<const uint8_t*>(thirty_two_bytes) + 16) +
         (uint64_t{protocol} << 8) + __builtin_bswap16(static_cast<uint16_t>(length));
}

/// The UDP checksum field for a sum over pseudo-header, UDP header and data: a computed zero is
/// sent as 0xffff.
inline uint16_t UdpChecksumField(ChecksumSum sum) {
  const auto field = static_cast<uint16_t>(~FoldChecksum(sum));
  return field == 0 ? 0xffff : field;
}

}  // namespace causeway

// Packets as tests write them down, byte by byte, with encoding, decoding and checksum arithmetic
// that share nothing with the code under test.
#pragma once

#include <cstdint>
#include <ostream>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/address.h"

namespace causeway::wire {

using Bytes = std::vector<uint8_t>;

/// An endpoint from text: "192.0.2.1:3478", "[2001:db8::1]:3478".
Endpoint At(std::string_view text);
Bytes Text(std::string_view text);
/// `size` bytes that count up from `first`.
Bytes Counting(size_t size, uint8_t first = 1);
Bytes operator+(Bytes left, const Bytes& right);
/// Bytes [from, to).
Bytes Slice(const Bytes& bytes, size_t from, size_t to);
/// 16 and 32 bits in network order.
Bytes Be16(size_t value);
Bytes Be32(uint32_t value);
/// 4 or 16 bytes.
Bytes AddressBytes(const IpAddress& address);

/// RFC 1071's definition, 16 bits at a time, big-endian, folded to 16 bits; `start` is a sum to
/// begin with.
uint32_t ReferenceSum(std::span<const uint8_t> data, uint32_t start = 0);
/// The checksum field that makes `data` right.
uint16_t ReferenceChecksum(std::span<const uint8_t> data, uint32_t start = 0);
/// Sum of the pseudo-header of a datagram whose `length` bytes follow its IP headers.
uint32_t ReferencePseudoSum(const IpAddress& source, const IpAddress& destination, uint8_t protocol,
                            size_t length);

/// An IPv6 extension header other than the fragment header.
struct Extension {
  uint8_t type;
  Bytes bytes;  // the first of them, the next header, is filled in
};

/// The headers of one IP packet.
struct IpHeaders {
  IpAddress source;
  IpAddress destination;
  uint8_t protocol = 17;
  uint8_t ttl = 64;
  uint8_t tos = 0;
  uint32_t flow_label = 0;
  uint32_t id = 0;  // with IPv6 in the fragment header
  bool df = false;
  bool fragment_header = false;  // IPv6
  size_t offset = 0;             // of a fragment, bytes
  bool more = false;             // fragments follow
  Bytes options;                 // IPv4
  std::vector<Extension> extensions;
};
/// The IP packet with these headers and what follows them.
Bytes Encode(const IpHeaders& headers, std::span<const uint8_t> data);
/// An IP packet in an Ethernet frame.
Bytes Framed(const MacAddress& to, const MacAddress& from, const Bytes& packet);

/// How the UDP checksum is to be: right, absent, off by one, or left unfinished by a local sender.
enum class Check { kRight, kZero, kWrong, kUnfinished };
/// A UDP header in front of its payload.
Bytes EncodeUdp(const Endpoint& source, const Endpoint& destination, const Bytes& payload,
                Check check = Check::kRight);

/// One UDP datagram in one Ethernet frame; every field has a fluent setter.
struct Datagram {
  Endpoint source;
  Endpoint destination;
  Bytes payload;
  uint8_t ttl = 64;
  uint8_t tos = 0;
  bool df = true;
  uint16_t id = 0;
  uint32_t flow_label = 0;
  Check check = Check::kRight;
  Bytes options;  // IPv4 options or IPv6 extension headers (their first byte is filled in)
  uint8_t options_type = 0;  // IPv6: the type of the one extension header
  Bytes surplus;             // of the IP payload beyond the UDP length
  Bytes trailer;             // of the frame beyond the IP packet
  MacAddress to_mac = {2, 0, 0, 0, 0, 1};
  MacAddress from_mac = {2, 0, 0, 0, 0, 0xfe};
  // What Decode found.
  bool ip_checksum_right = true;

  Datagram From(std::string_view e) const { return With(&Datagram::source, At(e)); }
  Datagram To(std::string_view e) const { return With(&Datagram::destination, At(e)); }
  Datagram Carrying(Bytes b) const { return With(&Datagram::payload, std::move(b)); }
  Datagram Ttl(uint8_t v) const { return With(&Datagram::ttl, v); }
  Datagram Tos(uint8_t v) const { return With(&Datagram::tos, v); }
  Datagram Df(bool v) const { return With(&Datagram::df, v); }
  Datagram Id(uint16_t v) const { return With(&Datagram::id, v); }
  Datagram Checked(Check v) const { return With(&Datagram::check, v); }
  Datagram FlowLabel(uint32_t v) const { return With(&Datagram::flow_label, v); }
  Datagram Surplus(Bytes b) const { return With(&Datagram::surplus, std::move(b)); }
  Datagram Trailer(Bytes b) const { return With(&Datagram::trailer, std::move(b)); }
  Datagram Options(Bytes b, uint8_t type = 0) const {
    return With(&Datagram::options, std::move(b)).With(&Datagram::options_type, type);
  }
  Datagram MacTo(MacAddress m) const { return With(&Datagram::to_mac, m); }
  Datagram MacFrom(MacAddress m) const { return With(&Datagram::from_mac, m); }

  Bytes Encode() const;
  /// From a frame without options or extension headers. A frame that is none gives an empty one.
  static Datagram Decode(const Bytes& frame);

 private:
  template <typename T>
  Datagram With(T Datagram::*field, T value) const {
    Datagram copy = *this;
    copy.*field = std::move(value);
    return copy;
  }
};
std::ostream& operator<<(std::ostream& out, const Datagram& datagram);

}  // namespace causeway::wire

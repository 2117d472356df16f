// Addresses as both planes see them. No DPDK header may be included here.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace causeway {

/// Address family, with the values of the STUN family field (RFC 8489 section 14.1).
enum class Family : uint8_t { kIpv4 = 1, kIpv6 = 2 };

/// An IPv4 or IPv6 address in 16 bytes of network order; IPv4 is held as ::ffff:a.b.c.d, so that
/// both families compare and hash as one 128-bit number. A real IPv6 packet or attribute must never
/// bring a mapped address in: whoever decodes one rejects ::ffff:0:0/96 first.
class IpAddress {
 public:
  /// The unspecified address ::.
  constexpr IpAddress() = default;

  /// From four bytes in network order.
  static IpAddress FromV4Bytes(const void* bytes);
  /// From 16 bytes in network order. The caller has rejected mapped addresses, or wants an IPv4
  /// one.
  static IpAddress FromV6Bytes(const void* bytes);
  /// From a number in host order: V4(0xC0000201) is 192.0.2.1.
  static IpAddress V4(uint32_t host_order);
  /// From text. InvalidArgumentError names the text.
  static absl::StatusOr<IpAddress> Parse(absl::string_view text);

  bool IsV4() const { return Low32Prefix() && bytes_[10] == 0xff && bytes_[11] == 0xff; }
  Family family() const { return IsV4() ? Family::kIpv4 : Family::kIpv6; }

  /// 16 bytes, network order.
  const uint8_t* bytes() const { return bytes_.data(); }
  /// The last four bytes, network order; meaningful when IsV4().
  const uint8_t* v4_bytes() const { return bytes_.data() + 12; }
  /// The last four bytes in host order; meaningful when IsV4().
  uint32_t v4() const;
  /// The two halves as loaded from memory (for hashing and comparing, not for arithmetic).
  std::pair<uint64_t, uint64_t> words() const {
    std::pair<uint64_t, uint64_t> w;
    std::memcpy(&w.first, bytes_.data(), 8);
    std::memcpy(&w.second, bytes_.data() + 8, 8);
    return w;
  }

  std::string ToString() const;

  friend bool operator==(const IpAddress& a, const IpAddress& b) { return a.words() == b.words(); }
  /// Orders as 128-bit numbers.
  friend std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b) {
    return std::memcmp(a.bytes(), b.bytes(), 16) <=> 0;
  }
  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    auto [high, low] = a.words();
    return H::combine(std::move(h), high, low);
  }

 private:
  bool Low32Prefix() const {
    uint64_t high;
    uint16_t next;
    std::memcpy(&high, bytes_.data(), 8);
    std::memcpy(&next, bytes_.data() + 8, 2);
    return high == 0 && next == 0;
  }

  std::array<uint8_t, 16> bytes_ = {};
};

/// A UDP transport address. The port is in host order.
struct Endpoint {
  IpAddress address;
  uint16_t port = 0;

  std::string ToString() const;  // 192.0.2.1:3478, [2001:db8::1]:3478
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
  friend std::strong_ordering operator<=>(const Endpoint&, const Endpoint&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Endpoint& e) {
    return H::combine(std::move(h), e.address, e.port);
  }
};

/// An address block. `length` counts bits of the 128-bit form: 192.0.2.0/24 has length 120.
struct Prefix {
  IpAddress address;  // host bits are zero
  uint8_t length = 128;

  /// From "192.0.2.0/24", "2001:db8::/32" or a bare address. Host bits that are set are an error.
  static absl::StatusOr<Prefix> Parse(absl::string_view text);
  static Prefix Host(const IpAddress& address) { return {address, 128}; }
  bool Contains(const IpAddress& candidate) const;
  IpAddress First() const { return address; }
  IpAddress Last() const;
  std::string ToString() const;
  friend bool operator==(const Prefix&, const Prefix&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Prefix& p) {
    return H::combine(std::move(h), p.address, p.length);
  }
};

/// The address `offset` places after `base` as a 128-bit number (wraps at the top).
IpAddress Advance(const IpAddress& base, uint64_t offset);

/// An Ethernet address in network order.
using MacAddress = std::array<uint8_t, 6>;

}  // namespace causeway

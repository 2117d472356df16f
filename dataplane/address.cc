#include "dataplane/address.h"

#include <arpa/inet.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace causeway {
namespace {

constexpr uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

IpAddress Mask(const IpAddress& address, uint8_t length, bool ones) {
  uint8_t bytes[16];
  std::memcpy(bytes, address.bytes(), 16);
  for (int i = 0; i < 16; ++i) {
    const int kept = std::max(0, std::min(8, length - 8 * i));
    const auto host = static_cast<uint8_t>(0xff >> kept);
    bytes[i] = static_cast<uint8_t>(ones ? bytes[i] | host : bytes[i] & ~host);
  }
  return IpAddress::FromV6Bytes(bytes);
}

}  // namespace

IpAddress IpAddress::FromV4Bytes(const void* bytes) {
  IpAddress a;
  std::memcpy(a.bytes_.data(), kMappedPrefix, 12);
  std::memcpy(a.bytes_.data() + 12, bytes, 4);
  return a;
}

IpAddress IpAddress::FromV6Bytes(const void* bytes) {
  IpAddress a;
  std::memcpy(a.bytes_.data(), bytes, 16);
  return a;
}

IpAddress IpAddress::V4(uint32_t host_order) {
  const uint32_t network = htonl(host_order);
  return FromV4Bytes(&network);
}

absl::StatusOr<IpAddress> IpAddress::Parse(absl::string_view text) {
  const std::string copy(text);
  uint8_t bytes[16];
  if (inet_pton(AF_INET, copy.c_str(), bytes) == 1) return FromV4Bytes(bytes);
  if (inet_pton(AF_INET6, copy.c_str(), bytes) == 1) return FromV6Bytes(bytes);
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not an IPv4 or IPv6 address"));
}

uint32_t IpAddress::v4() const {
  uint32_t network;
  std::memcpy(&network, v4_bytes(), 4);
  return ntohl(network);
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN];
  if (IsV4()) return inet_ntop(AF_INET, v4_bytes(), text, sizeof(text));
  return inet_ntop(AF_INET6, bytes(), text, sizeof(text));
}

std::string Endpoint::ToString() const {
  if (address.IsV4()) return absl::StrCat(address.ToString(), ":", port);
  return absl::StrCat("[", address.ToString(), "]:", port);
}

absl::StatusOr<Prefix> Prefix::Parse(absl::string_view text) {
  const size_t slash = text.find('/');
  auto address = IpAddress::Parse(text.substr(0, slash));
  if (!address.ok()) return address.status();
  const int width = address->IsV4() ? 32 : 128;
  int length = width;
  if (slash != absl::string_view::npos &&
      (!absl::SimpleAtoi(text.substr(slash + 1), &length) || length < 0 || length > width)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' has no prefix length from 0 to ", width));
  }
  const auto bits = static_cast<uint8_t>(length + 128 - width);
  Prefix prefix{Mask(*address, bits, false), bits};
  if (prefix.address != *address) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' has host bits set; did you mean ", prefix.ToString(), "?"));
  }
  return prefix;
}

bool Prefix::Contains(const IpAddress& candidate) const {
  return Mask(candidate, length, false) == address;
}

IpAddress Prefix::Last() const { return Mask(address, length, true); }

std::string Prefix::ToString() const {
  // A short prefix such as 0.0.0.0/0 keeps the mapped form only while the first 96 bits are in it.
  const bool v4 = address.IsV4() && length >= 96;
  return absl::StrCat(address.ToString(), "/", v4 ? length - 96 : length);
}

IpAddress Advance(const IpAddress& base, uint64_t offset) {
  uint8_t bytes[16];
  std::memcpy(bytes, base.bytes(), 16);
  uint64_t carry = offset;
  for (int i = 15; i >= 0 && carry != 0; --i) {
    carry += bytes[i];
    bytes[i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  return IpAddress::FromV6Bytes(bytes);
}

}  // namespace causeway

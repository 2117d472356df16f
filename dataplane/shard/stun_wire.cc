#include "dataplane/shard/stun_wire.h"

#include <array>

#include "dataplane/ip/headers.h"

namespace causeway::wire {
namespace {

using CrcTables = std::array<std::array<uint32_t, 256>, 4>;

constexpr CrcTables MakeCrcTables() {
  CrcTables t = {};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int k = 0; k < 8; ++k) c = (c & 1) != 0 ? c >> 1 ^ 0xEDB88320u : c >> 1;
    t[0][i] = c;
  }
  for (uint32_t i = 0; i < 256; ++i) {
    for (int k = 1; k < 4; ++k) t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 0xff];
  }
  return t;
}
constexpr CrcTables kCrc = MakeCrcTables();

// IEEE 802.3; `size` is a multiple of four, as STUN messages are.
uint32_t Crc32(const uint8_t* p, uint32_t size) {
  uint32_t crc = 0xffffffff;
  for (const uint8_t* end = p + size; p != end; p += 4) {
    uint32_t word;
    std::memcpy(&word, p, 4);
    crc ^= word;
    crc = kCrc[3][crc & 0xff] ^ kCrc[2][crc >> 8 & 0xff] ^ kCrc[1][crc >> 16 & 0xff] ^
          kCrc[0][crc >> 24];
  }
  return ~crc;
}

bool ReadXorAddress(const uint8_t* message, const uint8_t* value, uint16_t size, Endpoint& out) {
  if (size < 8) return false;
  const bool v6 = value[1] == static_cast<uint8_t>(Family::kIpv6);
  if ((!v6 && value[1] != static_cast<uint8_t>(Family::kIpv4)) || size != (v6 ? 20 : 8)) {
    return false;
  }
  const uint8_t* mask = message + 4;  // cookie and transaction id
  uint8_t bytes[16];
  for (int i = 0; i < size - 4; ++i) bytes[i] = value[4 + i] ^ mask[i];
  out.address = v6 ? IpAddress::FromV6Bytes(bytes) : IpAddress::FromV4Bytes(bytes);
  out.port = LoadBe16(value + 2) ^ static_cast<uint16_t>(kCookie >> 16);
  return !v6 || !out.address.IsV4();
}

bool IsKnownRequired(uint16_t type) {
  switch (type) {
    case 0x0001:  // MAPPED-ADDRESS
    case 0x0006:  // USERNAME
    case 0x0008:  // MESSAGE-INTEGRITY
    case 0x0009:  // ERROR-CODE
    case 0x000A:  // UNKNOWN-ATTRIBUTES
    case 0x000C:  // CHANNEL-NUMBER
    case 0x000D:  // LIFETIME
    case 0x0012:  // XOR-PEER-ADDRESS
    case 0x0013:  // DATA
    case 0x0014:  // REALM
    case 0x0015:  // NONCE
    case 0x0016:  // XOR-RELAYED-ADDRESS
    case 0x0017:  // REQUESTED-ADDRESS-FAMILY
    case 0x0018:  // EVEN-PORT
    case 0x0019:  // REQUESTED-TRANSPORT
    case 0x001A:  // DONT-FRAGMENT
    case 0x001C:  // MESSAGE-INTEGRITY-SHA256
    case 0x001D:  // PASSWORD-ALGORITHM
    case 0x001E:  // USERHASH
    case 0x0020:  // XOR-MAPPED-ADDRESS
    case 0x0022:  // RESERVATION-TOKEN
      return true;
    default:
      return false;
  }
}

// One attribute. What is wrong with a request's is for control to answer.
void Note(const uint8_t* message, uint32_t at, uint16_t type, uint16_t size, Summary& s) {
  const uint8_t* value = message + at + 4;
  if (type < 0x8000) {
    s.only_optional = false;
    if (!IsKnownRequired(type)) s.unknown_required = true;
  }
  if (type == kXorPeerAddress && !s.peer_seen) {
    s.peer_seen = true;
    s.has_peer = ReadXorAddress(message, value, size, s.peer);
  }
  if (type == kData && !s.has_data) {
    s.has_data = true;
    s.data = static_cast<uint16_t>(at + 4);
    s.data_size = size;
  }
  if (type == kDontFragment) s.dont_fragment = true;
}

bool FingerprintHolds(const uint8_t* message, uint32_t at, uint16_t size, uint32_t message_size) {
  return size == 4 && at + 8 == message_size &&
         LoadBe32(message + at + 4) == Fingerprint(message, at);
}

}  // namespace

uint32_t Fingerprint(const uint8_t* message, uint32_t size) {
  return Crc32(message, size) ^ 0x5354554E;
}

bool Read(const uint8_t* message, uint32_t size, Summary& summary) {
  if (size < kHeaderSize || (message[0] & 0xc0) != 0) return false;
  summary.type = LoadBe16(message);
  const uint16_t length = LoadBe16(message + 2);
  if (length % 4 != 0 || length + kHeaderSize != size || LoadBe32(message + 4) != kCookie) {
    return false;
  }
  bool after_integrity = false;
  for (uint32_t at = kHeaderSize; at < size;) {
    const uint16_t type = LoadBe16(message + at);
    const uint16_t value_size = LoadBe16(message + at + 2);
    const uint32_t padded = (value_size + 3u) & ~3u;
    if (padded > size - at - 4) return false;
    if (type == kFingerprint) {
      if (!FingerprintHolds(message, at, value_size, size)) return false;
      summary.has_fingerprint = true;
    } else if (!after_integrity || type == kMessageIntegritySha256) {
      Note(message, at, type, value_size, summary);
    }
    after_integrity |= type == kMessageIntegrity || type == kMessageIntegritySha256;
    at += 4 + padded;
  }
  return true;
}

void WriteXorAddress(uint8_t* at, uint16_t attribute, const Endpoint& endpoint,
                     const uint8_t* transaction_id) {
  const bool v4 = endpoint.address.IsV4();
  const unsigned size = v4 ? 4 : 16;
  StoreBe16(at, attribute);
  StoreBe16(at + 2, size + 4);
  at[4] = 0;
  at[5] = static_cast<uint8_t>(endpoint.address.family());
  StoreBe16(at + 6, endpoint.port ^ (kCookie >> 16));
  uint8_t mask[16];
  StoreBe32(mask, kCookie);
  std::memcpy(mask + 4, transaction_id, 12);
  const uint8_t* bytes = v4 ? endpoint.address.v4_bytes() : endpoint.address.bytes();
  for (unsigned i = 0; i < size; ++i) at[8 + i] = bytes[i] ^ mask[i];
}

void WriteHeader(uint8_t* at, uint16_t type, uint16_t length, const uint8_t* transaction_id) {
  StoreBe16(at, type);
  StoreBe16(at + 2, length);
  StoreBe32(at + 4, kCookie);
  std::memcpy(at + 8, transaction_id, 12);
}

}  // namespace causeway::wire

// As much of the STUN wire format as the packet path needs (RFC 8489 sections 5 and 14).
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/address.h"

namespace causeway::wire {

inline constexpr uint32_t kCookie = 0x2112A442;
inline constexpr unsigned kHeaderSize = 20;

// Message types, class and method together.
inline constexpr uint16_t kBindingRequest = 0x0001;
inline constexpr uint16_t kBindingIndication = 0x0011;
inline constexpr uint16_t kBindingSuccess = 0x0101;
inline constexpr uint16_t kAllocateRequest = 0x0003;
inline constexpr uint16_t kRefreshRequest = 0x0004;
inline constexpr uint16_t kCreatePermissionRequest = 0x0008;
inline constexpr uint16_t kChannelBindRequest = 0x0009;
inline constexpr uint16_t kSendIndication = 0x0016;
inline constexpr uint16_t kDataIndication = 0x0017;

inline constexpr uint16_t kMessageIntegrity = 0x0008;
inline constexpr uint16_t kXorPeerAddress = 0x0012;
inline constexpr uint16_t kData = 0x0013;
inline constexpr uint16_t kDontFragment = 0x001A;
inline constexpr uint16_t kMessageIntegritySha256 = 0x001C;
inline constexpr uint16_t kXorMappedAddress = 0x0020;
inline constexpr uint16_t kIcmp = 0x8004;
inline constexpr uint16_t kFingerprint = 0x8028;

/// What the shard wants to know of a message. Offsets are from the message's first byte; 0 is
/// absent.
struct Summary {
  uint16_t type;
  uint16_t data = 0;  // value of DATA
  uint16_t data_size = 0;
  bool has_data = false;
  bool peer_seen = false;  // XOR-PEER-ADDRESS, the first of them
  bool has_peer = false;   // and it is well-formed
  bool dont_fragment = false;
  bool has_fingerprint = false;
  bool only_optional = true;      // no comprehension-required attribute at all
  bool unknown_required = false;  // an attribute from the required range that no RFC here defines
  Endpoint peer;                  // XOR-PEER-ADDRESS
};

/// Reads a message; false when it is not well-formed: header, lengths, cookie, a FINGERPRINT that
/// is wrong or not last.
bool Read(const uint8_t* message, uint32_t size, Summary& summary);

/// FINGERPRINT's value for the bytes before it (RFC 8489 section 14.7).
uint32_t Fingerprint(const uint8_t* message, uint32_t size);

/// Bytes of an XOR-...-ADDRESS attribute, header included: 12 or 24.
inline unsigned XorAddressSize(const IpAddress& address) { return address.IsV4() ? 12 : 24; }
/// Writes one at `at`; the transaction id is 12 bytes.
void WriteXorAddress(uint8_t* at, uint16_t attribute, const Endpoint& endpoint,
                     const uint8_t* transaction_id);
/// Writes a header of 20 bytes; `length` is without it.
void WriteHeader(uint8_t* at, uint16_t type, uint16_t length, const uint8_t* transaction_id);

}  // namespace causeway::wire

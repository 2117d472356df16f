// Numbers of RFC 8489 and RFC 8656.
#pragma once

#include <array>
#include <cstdint>

namespace causeway::stun {

inline constexpr uint32_t kMagicCookie = 0x2112A442;
inline constexpr int kHeaderSize = 20;

enum class Class : uint8_t { kRequest = 0, kIndication = 1, kSuccess = 2, kError = 3 };

enum class Method : uint16_t {
  kBinding = 0x001,
  kAllocate = 0x003,
  kRefresh = 0x004,
  kSend = 0x006,
  kData = 0x007,
  kCreatePermission = 0x008,
  kChannelBind = 0x009,
};

enum class Attribute : uint16_t {
  kMappedAddress = 0x0001,
  kUsername = 0x0006,
  kMessageIntegrity = 0x0008,
  kErrorCode = 0x0009,
  kUnknownAttributes = 0x000A,
  kChannelNumber = 0x000C,
  kLifetime = 0x000D,
  kXorPeerAddress = 0x0012,
  kData = 0x0013,
  kRealm = 0x0014,
  kNonce = 0x0015,
  kXorRelayedAddress = 0x0016,
  kRequestedAddressFamily = 0x0017,
  kEvenPort = 0x0018,
  kRequestedTransport = 0x0019,
  kDontFragment = 0x001A,
  kMessageIntegritySha256 = 0x001C,
  kPasswordAlgorithm = 0x001D,
  kUserhash = 0x001E,
  kXorMappedAddress = 0x0020,
  kReservationToken = 0x0022,
  kAdditionalAddressFamily = 0x8000,
  kAddressErrorCode = 0x8001,
  kPasswordAlgorithms = 0x8002,
  kAlternateDomain = 0x8003,
  kIcmp = 0x8004,
  /// ADDITIONAL-ADDRESS-FAMILY as a draft of RFC 8656 numbered it and coturn's client sends it.
  kDraftAdditionalAddressFamily = 0x8032,
  kSoftware = 0x8022,
  kAlternateServer = 0x8023,
  kFingerprint = 0x8028,
};

enum class ErrorCode : uint16_t {
  kTryAlternate = 300,
  kBadRequest = 400,
  kUnauthenticated = 401,
  kForbidden = 403,
  kUnknownAttribute = 420,
  kAllocationMismatch = 437,
  kStaleNonce = 438,
  kAddressFamilyNotSupported = 440,
  kWrongCredentials = 441,
  kUnsupportedTransport = 442,
  kPeerAddressFamilyMismatch = 443,
  kAllocationQuotaReached = 486,
  kServerError = 500,
  kInsufficientCapacity = 508,
};

/// RFC 8489 section 18.5.
enum class PasswordAlgorithm : uint16_t { kMd5 = 1, kSha256 = 2 };

using TransactionId = std::array<uint8_t, 12>;

/// The reason phrase of RFC 8489 section 14.8 or RFC 8656 section 19; short, see docs/security on
/// reflection.
const char* ReasonPhrase(ErrorCode code);

}  // namespace causeway::stun

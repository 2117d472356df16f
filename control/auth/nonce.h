// The stateless nonce with its cookie (RFC 8489 sections 9.2, 9.2.1, 14.10, 18.1).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "control/stun/hmac.h"
#include "dataplane/address.h"

namespace causeway::auth {

/// STUN Security Features (RFC 8489 section 18.1): bit 0 of the RFC is the most significant of 24.
inline constexpr uint32_t kPasswordAlgorithmsFeature = 0x800000;
inline constexpr uint32_t kUsernameAnonymityFeature = 0x400000;

/// The features that a nonce claims, whoever made it; nullopt when it has no nonce cookie.
std::optional<uint32_t> NonceFeatures(absl::string_view nonce);

/// Makes and checks nonces: "obMatJos2", 4 characters of features, 20 characters that are base64 of
/// the time of issue and 88 bits of HMAC-SHA256 over features, time and the client's address and
/// port. Both, because the five-tuple is what identifies a TURN client: one whose NAT binding has
/// changed gets 438 and a nonce for its new address. The transport is not in it: a nonce shows that
/// the client receives at its address, and one who does so by a connection has shown no less. 33
/// characters, to keep challenges small. The key is wiped at the end.
class NonceMint {
 public:
  /// `features` is the same for all nonces of this mint. `key` should be 32 random bytes.
  NonceMint(stun::Bytes key, uint32_t lifetime_seconds, uint32_t features);

  /// `now` is Unix seconds.
  std::string Make(const Endpoint& client, uint64_t now) const;
  /// Whether this mint made `nonce` for `client` less than the lifetime ago. Also false when it was
  /// made later than `now`: the clock was set back, and the client just asks again.
  bool IsValid(absl::string_view nonce, const Endpoint& client, uint64_t now) const;

 private:
  static constexpr size_t kPayloadSize = 15;
  using Payload = std::array<uint8_t, kPayloadSize>;
  Payload PayloadOf(const Endpoint& client, uint32_t issued) const;

  stun::HmacKey key_;
  std::string prefix_;  // cookie and features
  uint32_t lifetime_seconds_;
  uint32_t features_;
};

}  // namespace causeway::auth

// The long-term credential mechanism, server side (RFC 8489 section 9.2).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "control/auth/credentials.h"
#include "control/stun/message.h"
#include "control/stun/writer.h"
#include "dataplane/address.h"

namespace causeway::auth {

struct NonceConfig {
  uint32_t nonce_lifetime_seconds = 3600;
  /// 32 random bytes, made anew at each start: keys the stateless nonce.
  std::vector<uint8_t> nonce_key;
};

struct AuthConfig : CredentialsConfig, NonceConfig {};

/// What became of a request.
struct AuthResult {
  /// 0 when accepted; else kBadRequest, kUnauthenticated or kStaleNonce. The answer to the latter
  /// two carries AddChallenge's attributes and no integrity.
  stun::ErrorCode error{};
  bool ok() const { return error == stun::ErrorCode{}; }
  // The rest is set when ok(); grant and key are the authenticator's, until its next call:
  const Grant* grant = nullptr;
  const stun::IntegrityKey* key = nullptr;  // for the response
  /// kMessageIntegrity or kMessageIntegritySha256: the one that the response carries
  /// (section 9.2.4).
  stun::Attribute integrity = stun::Attribute::kMessageIntegrity;
  /// The client sent PASSWORD-ALGORITHM(S), as one of RFC 8489 must and an older one cannot.
  bool rfc8489 = false;
  /// The credential has run out: good for the upkeep of what the user has, for nothing new.
  bool credential_expired = false;
};

/// Checks credentials. Holds no state per client: the nonce is an HMAC over time and client
/// address and port. Used on the control thread only.
///
/// USERHASH names any static user, and a time-limited one once it has been seen with its USERNAME
/// (a hash cannot be turned back). So the nonce says "username anonymity", which obliges clients of
/// RFC 8489 to send USERHASH alone, only when there is no secret.
/// Names and realm are taken without surrounding quotes and trailing NULs (section 9.2.2). A name
/// that is no static user's must be at most 508 bytes and already in OpaqueString form; the
/// ":id" of a time-limited one may be missing, as web services leave it out. A SHA-256 tag that is
/// cut short does not fit: RFC 8656 does not allow it.
class Authenticator {
 public:
  /// InvalidArgumentError when nonce_lifetime_seconds is 0 or nonce_key is shorter than 32 bytes.
  static absl::StatusOr<std::unique_ptr<Authenticator>> Create(
      NonceConfig config, std::shared_ptr<const Credentials> credentials);
  /// The same, and the errors of Credentials::Create.
  static absl::StatusOr<std::unique_ptr<Authenticator>> Create(AuthConfig config);
  virtual ~Authenticator() = default;

  /// Section 9.2.4, in its order. `now` is Unix seconds.
  virtual AuthResult Check(const stun::Message& request, const Endpoint& client, uint64_t now) = 0;

  /// Adds REALM, NONCE (with the nonce cookie and security features of section 9.2, for bid-down
  /// protection) and PASSWORD-ALGORITHMS.
  virtual void AddChallenge(stun::Writer& writer, const Endpoint& client, uint64_t now) = 0;

  /// From now on these credentials are checked. Takes no time that grows with them: what is
  /// remembered of time-limited ones is looked at again when it is next asked for. Nonces stay
  /// valid, unless the last secret goes or the first one comes; then clients get 438 and a new one.
  virtual void Use(std::shared_ptr<const Credentials> credentials) = 0;
};

}  // namespace causeway::auth

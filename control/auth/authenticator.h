// The long-term credential mechanism, server side (RFC 8489 section 9.2).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/stun/message.h"
#include "control/stun/writer.h"
#include "dataplane/address.h"

namespace causeway::auth {

/// The key of a user under one password algorithm (RFC 8489 section 9.2.2): 16 bytes of MD5 or 32
/// of SHA-256.
struct Key {
  uint8_t bytes[32] = {};
  uint8_t size = 0;
  stun::Bytes view() const { return {bytes, size}; }
};

struct StaticUser {
  std::string name;
  std::string password;
};

struct AuthConfig {
  std::string realm;
  std::vector<StaticUser> users;
  /// Shared secrets of time-limited credentials: user name "expiry:id" (expiry in Unix seconds;
  /// "id:expiry" is not a form), password base64(HMAC-SHA1(secret, user name)). The first is the
  /// newest; all are accepted.
  std::vector<std::string> secrets;
  uint32_t nonce_lifetime_seconds = 3600;
  /// 32 random bytes, made anew at each start: keys the stateless nonce.
  std::vector<uint8_t> nonce_key;
};

/// What became of a request.
struct AuthResult {
  /// 0 when accepted; else kBadRequest, kUnauthenticated or kStaleNonce. The answer to the latter
  /// two carries AddChallenge's attributes and no integrity.
  stun::ErrorCode error{};
  bool ok() const { return error == stun::ErrorCode{}; }
  // The rest is set when ok(); name and key are the authenticator's, until its next call:
  absl::string_view username;               // as configured or presented, also when USERHASH came
  const stun::IntegrityKey* key = nullptr;  // for the response
  /// kMessageIntegrity or kMessageIntegritySha256: the one that the response carries
  /// (section 9.2.4).
  stun::Attribute integrity = stun::Attribute::kMessageIntegrity;
  /// The client sent PASSWORD-ALGORITHM(S), as one of RFC 8489 must and an older one cannot.
  bool rfc8489 = false;
  /// Unix seconds at which a time-limited credential ends; 0 for a static user.
  uint64_t credential_expiry = 0;
  /// That time has come: good for the upkeep of what the user has, for nothing new.
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
  /// InvalidArgumentError when there is neither user nor secret, or a name or password is not
  /// usable (OpaqueString, RFC 8265) or a name is given twice, or the realm is empty or longer than
  /// 127 characters, or a secret is empty, or nonce_lifetime_seconds is 0, or nonce_key is shorter
  /// than 32 bytes. FailedPreconditionError when OpenSSL refuses MD5. Passwords, secrets and keys
  /// appear in no message; passwords are wiped once keys are derived.
  static absl::StatusOr<std::unique_ptr<Authenticator>> Create(AuthConfig config);
  virtual ~Authenticator() = default;

  /// Section 9.2.4, in its order. `now` is Unix seconds.
  virtual AuthResult Check(const stun::Message& request, const Endpoint& client, uint64_t now) = 0;

  /// Adds REALM, NONCE (with the nonce cookie and security features of section 9.2, for bid-down
  /// protection) and PASSWORD-ALGORITHMS.
  virtual void AddChallenge(stun::Writer& writer, const Endpoint& client, uint64_t now) = 0;
};

}  // namespace causeway::auth

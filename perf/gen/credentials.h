// The client's half of the long-term credential mechanism (RFC 8489 section 9.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/auth/keys.h"
#include "control/stun/message.h"
#include "control/stun/writer.h"

namespace causeway::gen {

/// One user at one server. Realm and algorithm are the server's, nonces the caller's: each
/// five-tuple has its own. Not thread-safe.
class Credentials {
 public:
  /// An empty name: no credentials, and every challenge is an error. An empty realm: the server's.
  /// InvalidArgumentError when name or password is nothing that RFC 8265 allows.
  static absl::StatusOr<Credentials> Create(const std::string& name, const std::string& password,
                                            const std::string& realm);

  /// Takes realm and password algorithms from a 401 or 438. The error says what is wrong with it.
  absl::Status TakeChallenge(const stun::Message& challenge);
  /// Adds the attributes that answer a challenge with this nonce, the integrity last.
  void Sign(stun::Writer& request, stun::Bytes nonce) const;
  /// Whether a response is from a server that knows the password.
  bool Verify(const stun::Message& response) const;

  const std::string& realm() const { return realm_; }

 private:
  Credentials() = default;
  absl::Status Rekey(bool anonymous);
  stun::Attribute IntegrityAttribute() const {
    return algorithm_ ? stun::Attribute::kMessageIntegritySha256
                      : stun::Attribute::kMessageIntegrity;
  }

  std::string name_;
  std::string password_;
  std::string fixed_realm_;
  std::string realm_;
  /// PASSWORD-ALGORITHMS as offered, to be echoed (RFC 8489 section 9.2.5); with `algorithm_` only.
  std::vector<uint8_t> offered_;
  std::optional<stun::PasswordAlgorithm> algorithm_;  // nullopt: a server of RFC 5389
  std::optional<auth::Key> key_;
  /// To be sent instead of the name, when the server wants that.
  std::optional<auth::Userhash> userhash_;
};

}  // namespace causeway::gen

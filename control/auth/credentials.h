// All credentials of a node, with the keys of its users: made off the control thread, swapped
// whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/auth/grant.h"
#include "control/auth/keys.h"

namespace causeway::auth {

struct StaticUser {
  std::string name;
  std::string password;
};

/// A tenant beside `default`, and the secrets of its time-limited credentials, the newest first.
struct TenantSecrets {
  Tenant tenant;
  std::vector<std::string> secrets;
};

struct CredentialsConfig {
  std::string realm;
  Tenant tenant;  // `default`, which users and secrets belong to
  std::vector<StaticUser> users;
  /// Shared secrets of time-limited credentials: user name "expiry:id" (expiry in Unix seconds;
  /// "id:expiry" is not a form), password base64(HMAC-SHA1(secret, user name)). The first is the
  /// newest; all are accepted.
  std::vector<std::string> secrets;
  std::vector<TenantSecrets> tenants;
  /// Random bytes, the same for all Credentials of a process: keys CredentialSource::fingerprint.
  std::vector<uint8_t> fingerprint_key;
};

/// Immutable once made; any thread. Passwords and secrets are wiped at the end.
///
/// A time-limited name "expiry:tenant/id" is of that tenant when there is one of that name, and
/// then only its secrets make the password; every other one is of `default`.
class Credentials {
 public:
  struct User {
    ReadyKeys keys;
    GrantRef grant;
  };
  struct Secret {
    std::string text;
    uint64_t fingerprint;
  };
  struct Issuer {
    std::shared_ptr<const Tenant> tenant;
    std::vector<Secret> secrets;
  };
  /// What a time-limited user name says.
  struct TimeLimitedName {
    const Issuer* issuer;
    uint64_t expiry;  // Unix seconds
    uint16_t principal_at;
  };

  /// InvalidArgumentError when there is neither user nor secret, or a name or password is not
  /// usable (OpaqueString, RFC 8265), or a name is given twice, or the realm is empty or longer
  /// than 127 characters, or a secret is empty. FailedPreconditionError when OpenSSL refuses MD5.
  /// Passwords, secrets and keys appear in no message. Takes some microseconds a user.
  static absl::StatusOr<std::shared_ptr<const Credentials>> Create(CredentialsConfig config);
  ~Credentials();
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  const std::string& realm() const { return realm_; }
  bool HaveSecrets() const;

  /// nullptr when no such user is given.
  const User* LookUp(absl::string_view name) const;
  const User* LookUp(const Userhash& userhash) const;

  /// nullopt when `name` can be no time-limited one: it has no expiry, or is longer than 508 bytes,
  /// or is not in OpaqueString form.
  std::optional<TimeLimitedName> ParseTimeLimited(absl::string_view name) const;
  /// What a time-limited credential grants whose password `secret`, one of the issuer's, has made.
  static GrantRef GrantOf(absl::string_view name, const TimeLimitedName& parsed,
                          const Secret& secret);

  /// What has become of a grant that other Credentials gave; none when its user, tenant or secret
  /// is not here any more, or the password is another one.
  GrantRef Renew(const Grant& grant) const;

 private:
  Credentials() = default;
  absl::Status AddUser(const StaticUser& user, absl::string_view fingerprint_key);
  void AddIssuer(TenantSecrets&& given, absl::string_view fingerprint_key);

  std::string realm_;
  absl::flat_hash_map<std::string, User> users_;
  absl::flat_hash_map<Userhash, std::string> names_;
  absl::flat_hash_map<std::string, Issuer> issuers_;  // by tenant
};

}  // namespace causeway::auth

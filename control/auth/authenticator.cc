#include "control/auth/authenticator.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "control/auth/keys.h"
#include "control/auth/nonce.h"
#include "control/auth/opaque_string.h"
#include "control/auth/password_algorithm.h"
#include "control/stun/hmac.h"

namespace causeway::auth {
namespace {

using stun::Attribute;
using stun::ErrorCode;
using stun::PasswordAlgorithm;

constexpr size_t kMaxUsername = 508;  // bytes, RFC 8489 section 14.3
constexpr size_t kMaxRealm = 127;     // characters, RFC 8489 section 14.9
constexpr size_t kMinNonceKey = 32;
constexpr size_t kCachedUsers = 16384;

void Wipe(std::string& text) { OPENSSL_cleanse(text.data(), text.size()); }

absl::string_view Text(stun::Bytes value) {
  return {reinterpret_cast<const char*>(value.data()), value.size()};
}

// RFC 8489 section 9.2.2: "any quotes and trailing nulls removed".
absl::string_view Unquoted(stun::Bytes value) {
  absl::string_view text = Text(value);
  while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

AuthResult Refusal(ErrorCode error) {
  AuthResult result;
  result.error = error;
  return result;
}

absl::Status Annotate(const absl::Status& status, absl::string_view what) {
  return absl::Status(status.code(), absl::StrCat(what, " ", status.message()));
}

size_t CountCharacters(absl::string_view utf8) {
  size_t count = 0;
  for (char c : utf8) count += (static_cast<uint8_t>(c) & 0xc0) != 0x80;
  return count;
}

class LongTermAuthenticator final : public Authenticator {
 public:
  LongTermAuthenticator(std::string realm, std::vector<std::string> secrets,
                        const NonceMint& nonces)
      : realm_(std::move(realm)),
        secrets_(std::move(secrets)),
        nonces_(nonces),
        proven_(kCachedUsers) {}
  ~LongTermAuthenticator() override {
    for (std::string& secret : secrets_) Wipe(secret);
  }

  absl::Status AddUser(const StaticUser& user);
  AuthResult Check(const stun::Message& request, const Endpoint& client, uint64_t now) override;
  void AddChallenge(stun::Writer& writer, const Endpoint& client, uint64_t now) override;

 private:
  // A request once its attributes are known to be there.
  struct Claim {
    const stun::Message& request;
    PasswordAlgorithm algorithm;
  };
  struct Identity {
    absl::string_view name;
    const stun::IntegrityKey* key;
    uint64_t expiry = 0;  // Unix seconds; 0: never
  };
  using User = std::pair<const std::string, ReadyKeys>;

  std::optional<Identity> Identify(const Claim& claim);
  std::optional<Identity> IdentifyByName(const Claim& claim, absl::string_view name);
  std::optional<Identity> IdentifyByHash(const Claim& claim, stun::Bytes userhash);
  static std::optional<Identity> IdentifyStatic(const Claim& claim, const User& user);
  static std::optional<Identity> IdentifyProven(const Claim& claim, const KeyCache::Entry* entry);
  std::optional<Identity> Prove(const Claim& claim, absl::string_view name);
  static bool KeyFits(const Claim& claim, const stun::IntegrityKey& key);

  std::string realm_;
  std::vector<std::string> secrets_;
  NonceMint nonces_;
  absl::flat_hash_map<std::string, ReadyKeys> users_;
  absl::flat_hash_map<Userhash, std::string> names_;
  KeyCache proven_;
};

absl::Status LongTermAuthenticator::AddUser(const StaticUser& user) {
  const auto name = OpaqueString(user.name);
  if (!name.ok()) return Annotate(name.status(), absl::StrCat("user name \"", user.name, "\""));
  if (name->size() > kMaxUsername) {
    return absl::InvalidArgumentError(
        absl::StrCat("user name of ", name->size(), " bytes is too long; at most ", kMaxUsername));
  }
  auto password = OpaqueString(user.password);
  if (!password.ok()) {
    return Annotate(password.status(), absl::StrCat("password of user \"", *name, "\""));
  }
  const auto keys = DeriveKeys(*name, realm_, *password);
  const auto hash = DeriveUserhash(*name, realm_);
  Wipe(*password);
  if (!keys || !hash) {
    return absl::FailedPreconditionError(
        "OpenSSL refuses MD5 or SHA-256, which RFC 8489 needs; turn its FIPS mode off");
  }
  if (!users_.emplace(*name, ReadyKeys(*keys)).second) {
    return absl::InvalidArgumentError(
        absl::StrCat("user \"", *name, "\" is given twice; leave one"));
  }
  names_.emplace(*hash, *name);
  return absl::OkStatus();
}

AuthResult LongTermAuthenticator::Check(const stun::Message& request, const Endpoint& client,
                                        uint64_t now) {
  if (!request.Has(Attribute::kMessageIntegrity) &&
      !request.Has(Attribute::kMessageIntegritySha256)) {
    return Refusal(ErrorCode::kUnauthenticated);
  }
  const stun::AttributeView* realm = request.LookUp(Attribute::kRealm);
  const stun::AttributeView* nonce = request.LookUp(Attribute::kNonce);
  const bool named = request.Has(Attribute::kUsername) || request.Has(Attribute::kUserhash);
  if (!named || realm == nullptr || nonce == nullptr) return Refusal(ErrorCode::kBadRequest);
  const auto algorithm = ChosenAlgorithm(request, Text(nonce->value));
  if (!algorithm) return Refusal(ErrorCode::kBadRequest);
  if (Unquoted(realm->value) != realm_) return Refusal(ErrorCode::kUnauthenticated);
  const auto identity = Identify({request, *algorithm});
  if (!identity) return Refusal(ErrorCode::kUnauthenticated);
  if (!nonces_.IsValid(Text(nonce->value), client, now)) {
    return Refusal(ErrorCode::kStaleNonce);
  }
  const bool modern =
      request.Has(Attribute::kPasswordAlgorithms) || request.Has(Attribute::kPasswordAlgorithm);
  AuthResult result;
  result.username = identity->name;
  result.key = identity->key;
  result.integrity = modern ? Attribute::kMessageIntegritySha256 : Attribute::kMessageIntegrity;
  result.rfc8489 = modern;
  result.credential_expiry = identity->expiry;
  result.credential_expired = identity->expiry != 0 && now >= identity->expiry;
  return result;
}

void LongTermAuthenticator::AddChallenge(stun::Writer& writer, const Endpoint& client,
                                         uint64_t now) {
  writer.AddText(Attribute::kRealm, realm_);
  writer.AddText(Attribute::kNonce, nonces_.Make(client, now));
  writer.AddPasswordAlgorithms(kOfferedAlgorithms);
}

std::optional<LongTermAuthenticator::Identity> LongTermAuthenticator::Identify(const Claim& claim) {
  const stun::AttributeView* username = claim.request.LookUp(Attribute::kUsername);
  if (username != nullptr) return IdentifyByName(claim, Unquoted(username->value));
  return IdentifyByHash(claim, claim.request.LookUp(Attribute::kUserhash)->value);
}

std::optional<LongTermAuthenticator::Identity> LongTermAuthenticator::IdentifyByName(
    const Claim& claim, absl::string_view name) {
  if (const auto user = users_.find(name); user != users_.end()) {
    return IdentifyStatic(claim, *user);
  }
  if (auto identity = IdentifyProven(claim, proven_.LookUp(name))) return identity;
  return Prove(claim, name);
}

std::optional<LongTermAuthenticator::Identity> LongTermAuthenticator::IdentifyByHash(
    const Claim& claim, stun::Bytes userhash) {
  Userhash hash;
  if (userhash.size() != hash.size()) return std::nullopt;
  std::copy(userhash.begin(), userhash.end(), hash.begin());
  if (const auto name = names_.find(hash); name != names_.end()) {
    return IdentifyStatic(claim, *users_.find(name->second));
  }
  return IdentifyProven(claim, proven_.LookUp(hash));
}

std::optional<LongTermAuthenticator::Identity> LongTermAuthenticator::IdentifyStatic(
    const Claim& claim, const User& user) {
  const stun::IntegrityKey& key = user.second.Of(claim.algorithm);
  if (!KeyFits(claim, key)) return std::nullopt;
  return Identity{user.first, &key};
}

std::optional<LongTermAuthenticator::Identity> LongTermAuthenticator::IdentifyProven(
    const Claim& claim, const KeyCache::Entry* entry) {
  if (entry == nullptr) return std::nullopt;
  const stun::IntegrityKey& key = entry->keys.Of(claim.algorithm);
  if (!KeyFits(claim, key)) return std::nullopt;
  return Identity{entry->name, &key, entry->expiry};
}

// The cached key, if there was one, did not fit; another secret may still have signed the name.
std::optional<LongTermAuthenticator::Identity> LongTermAuthenticator::Prove(
    const Claim& claim, absl::string_view name) {
  if (secrets_.empty() || name.size() > kMaxUsername || !IsOpaqueString(name)) return std::nullopt;
  const auto expiry = ExpiryOf(name);
  if (!expiry || *expiry == 0) return std::nullopt;
  for (const std::string& secret : secrets_) {
    const auto derived = DeriveKeys(name, realm_, TimeLimitedPassword(secret, name));
    if (!derived) return std::nullopt;
    const ReadyKeys keys(*derived);
    if (!KeyFits(claim, keys.Of(claim.algorithm))) continue;
    const auto hash = DeriveUserhash(name, realm_);
    if (!hash) return std::nullopt;
    const KeyCache::Entry* entry = proven_.Put({std::string(name), *hash, *expiry, keys});
    return Identity{entry->name, &entry->keys.Of(claim.algorithm), *expiry};
  }
  return std::nullopt;
}

// RFC 8489 section 14.6 lets a usage allow shorter SHA-256 tags; RFC 8656 does not.
bool LongTermAuthenticator::KeyFits(const Claim& claim, const stun::IntegrityKey& key) {
  const stun::AttributeView* sha256 = claim.request.LookUp(Attribute::kMessageIntegritySha256);
  if (sha256 == nullptr) {
    return claim.request.IntegrityMatches(Attribute::kMessageIntegrity, key);
  }
  return sha256->value.size() == stun::HashSize(stun::Hash::kSha256) &&
         claim.request.IntegrityMatches(Attribute::kMessageIntegritySha256, key);
}

absl::StatusOr<std::string> CheckedRealm(absl::string_view text) {
  auto realm = OpaqueString(text);
  if (!realm.ok()) return Annotate(realm.status(), absl::StrCat("realm \"", text, "\""));
  if (const size_t size = CountCharacters(*realm); size > kMaxRealm) {
    return absl::InvalidArgumentError(
        absl::StrCat("realm of ", size, " characters is too long; at most ", kMaxRealm));
  }
  if (realm->find_first_of("\"\\") != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("realm \"", text, "\" has a quote or backslash; leave it out"));
  }
  return realm;
}

absl::Status CheckRest(const AuthConfig& config) {
  if (config.users.empty() && config.secrets.empty()) {
    return absl::InvalidArgumentError(
        "no user and no shared secret is given, so nobody could log in; give one of them");
  }
  for (const std::string& secret : config.secrets) {
    if (secret.empty()) {
      return absl::InvalidArgumentError("a shared secret is empty; anybody could sign with it");
    }
  }
  if (config.nonce_lifetime_seconds == 0) {
    return absl::InvalidArgumentError("nonce lifetime is 0 seconds; give at least 1");
  }
  if (config.nonce_key.size() < kMinNonceKey) {
    return absl::InvalidArgumentError(absl::StrCat("nonce key has ", config.nonce_key.size(),
                                                   " bytes; give at least ", kMinNonceKey));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Authenticator>> Authenticator::Create(AuthConfig config) {
  auto realm = CheckedRealm(config.realm);
  if (!realm.ok()) return realm.status();
  if (absl::Status status = CheckRest(config); !status.ok()) return status;
  uint32_t features = kPasswordAlgorithmsFeature;
  if (config.secrets.empty()) features |= kUsernameAnonymityFeature;
  auto authenticator = std::make_unique<LongTermAuthenticator>(
      *std::move(realm), std::move(config.secrets),
      NonceMint(config.nonce_key, config.nonce_lifetime_seconds, features));
  OPENSSL_cleanse(config.nonce_key.data(), config.nonce_key.size());
  for (StaticUser& user : config.users) {
    const absl::Status status = authenticator->AddUser(user);
    Wipe(user.password);
    if (!status.ok()) return status;
  }
  return authenticator;
}

}  // namespace causeway::auth

#include "control/auth/authenticator.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/auth/keys.h"
#include "control/auth/nonce.h"
#include "control/auth/password_algorithm.h"
#include "control/stun/hmac.h"

namespace causeway::auth {
namespace {

using stun::Attribute;
using stun::ErrorCode;
using stun::PasswordAlgorithm;

constexpr size_t kMinNonceKey = 32;
constexpr size_t kCachedUsers = 16384;

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

class LongTermAuthenticator final : public Authenticator {
 public:
  LongTermAuthenticator(std::shared_ptr<const Credentials> credentials, NonceConfig&& config)
      : nonce_key_(std::move(config.nonce_key)),
        nonce_lifetime_seconds_(config.nonce_lifetime_seconds),
        proven_(kCachedUsers) {
    LongTermAuthenticator::Use(std::move(credentials));
  }
  ~LongTermAuthenticator() override { OPENSSL_cleanse(nonce_key_.data(), nonce_key_.size()); }

  AuthResult Check(const stun::Message& request, const Endpoint& client, uint64_t now) override;
  void AddChallenge(stun::Writer& writer, const Endpoint& client, uint64_t now) override;
  void Use(std::shared_ptr<const Credentials> credentials) override;

 private:
  // A request once its attributes are known to be there.
  struct Claim {
    const stun::Message& request;
    PasswordAlgorithm algorithm;
  };
  struct Identity {
    const Grant* grant;
    const stun::IntegrityKey* key;
  };

  std::optional<Identity> Identify(const Claim& claim);
  std::optional<Identity> IdentifyByName(const Claim& claim, absl::string_view name);
  std::optional<Identity> IdentifyByHash(const Claim& claim, stun::Bytes userhash);
  template <typename Known>  // Credentials::User or KeyCache::Entry
  static std::optional<Identity> IdentifyKnown(const Claim& claim, const Known* known);
  template <typename Key>  // name or userhash
  const KeyCache::Entry* LookUpProven(const Key& key);
  std::optional<Identity> Prove(const Claim& claim, absl::string_view name);
  static bool KeyFits(const Claim& claim, const stun::IntegrityKey& key);

  std::vector<uint8_t> nonce_key_;
  const uint32_t nonce_lifetime_seconds_;
  std::shared_ptr<const Credentials> credentials_;
  std::optional<NonceMint> nonces_;
  KeyCache proven_;
  uint32_t generation_ = 0;   // of credentials_
  uint32_t realm_since_ = 0;  // the generation that brought its realm
};

void LongTermAuthenticator::Use(std::shared_ptr<const Credentials> credentials) {
  uint32_t features = kPasswordAlgorithmsFeature;
  if (!credentials->HaveSecrets()) features |= kUsernameAnonymityFeature;
  nonces_.emplace(nonce_key_, nonce_lifetime_seconds_, features);
  ++generation_;
  if (credentials_ != nullptr && credentials->realm() != credentials_->realm()) {
    realm_since_ = generation_;
  }
  credentials_ = std::move(credentials);
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
  if (Unquoted(realm->value) != credentials_->realm()) return Refusal(ErrorCode::kUnauthenticated);
  const auto identity = Identify({request, *algorithm});
  if (!identity) return Refusal(ErrorCode::kUnauthenticated);
  if (!nonces_->IsValid(Text(nonce->value), client, now)) {
    return Refusal(ErrorCode::kStaleNonce);
  }
  const bool modern =
      request.Has(Attribute::kPasswordAlgorithms) || request.Has(Attribute::kPasswordAlgorithm);
  AuthResult result;
  result.grant = identity->grant;
  result.key = identity->key;
  result.integrity = modern ? Attribute::kMessageIntegritySha256 : Attribute::kMessageIntegrity;
  result.rfc8489 = modern;
  result.credential_expired = identity->grant->ExpiredAt(now);
  return result;
}

void LongTermAuthenticator::AddChallenge(stun::Writer& writer, const Endpoint& client,
                                         uint64_t now) {
  writer.AddText(Attribute::kRealm, credentials_->realm());
  writer.AddText(Attribute::kNonce, nonces_->Make(client, now));
  writer.AddPasswordAlgorithms(kOfferedAlgorithms);
}

std::optional<LongTermAuthenticator::Identity> LongTermAuthenticator::Identify(const Claim& claim) {
  const stun::AttributeView* username = claim.request.LookUp(Attribute::kUsername);
  if (username != nullptr) return IdentifyByName(claim, Unquoted(username->value));
  return IdentifyByHash(claim, claim.request.LookUp(Attribute::kUserhash)->value);
}

std::optional<LongTermAuthenticator::Identity> LongTermAuthenticator::IdentifyByName(
    const Claim& claim, absl::string_view name) {
  if (const auto* user = credentials_->LookUp(name)) return IdentifyKnown(claim, user);
  if (auto identity = IdentifyKnown(claim, LookUpProven(name))) return identity;
  return Prove(claim, name);
}

std::optional<LongTermAuthenticator::Identity> LongTermAuthenticator::IdentifyByHash(
    const Claim& claim, stun::Bytes userhash) {
  Userhash hash;
  if (userhash.size() != hash.size()) return std::nullopt;
  std::copy(userhash.begin(), userhash.end(), hash.begin());
  if (const auto* user = credentials_->LookUp(hash)) return IdentifyKnown(claim, user);
  return IdentifyKnown(claim, LookUpProven(hash));
}

// What was proven under earlier credentials holds as far as these renew the grant. Keys are of a
// realm.
template <typename Key>
const KeyCache::Entry* LongTermAuthenticator::LookUpProven(const Key& key) {
  const KeyCache::Entry* entry = proven_.LookUp(key);
  if (entry == nullptr || entry->generation == generation_) return entry;
  if (entry->generation < realm_since_) return nullptr;
  GrantRef renewed = credentials_->Renew(*entry->grant);
  if (!renewed) return nullptr;
  return proven_.Put({std::move(renewed), entry->userhash, entry->keys, generation_});
}

template <typename Known>
std::optional<LongTermAuthenticator::Identity> LongTermAuthenticator::IdentifyKnown(
    const Claim& claim, const Known* known) {
  if (known == nullptr) return std::nullopt;
  const stun::IntegrityKey& key = known->keys.Of(claim.algorithm);
  if (!KeyFits(claim, key)) return std::nullopt;
  return Identity{known->grant.get(), &key};
}

// The cached key, if there was one, did not fit; another secret may still have signed the name.
std::optional<LongTermAuthenticator::Identity> LongTermAuthenticator::Prove(
    const Claim& claim, absl::string_view name) {
  const auto parsed = credentials_->ParseTimeLimited(name);
  if (!parsed) return std::nullopt;
  const std::string& realm = credentials_->realm();
  for (const Credentials::Secret& secret : parsed->issuer->secrets) {
    const auto derived = DeriveKeys(name, realm, TimeLimitedPassword(secret.text, name));
    if (!derived) return std::nullopt;
    const ReadyKeys keys(*derived);
    if (!KeyFits(claim, keys.Of(claim.algorithm))) continue;
    const auto hash = DeriveUserhash(name, realm);
    if (!hash) return std::nullopt;
    const KeyCache::Entry* entry =
        proven_.Put({Credentials::GrantOf(name, *parsed, secret), *hash, keys, generation_});
    return Identity{entry->grant.get(), &entry->keys.Of(claim.algorithm)};
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

}  // namespace

absl::StatusOr<std::unique_ptr<Authenticator>> Authenticator::Create(
    NonceConfig config, std::shared_ptr<const Credentials> credentials) {
  if (config.nonce_lifetime_seconds == 0) {
    return absl::InvalidArgumentError("nonce lifetime is 0 seconds; give at least 1");
  }
  if (config.nonce_key.size() < kMinNonceKey) {
    return absl::InvalidArgumentError(absl::StrCat("nonce key has ", config.nonce_key.size(),
                                                   " bytes; give at least ", kMinNonceKey));
  }
  return std::make_unique<LongTermAuthenticator>(std::move(credentials), std::move(config));
}

absl::StatusOr<std::unique_ptr<Authenticator>> Authenticator::Create(AuthConfig config) {
  auto credentials = Credentials::Create(std::move(static_cast<CredentialsConfig&>(config)));
  if (!credentials.ok()) return credentials.status();
  return Create(std::move(static_cast<NonceConfig&>(config)), *std::move(credentials));
}

}  // namespace causeway::auth

#include "perf/gen/credentials.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "control/auth/nonce.h"
#include "control/auth/opaque_string.h"
#include "dataplane/byte_order.h"

namespace causeway::gen {
namespace {

using stun::Attribute;
using stun::Bytes;
using stun::PasswordAlgorithm;

absl::string_view Text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The best algorithm of a PASSWORD-ALGORITHMS value (RFC 8489 section 14.11).
std::optional<PasswordAlgorithm> BestOf(Bytes offered) {
  std::optional<PasswordAlgorithm> best;
  for (size_t at = 0; at + 4 <= offered.size();) {
    const uint16_t number = LoadBe16(&offered[at]);
    const size_t parameters = (LoadBe16(&offered[at + 2]) + size_t{3}) & ~size_t{3};
    if (number == static_cast<uint16_t>(PasswordAlgorithm::kSha256))
      best = PasswordAlgorithm::kSha256;
    if (number == static_cast<uint16_t>(PasswordAlgorithm::kMd5) && !best)
      best = PasswordAlgorithm::kMd5;
    at += 4 + parameters;
  }
  return best;
}

}  // namespace

absl::StatusOr<Credentials> Credentials::Create(const std::string& name,
                                                const std::string& password,
                                                const std::string& realm) {
  Credentials credentials;
  credentials.fixed_realm_ = realm;
  if (name.empty()) return credentials;
  absl::StatusOr<std::string> opaque = auth::OpaqueString(name);
  if (!opaque.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--user: the name is not allowed: ", opaque.status().message()));
  }
  credentials.name_ = *std::move(opaque);
  opaque = auth::OpaqueString(password);
  if (!opaque.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--user: the password is not allowed: ", opaque.status().message()));
  }
  credentials.password_ = *std::move(opaque);
  return credentials;
}

absl::Status Credentials::TakeChallenge(const stun::Message& challenge) {
  const stun::AttributeView* realm = challenge.LookUp(Attribute::kRealm);
  const stun::AttributeView* nonce = challenge.LookUp(Attribute::kNonce);
  const stun::AttributeView* offered = challenge.LookUp(Attribute::kPasswordAlgorithms);
  if (realm == nullptr || nonce == nullptr) {
    return absl::FailedPreconditionError(
        "the server asks for credentials but names no realm and nonce: is it a TURN server with "
        "the long-term credential mechanism?");
  }
  if (name_.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("the server asks for credentials (realm ",
                                                   Text(realm->value),
                                                   "): give --user "
                                                   "NAME:PASSWORD"));
  }
  const absl::string_view wanted = fixed_realm_.empty() ? Text(realm->value) : fixed_realm_;
  const Bytes algorithms = offered == nullptr ? Bytes() : offered->value;
  if (wanted == realm_ &&
      std::equal(algorithms.begin(), algorithms.end(), offered_.begin(), offered_.end())) {
    return absl::OkStatus();
  }
  realm_ = std::string(wanted);
  offered_.assign(algorithms.begin(), algorithms.end());
  algorithm_.reset();
  const std::optional<uint32_t> features = auth::NonceFeatures(Text(nonce->value));
  if (offered != nullptr && features && (*features & auth::kPasswordAlgorithmsFeature) != 0) {
    algorithm_ = BestOf(algorithms);
    if (!algorithm_) {
      return absl::FailedPreconditionError(
          "the server offers none of the password algorithms MD5 and SHA-256: change its "
          "configuration");
    }
  }
  return Rekey(features && (*features & auth::kUsernameAnonymityFeature) != 0);
}

absl::Status Credentials::Rekey(bool anonymous) {
  const std::optional<auth::UserKeys> keys = auth::DeriveKeys(name_, realm_, password_);
  userhash_ = anonymous ? auth::DeriveUserhash(name_, realm_) : std::nullopt;
  if (!keys || userhash_.has_value() != anonymous) {
    return absl::FailedPreconditionError(
        "OpenSSL refuses MD5 or SHA-256 on this machine (FIPS mode?): TURN's credentials take "
        "them");
  }
  key_ = keys->Of(algorithm_.value_or(PasswordAlgorithm::kMd5));
  return absl::OkStatus();
}

void Credentials::Sign(stun::Writer& request, Bytes nonce) const {
  if (userhash_) {
    request.AddBytes(Attribute::kUserhash, *userhash_);
  } else {
    request.AddText(Attribute::kUsername, name_);
  }
  request.AddText(Attribute::kRealm, realm_);
  request.AddBytes(Attribute::kNonce, nonce);
  if (algorithm_) {
    const uint8_t chosen[4] = {0, static_cast<uint8_t>(*algorithm_), 0, 0};
    request.AddBytes(Attribute::kPasswordAlgorithms, offered_);
    request.AddBytes(Attribute::kPasswordAlgorithm, chosen);
  }
  request.AddIntegrity(IntegrityAttribute(), key_->view());
}

bool Credentials::Verify(const stun::Message& response) const {
  return key_ && response.IntegrityMatches(IntegrityAttribute(), key_->view());
}

}  // namespace causeway::gen

#include "control/auth/credentials.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/auth/opaque_string.h"
#include "control/stun/hmac.h"
#include "dataplane/byte_order.h"

namespace causeway::auth {
namespace {

constexpr size_t kMaxUsername = 508;  // bytes, RFC 8489 section 14.3
constexpr size_t kMaxRealm = 127;     // characters, RFC 8489 section 14.9

void Wipe(std::string& text) { OPENSSL_cleanse(text.data(), text.size()); }

absl::Status Annotate(const absl::Status& status, absl::string_view what) {
  return absl::Status(status.code(), absl::StrCat(what, " ", status.message()));
}

size_t CountCharacters(absl::string_view utf8) {
  size_t count = 0;
  for (char c : utf8) count += (static_cast<uint8_t>(c) & 0xc0) != 0x80;
  return count;
}

uint64_t Fingerprint(absl::string_view key, absl::string_view text) {
  uint8_t mac[stun::kMaxHashSize];
  stun::Hmac(stun::Hash::kSha256, stun::AsBytes(key), {stun::AsBytes(text)}, mac);
  return LoadBe64(mac);
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

absl::Status CheckSecrets(const std::vector<std::string>& secrets, absl::string_view whose) {
  if (std::none_of(secrets.begin(), secrets.end(), [](const auto& s) { return s.empty(); })) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("a shared secret", whose, " is empty; anybody could sign with it"));
}

absl::Status CheckTenants(const CredentialsConfig& config) {
  absl::flat_hash_map<absl::string_view, bool> seen = {{kDefaultTenant, true}};
  for (const TenantSecrets& given : config.tenants) {
    const std::string& name = given.tenant.name;
    if (!seen.emplace(name, true).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("tenant \"", name, "\" is given twice; leave one"));
    }
    if (given.secrets.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tenant \"", name, "\" has no secret, so nobody could log in; give one"));
    }
    const absl::Status status =
        CheckSecrets(given.secrets, absl::StrCat(" of tenant \"", name, "\""));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Check(const CredentialsConfig& config) {
  if (config.users.empty() && config.secrets.empty() && config.tenants.empty()) {
    return absl::InvalidArgumentError(
        "no user, no shared secret and no tenant is given, so nobody could log in; give one of "
        "them");
  }
  if (absl::Status status = CheckSecrets(config.secrets, ""); !status.ok()) return status;
  return CheckTenants(config);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Credentials>> Credentials::Create(CredentialsConfig config) {
  auto realm = CheckedRealm(config.realm);
  if (!realm.ok()) return realm.status();
  if (absl::Status status = Check(config); !status.ok()) return status;
  const std::string key(config.fingerprint_key.begin(), config.fingerprint_key.end());
  std::shared_ptr<Credentials> made(new Credentials);
  made->realm_ = *std::move(realm);
  made->AddIssuer({config.tenant, std::move(config.secrets)}, key);
  for (TenantSecrets& given : config.tenants) made->AddIssuer(std::move(given), key);
  absl::Status status;
  for (StaticUser& user : config.users) {
    if (status.ok()) status = made->AddUser(user, key);
    Wipe(user.password);
  }
  if (!status.ok()) return status;
  return made;
}

Credentials::~Credentials() {
  for (auto& [name, issuer] : issuers_) {
    for (Secret& secret : issuer.secrets) Wipe(secret.text);
  }
}

void Credentials::AddIssuer(TenantSecrets&& given, absl::string_view fingerprint_key) {
  Issuer issuer;
  issuer.tenant = std::make_shared<const Tenant>(std::move(given.tenant));
  for (std::string& secret : given.secrets) {
    issuer.secrets.push_back({secret, Fingerprint(fingerprint_key, secret)});
    Wipe(secret);
  }
  const std::string& name = issuer.tenant->name;
  issuers_.emplace(name, std::move(issuer));
}

absl::Status Credentials::AddUser(const StaticUser& user, absl::string_view fingerprint_key) {
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
  Grant grant;
  grant.username = *name;
  grant.tenant = issuers_.at(kDefaultTenant).tenant;
  grant.limits = grant.tenant->limits;
  grant.source = {CredentialSource::Kind::kUser, Fingerprint(fingerprint_key, *password)};
  Wipe(*password);
  if (!keys || !hash) {
    return absl::FailedPreconditionError(
        "OpenSSL refuses MD5 or SHA-256, which RFC 8489 needs; turn its FIPS mode off");
  }
  User added = {ReadyKeys(*keys), GrantRef::Make(std::move(grant))};
  if (!users_.emplace(*name, std::move(added)).second) {
    return absl::InvalidArgumentError(
        absl::StrCat("user \"", *name, "\" is given twice; leave one"));
  }
  names_.emplace(*hash, *name);
  return absl::OkStatus();
}

bool Credentials::HaveSecrets() const {
  return std::any_of(issuers_.begin(), issuers_.end(),
                     [](const auto& entry) { return !entry.second.secrets.empty(); });
}

const Credentials::User* Credentials::LookUp(absl::string_view name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : &found->second;
}

const Credentials::User* Credentials::LookUp(const Userhash& userhash) const {
  const auto found = names_.find(userhash);
  return found == names_.end() ? nullptr : LookUp(found->second);
}

std::optional<Credentials::TimeLimitedName> Credentials::ParseTimeLimited(
    absl::string_view name) const {
  if (name.size() > kMaxUsername || !IsOpaqueString(name)) return std::nullopt;
  const auto expiry = ExpiryOf(name);
  if (!expiry || *expiry == 0) return std::nullopt;
  const size_t colon = name.find(':');
  const bool has_id = colon != absl::string_view::npos && colon + 1 < name.size();
  size_t principal_at = has_id ? colon + 1 : 0;
  const Issuer* issuer = &issuers_.at(kDefaultTenant);
  if (const size_t slash = name.find('/', principal_at); has_id && slash < name.size()) {
    const auto found = issuers_.find(name.substr(principal_at, slash - principal_at));
    if (found != issuers_.end()) {
      issuer = &found->second;
      principal_at = slash + 1 < name.size() ? slash + 1 : 0;
    }
  }
  return TimeLimitedName{issuer, *expiry, static_cast<uint16_t>(principal_at)};
}

GrantRef Credentials::GrantOf(absl::string_view name, const TimeLimitedName& parsed,
                              const Secret& secret) {
  const Tenant& tenant = *parsed.issuer->tenant;
  Grant grant;
  grant.username = std::string(name);
  grant.principal_at = parsed.principal_at;
  grant.on_expiry = tenant.on_expiry;
  grant.limits = tenant.limits;
  grant.tenant = parsed.issuer->tenant;
  grant.expiry = parsed.expiry;
  grant.source = {CredentialSource::Kind::kSecret, secret.fingerprint};
  return GrantRef::Make(std::move(grant));
}

GrantRef Credentials::Renew(const Grant& grant) const {
  const User* user = LookUp(grant.username);
  if (user != nullptr) return user->grant->source == grant.source ? user->grant : GrantRef();
  if (grant.source.kind != CredentialSource::Kind::kSecret) return {};
  const auto parsed = ParseTimeLimited(grant.username);
  if (!parsed) return {};
  for (const Secret& secret : parsed->issuer->secrets) {
    if (secret.fingerprint != grant.source.fingerprint) continue;
    return grant.tenant == parsed->issuer->tenant ? GrantRef(&grant)
                                                  : GrantOf(grant.username, *parsed, secret);
  }
  return {};
}

}  // namespace causeway::auth

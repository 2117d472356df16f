// A STUN client as far as authentication goes: signs requests as told, right or wrong.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "control/auth/authenticator.h"
#include "control/auth/keys.h"
#include "control/stun/hmac.h"
#include "control/stun/message.h"
#include "control/stun/writer.h"

namespace causeway::auth {

inline constexpr uint64_t kNow = 1'700'000'000;
inline constexpr char kRealm[] = "example.org";
inline const Endpoint kClient = {IpAddress::V4(0xC0000201), 40000};
inline constexpr stun::TransactionId kTransaction = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
/// PASSWORD-ALGORITHMS as the server offers them: SHA-256, MD5.
inline const std::string kOfferedList("\0\2\0\0\0\1\0\0", 8);

inline AuthConfig StaticConfig() {
  AuthConfig config;
  config.realm = kRealm;
  config.users = {{"alice", "secret"}, {"bob", "hidden"}};
  config.nonce_lifetime_seconds = 600;
  config.nonce_key = std::vector<uint8_t>(32, 0x5a);
  return config;
}

inline std::unique_ptr<Authenticator> Make(AuthConfig config) {
  auto authenticator = Authenticator::Create(std::move(config));
  EXPECT_TRUE(authenticator.ok()) << authenticator.status();
  return authenticator.ok() ? *std::move(authenticator) : nullptr;
}

inline std::string TextOf(const stun::Message& message, stun::Attribute type) {
  const stun::AttributeView* a = message.LookUp(type);
  return a == nullptr ? "absent" : std::string(a->value.begin(), a->value.end());
}

/// What a challenge to `client` says.
struct Challenge {
  std::string realm, nonce, algorithms;
  size_t size;
};

inline Challenge Challenged(Authenticator& authenticator, const Endpoint& client = kClient,
                            uint64_t now = kNow) {
  uint8_t buffer[512];
  stun::Writer writer(absl::MakeSpan(buffer), stun::Class::kError, stun::Method::kAllocate,
                      kTransaction);
  writer.AddErrorCode(stun::ErrorCode::kUnauthenticated);
  authenticator.AddChallenge(writer, client, now);
  stun::Message message;
  EXPECT_TRUE(message.Parse(writer.message()));
  return {TextOf(message, stun::Attribute::kRealm), TextOf(message, stun::Attribute::kNonce),
          TextOf(message, stun::Attribute::kPasswordAlgorithms), writer.message().size()};
}

/// What the key makes of nothing, under both hashes: equal for equal keys.
inline std::string TagUnder(const stun::IntegrityKey& key) {
  uint8_t tags[2 * stun::kMaxHashSize] = {};
  key.sha1.Sign({}, tags);
  key.sha256.Sign({}, tags + stun::kMaxHashSize);
  return {reinterpret_cast<const char*>(tags), sizeof(tags)};
}
inline std::string TagUnder(const Key& key) { return TagUnder(stun::IntegrityKey(key.view())); }

/// A request to be; what is nullopt is left out.
struct Request {
  std::optional<std::string> username = "alice";
  std::optional<std::string> userhash = std::nullopt;  // as on the wire
  std::optional<std::string> realm = kRealm;
  std::optional<std::string> nonce = std::nullopt;
  std::optional<std::string> algorithms = std::nullopt;  // PASSWORD-ALGORITHMS, as on the wire
  std::optional<std::string> algorithm = std::nullopt;   // PASSWORD-ALGORITHM, as on the wire
  std::string key_name = "alice";
  std::string key_password = "secret";
  stun::PasswordAlgorithm key_algorithm = stun::PasswordAlgorithm::kMd5;
  bool sha1 = true;
  bool sha256 = false;
  bool break_sha1 = false;  // signs it with another key

  Key SigningKey() const { return DeriveKeys(key_name, kRealm, key_password)->Of(key_algorithm); }

  std::vector<uint8_t> Build() const {
    std::vector<uint8_t> buffer(2000);
    stun::Writer writer(absl::MakeSpan(buffer), stun::Class::kRequest, stun::Method::kAllocate,
                        kTransaction);
    const auto add = [&](stun::Attribute type, const std::optional<std::string>& value) {
      if (value) writer.AddText(type, *value);
    };
    add(stun::Attribute::kUsername, username);
    add(stun::Attribute::kUserhash, userhash);
    add(stun::Attribute::kRealm, realm);
    add(stun::Attribute::kNonce, nonce);
    add(stun::Attribute::kPasswordAlgorithms, algorithms);
    add(stun::Attribute::kPasswordAlgorithm, algorithm);
    const Key key = SigningKey();
    if (sha1) {
      writer.AddIntegrity(stun::Attribute::kMessageIntegrity,
                          break_sha1 ? stun::AsBytes("broken") : key.view());
    }
    if (sha256) writer.AddIntegrity(stun::Attribute::kMessageIntegritySha256, key.view());
    buffer.resize(writer.message().size());
    return buffer;
  }

  AuthResult Sent(Authenticator& authenticator, const Endpoint& client = kClient,
                  uint64_t now = kNow) const {
    const auto datagram = Build();
    stun::Message message;
    EXPECT_TRUE(message.Parse(datagram));
    return authenticator.Check(message, client, now);
  }
};

/// As RFC 5389 clients do: MD5, HMAC-SHA1, no PASSWORD-ALGORITHM.
inline Request OldStyle(absl::string_view nonce) {
  Request request;
  request.nonce = std::string(nonce);
  return request;
}

/// As RFC 8489 clients do against the challenge of this server.
inline Request NewStyle(absl::string_view nonce) {
  Request request;
  request.nonce = std::string(nonce);
  request.algorithms = kOfferedList;
  request.algorithm = std::string("\0\2\0\0", 4);
  request.key_algorithm = stun::PasswordAlgorithm::kSha256;
  request.sha1 = false;
  request.sha256 = true;
  return request;
}

inline std::string HashOfName(absl::string_view name) {
  const auto hash = DeriveUserhash(name, kRealm);
  return hash ? std::string(hash->begin(), hash->end()) : "";
}

}  // namespace causeway::auth

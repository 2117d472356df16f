// Time-limited credentials as web services issue them, and the cache of their keys.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/control/auth/test_client.h"

namespace causeway::auth {
namespace {

using stun::ErrorCode;

AuthConfig SecretConfig() {
  AuthConfig config = StaticConfig();
  config.secrets = {"new secret", "old secret"};
  return config;
}

/// A request of `name` with the password that the web service made with `secret`.
Request Issued(Authenticator& server, absl::string_view name, absl::string_view secret) {
  Request request = OldStyle(Challenged(server).nonce);
  request.username = request.key_name = std::string(name);
  request.key_password = TimeLimitedPassword(secret, name);
  return request;
}

std::string NameUntil(uint64_t expiry, absl::string_view id = ":carol") {
  return absl::StrCat(expiry, id);
}

TEST(TimeLimitedPassword, IsBase64OfHmacSha1) {
  // printf '1400000000:jon' | openssl dgst -sha1 -hmac north -binary | base64
  EXPECT_EQ(TimeLimitedPassword("north", "1400000000:jon"), "4g39yOp9If3rRFmtvm+O5mcmHx0=");
}

TEST(TimeLimited, LogsInUnderAnySecretAndSaysWhenItHasExpired) {
  auto server = Make(SecretConfig());
  const std::string name = NameUntil(kNow + 100);
  for (const char* secret : {"new secret", "old secret"}) {
    const Request request = Issued(*server, name, secret);
    for (int repeat = 0; repeat < 2; ++repeat) {
      const AuthResult result = request.Sent(*server, kClient, kNow + 99);
      ASSERT_TRUE(result.ok()) << secret;
      EXPECT_EQ(result.grant->username, name);
      EXPECT_EQ(TagUnder(*result.key), TagUnder(request.SigningKey()));
      EXPECT_EQ(result.grant->expiry, kNow + 100);
      EXPECT_FALSE(result.credential_expired);
    }
    const AuthResult late = request.Sent(*server, kClient, kNow + 100);
    EXPECT_TRUE(late.ok());
    EXPECT_TRUE(late.credential_expired);
  }
}

TEST(TimeLimited, LogsInWithSha256Too) {
  auto server = Make(SecretConfig());
  const std::string name = NameUntil(kNow + 100);
  Request request = NewStyle(Challenged(*server).nonce);
  request.username = request.key_name = name;
  request.key_password = TimeLimitedPassword("old secret", name);
  EXPECT_TRUE(request.Sent(*server).ok());
  EXPECT_TRUE(Issued(*server, name, "old secret").Sent(*server).ok());
  EXPECT_TRUE(request.Sent(*server).ok());
}

TEST(TimeLimited, RefusesOtherSecretsAndForms) {
  auto server = Make(SecretConfig());
  const struct {
    std::string name;
    const char* secret;
    bool good;
  } cases[] = {
      {NameUntil(kNow + 9), "new secret", true},
      {NameUntil(kNow + 9), "revoked secret", false},
      {NameUntil(kNow + 9), "", false},
      {NameUntil(kNow + 9, ""), "new secret", true},
      {NameUntil(kNow + 9, ":"), "new secret", true},
      {NameUntil(kNow + 9, ":a:b"), "new secret", true},
      {NameUntil(kNow + 9, ":\u00E4"), "new secret", true},
      {NameUntil(kNow + 9, ":a\u0308"), "new secret", false},  // not NFC
      {NameUntil(kNow + 9, ":\xff"), "new secret", false},
      {NameUntil(kNow + 9, ":a\nb"), "new secret", false},
      {NameUntil(kNow), "new secret", false},
      {NameUntil(kNow - 1), "new secret", false},
      {"0:carol", "new secret", false},
      {absl::StrCat("carol:", kNow + 9), "new secret", false},
      {absl::StrCat(" ", kNow + 9, ":carol"), "new secret", false},
      {absl::StrCat("+", kNow + 9, ":carol"), "new secret", false},
      {":carol", "new secret", false},
      {"carol", "new secret", false},
      {"18446744073709551615:carol", "new secret", true},
      {"18446744073709551616:carol", "new secret", false},
      {NameUntil(kNow + 9, ":" + std::string(508 - 11, 'x')), "new secret", true},
      {NameUntil(kNow + 9, ":" + std::string(509 - 11, 'x')), "new secret", false},
  };
  for (const auto& c : cases) {
    const AuthResult result = Issued(*server, c.name, c.secret).Sent(*server);
    EXPECT_EQ(result.ok() && !result.credential_expired, c.good) << c.name;
  }
}

TEST(TimeLimited, IsFoundByHashOnceSeenByName) {
  auto server = Make(SecretConfig());
  const std::string name = NameUntil(kNow + 100);
  const Request by_name = Issued(*server, name, "old secret");
  Request by_hash = by_name;
  by_hash.username = std::nullopt;
  by_hash.userhash = HashOfName(name);
  EXPECT_EQ(by_hash.Sent(*server).error, ErrorCode::kUnauthenticated);
  ASSERT_TRUE(by_name.Sent(*server).ok());
  const AuthResult result = by_hash.Sent(*server);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.grant->username, name);
  EXPECT_EQ(result.grant->expiry, kNow + 100);
  EXPECT_TRUE(by_hash.Sent(*server, kClient, kNow + 100).credential_expired);
}

// The hash cannot be turned back: to forget it would be to refuse its owner.
TEST(TimeLimited, IsStillFoundByHashUnderNewCredentialsThatGrantIt) {
  auto server = Make(SecretConfig());
  const std::string name = NameUntil(kNow + 100);
  ASSERT_TRUE(Issued(*server, name, "old secret").Sent(*server).ok());
  Request by_hash = Issued(*server, name, "old secret");
  by_hash.username = std::nullopt;
  by_hash.userhash = HashOfName(name);
  const auto use = [&](auto change) {
    CredentialsConfig config = SecretConfig();
    change(config);
    server->Use(*Credentials::Create(config));
  };
  use([](CredentialsConfig& c) { c.tenant.limits.kbps = 100; });
  const AuthResult result = by_hash.Sent(*server);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.grant->limits.kbps, 100u);
  use([](CredentialsConfig& c) { c.realm = "another"; });
  use([](CredentialsConfig&) {});
  EXPECT_EQ(by_hash.Sent(*server).error, ErrorCode::kUnauthenticated) << "keys are of a realm";
  ASSERT_TRUE(Issued(*server, name, "old secret").Sent(*server).ok());
  EXPECT_TRUE(by_hash.Sent(*server).ok());
  use([](CredentialsConfig& c) { c.secrets = {"new secret"}; });
  EXPECT_EQ(by_hash.Sent(*server).error, ErrorCode::kUnauthenticated) << "its secret is gone";
}

TEST(TimeLimited, DoesNotShadowAStaticUser) {
  AuthConfig config = SecretConfig();
  const std::string name = NameUntil(kNow + 100);
  config.users.push_back({name, "static password"});
  auto server = Make(config);
  EXPECT_EQ(Issued(*server, name, "new secret").Sent(*server).error, ErrorCode::kUnauthenticated);
  Request request = OldStyle(Challenged(*server).nonce);
  request.username = request.key_name = name;
  request.key_password = "static password";
  const AuthResult result = request.Sent(*server);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.grant->expiry, 0u);
}

TEST(TimeLimited, WorksWithoutAnyStaticUser) {
  AuthConfig config = SecretConfig();
  config.users.clear();
  auto server = Make(config);
  EXPECT_TRUE(Issued(*server, NameUntil(kNow + 1), "new secret").Sent(*server).ok());
  EXPECT_EQ(OldStyle(Challenged(*server).nonce).Sent(*server).error, ErrorCode::kUnauthenticated);
}

KeyCache::Entry EntryOf(const std::string& name, uint8_t mark) {
  Grant grant;
  grant.username = name;
  grant.expiry = mark;
  return {GrantRef::Make(std::move(grant)), Userhash{mark}, ReadyKeys(UserKeys())};
}

TEST(KeyCache, DropsTheLeastRecentlyUsed) {
  KeyCache cache(2);
  cache.Put(EntryOf("a", 1));
  cache.Put(EntryOf("b", 2));
  ASSERT_NE(cache.LookUp("a"), nullptr);
  cache.Put(EntryOf("c", 3));
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(cache.LookUp("b"), nullptr);
  EXPECT_EQ(cache.LookUp(Userhash{2}), nullptr);
  ASSERT_NE(cache.LookUp(Userhash{1}), nullptr);
  EXPECT_EQ(cache.LookUp(Userhash{1})->grant->username, "a");
  EXPECT_EQ(cache.LookUp("c")->grant->expiry, 3u);
}

TEST(KeyCache, ReplacesTheEntryOfAName) {
  KeyCache cache(2);
  cache.Put(EntryOf("a", 1));
  cache.Put(EntryOf("a", 9));
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(cache.LookUp("a")->grant->expiry, 9u);
  EXPECT_EQ(cache.LookUp(Userhash{1}), nullptr);
}

}  // namespace
}  // namespace causeway::auth

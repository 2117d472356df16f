// Grants: who they are for, what they came from, and what becomes of them under other credentials.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/control/auth/test_client.h"

namespace causeway::auth {
namespace {

using stun::ErrorCode;

TenantSecrets Acme() {
  TenantSecrets acme;
  acme.tenant.name = "acme";
  acme.tenant.limits = {500, 60};
  acme.tenant.on_expiry = OnExpiry::kTerminate;
  acme.secrets = {"acme's new secret", "acme's old secret"};
  return acme;
}

AuthConfig TenantConfig() {
  AuthConfig config = StaticConfig();
  config.secrets = {"node's secret"};
  config.tenants = {Acme()};
  return config;
}

AuthResult LogIn(Authenticator& server, const std::string& name, const std::string& secret) {
  Request request = OldStyle(Challenged(server).nonce);
  request.username = request.key_name = name;
  request.key_password = TimeLimitedPassword(secret, name);
  return request.Sent(server);
}

struct Named {
  const char* test;
  const char* id;  // after the expiry
  const char* secret;
  const char* tenant;     // nullptr: refused
  const char* principal;  // nullptr: the whole name
};

class TenantName : public testing::TestWithParam<Named> {};

TEST_P(TenantName, SaysTenantAndPrincipal) {
  auto server = Make(TenantConfig());
  const std::string name = absl::StrCat(kNow + 100, GetParam().id);
  const AuthResult result = LogIn(*server, name, GetParam().secret);
  ASSERT_EQ(result.ok(), GetParam().tenant != nullptr);
  if (!result.ok()) return;
  EXPECT_EQ(result.grant->username, name);
  EXPECT_EQ(result.grant->tenant->name, GetParam().tenant);
  EXPECT_EQ(result.grant->principal(), GetParam().principal ? GetParam().principal : name);
  EXPECT_EQ(result.grant->expiry, kNow + 100);
  EXPECT_EQ(result.grant->source.kind, CredentialSource::Kind::kSecret);
}

const Named kNames[] = {
    {"plain", ":carol", "node's secret", "default", "carol"},
    {"colons", ":carol:2", "node's secret", "default", "carol:2"},
    {"no_id", "", "node's secret", "default", nullptr},
    {"empty_id", ":", "node's secret", "default", nullptr},
    {"tenant", ":acme/carol", "acme's new secret", "acme", "carol"},
    {"older_secret", ":acme/carol", "acme's old secret", "acme", "carol"},
    {"slashes", ":acme/a/b", "acme's new secret", "acme", "a/b"},
    {"tenant_alone", ":acme/", "acme's new secret", "acme", nullptr},
    {"no_such_tenant", ":other/carol", "node's secret", "default", "other/carol"},
    {"of_default_by_name", ":default/carol", "node's secret", "default", "carol"},
    {"tenant_by_the_nodes_secret", ":acme/carol", "node's secret", nullptr, nullptr},
    {"default_by_a_tenants_secret", ":carol", "acme's new secret", nullptr, nullptr},
};
INSTANTIATE_TEST_SUITE_P(Grant, TenantName, testing::ValuesIn(kNames),
                         [](const auto& test) { return std::string(test.param.test); });

TEST(Grant, CarriesTheTenantsRules) {
  auto server = Make(TenantConfig());
  const AuthResult acme = LogIn(*server, absl::StrCat(kNow + 1, ":acme/a"), "acme's new secret");
  ASSERT_TRUE(acme.ok());
  EXPECT_EQ(acme.grant->limits, (RateLimits{500, 60}));
  EXPECT_EQ(acme.grant->on_expiry, OnExpiry::kTerminate);
  const AuthResult alice = OldStyle(Challenged(*server).nonce).Sent(*server);
  ASSERT_TRUE(alice.ok());
  EXPECT_EQ(alice.grant->principal(), "alice");
  EXPECT_EQ(alice.grant->tenant->name, "default");
  EXPECT_EQ(alice.grant->limits, RateLimits());
  EXPECT_EQ(alice.grant->on_expiry, OnExpiry::kKeep);
  EXPECT_EQ(alice.grant->source.kind, CredentialSource::Kind::kUser);
}

TEST(Grant, TenantsAloneSuffice) {
  AuthConfig config = StaticConfig();
  config.users.clear();
  config.tenants = {Acme()};
  auto server = Make(config);
  ASSERT_NE(server, nullptr);
  EXPECT_TRUE(LogIn(*server, absl::StrCat(kNow + 1, ":acme/a"), "acme's new secret").ok());
  EXPECT_FALSE(LogIn(*server, absl::StrCat(kNow + 1, ":a"), "").ok());
}

TEST(Grant, OutlivesWhatMadeIt) {
  GrantRef kept;
  {
    auto server = Make(TenantConfig());
    kept = GrantRef(LogIn(*server, absl::StrCat(kNow + 1, ":acme/a"), "acme's new secret").grant);
  }
  const GrantRef shared = kept;
  kept = GrantRef();
  EXPECT_EQ(shared->principal(), "a");
  EXPECT_EQ(shared->tenant->name, "acme");
}

class Renewal : public testing::Test {
 protected:
  static std::shared_ptr<const Credentials> Derived(AuthConfig config) {
    return *Credentials::Create(std::move(static_cast<CredentialsConfig&>(config)));
  }
  GrantRef Of(const std::string& name, const std::string& secret) {
    return GrantRef(LogIn(*server_, name, secret).grant);
  }
  static std::string Name(const char* id) { return absl::StrCat(kNow + 100, id); }

  std::unique_ptr<Authenticator> server_ = Make(TenantConfig());
  GrantRef alice_{OldStyle(Challenged(*server_).nonce).Sent(*server_).grant};
  GrantRef of_node_ = Of(Name(":carol"), "node's secret");
  GrantRef of_new_ = Of(Name(":acme/carol"), "acme's new secret");
  GrantRef of_old_ = Of(Name(":acme/carol"), "acme's old secret");
  AuthConfig config_ = TenantConfig();
};

TEST_F(Renewal, TheSameConfigurationGrantsTheSame) {
  const auto credentials = Derived(config_);
  for (const GrantRef& grant : {alice_, of_node_, of_new_, of_old_}) {
    const GrantRef renewed = credentials->Renew(*grant);
    ASSERT_TRUE(renewed);
    EXPECT_EQ(renewed->username, grant->username);
    EXPECT_EQ(renewed->principal(), grant->principal());
    EXPECT_EQ(renewed->tenant->name, grant->tenant->name);
    EXPECT_EQ(renewed->source, grant->source);
    EXPECT_EQ(credentials->Renew(*renewed).get(), renewed.get());
  }
}

TEST_F(Renewal, AUserThatIsGoneOrHasAnotherPasswordHasNone) {
  config_.users[0].password = "another";
  EXPECT_FALSE(Derived(config_)->Renew(*alice_));
  config_.users.erase(config_.users.begin());
  const auto credentials = Derived(config_);
  EXPECT_FALSE(credentials->Renew(*alice_));
  EXPECT_TRUE(credentials->Renew(*of_node_));
}

TEST_F(Renewal, ASecretThatIsGoneTakesItsCredentialsAlone) {
  config_.tenants[0].secrets = {"acme's newest secret", "acme's new secret"};
  const auto credentials = Derived(config_);
  EXPECT_TRUE(credentials->Renew(*of_new_));
  EXPECT_FALSE(credentials->Renew(*of_old_));
  config_.secrets.clear();
  EXPECT_FALSE(Derived(config_)->Renew(*of_node_));
}

TEST_F(Renewal, ATenantThatIsGoneTakesItsCredentials) {
  config_.tenants.clear();
  config_.secrets.emplace_back("acme's newer secret");
  const auto credentials = Derived(config_);
  EXPECT_FALSE(credentials->Renew(*of_new_));
  EXPECT_TRUE(credentials->Renew(*of_node_));
}

TEST_F(Renewal, TakesTheTenantsNewRulesOver) {
  config_.tenants[0].tenant.limits = {9, 9};
  config_.tenants[0].tenant.on_expiry = OnExpiry::kKeep;
  const GrantRef renewed = Derived(config_)->Renew(*of_new_);
  ASSERT_TRUE(renewed);
  EXPECT_EQ(renewed->limits, (RateLimits{9, 9}));
  EXPECT_EQ(renewed->on_expiry, OnExpiry::kKeep);
}

TEST(Use, SwapsCredentialsAndKeepsNonces) {
  auto server = Make(TenantConfig());
  const std::string name = absl::StrCat(kNow + 100, ":acme/carol");
  Request request = OldStyle(Challenged(*server).nonce);
  request.username = request.key_name = name;
  request.key_password = TimeLimitedPassword("acme's old secret", name);
  EXPECT_TRUE(request.Sent(*server).ok());
  AuthConfig config = TenantConfig();
  config.tenants[0].secrets = {"acme's new secret"};
  server->Use(*Credentials::Create(std::move(static_cast<CredentialsConfig&>(config))));
  EXPECT_EQ(request.Sent(*server).error, ErrorCode::kUnauthenticated) << "its key was cached";
  request.key_password = TimeLimitedPassword("acme's new secret", name);
  EXPECT_TRUE(request.Sent(*server).ok());
}

struct BadTenant {
  const char* test;
  const char* says;
  void (*change)(CredentialsConfig&);
};

class BadTenants : public testing::TestWithParam<BadTenant> {};

TEST_P(BadTenants, AreRefusedWithTheReason) {
  AuthConfig config = TenantConfig();
  GetParam().change(config);
  const auto made = Authenticator::Create(config);
  ASSERT_FALSE(made.ok());
  EXPECT_TRUE(absl::StrContains(made.status().message(), GetParam().says)) << made.status();
}

const BadTenant kBadTenants[] = {
    {"twice", "tenant \"acme\" is given twice",
     [](CredentialsConfig& c) { c.tenants.push_back(Acme()); }},
    {"default", "tenant \"default\" is given twice",
     [](CredentialsConfig& c) { c.tenants[0].tenant.name = "default"; }},
    {"no_secret", "tenant \"acme\" has no secret",
     [](CredentialsConfig& c) { c.tenants[0].secrets.clear(); }},
    {"empty_secret", "secret of tenant \"acme\" is empty",
     [](CredentialsConfig& c) { c.tenants[0].secrets[0].clear(); }},
};
INSTANTIATE_TEST_SUITE_P(Grant, BadTenants, testing::ValuesIn(kBadTenants),
                         [](const auto& test) { return std::string(test.param.test); });

}  // namespace
}  // namespace causeway::auth

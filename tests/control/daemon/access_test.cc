#include "control/daemon/access.h"

#include <string>

#include "control/auth/authenticator.h"
#include "control/daemon/log.h"
#include "control/stun/message.h"
#include "control/stun/writer.h"
#include "gtest/gtest.h"

namespace causeway::daemon {
namespace {

constexpr uint64_t kNow = 1'700'000'000;
const Endpoint kClient = {IpAddress::V4(0xC6336407), 4000};

config::Config ConfigOf(const std::string& user, const std::string& password) {
  config::Config config;
  config.realm = "example.org";
  config.users = {{user, password}};
  return config;
}

IpAddress Parse(const char* text) { return *IpAddress::Parse(text); }

std::string Text(stun::Bytes bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

/// The nonce of a challenge.
std::string NonceOf(auth::Authenticator& authenticator) {
  uint8_t buffer[512];
  stun::Writer writer(absl::MakeSpan(buffer), stun::Class::kError, stun::Method::kAllocate, {});
  authenticator.AddChallenge(writer, kClient, kNow);
  stun::Message message;
  EXPECT_TRUE(message.Parse(writer.message()));
  return Text(message.LookUp(stun::Attribute::kNonce)->value);
}

/// What becomes of an Allocate request by `user`, signed with `key`.
auth::AuthResult CheckSigned(auth::Authenticator& authenticator, const std::string& nonce,
                             const std::string& user, stun::Bytes key) {
  uint8_t buffer[1024];
  stun::Writer writer(absl::MakeSpan(buffer), stun::Class::kRequest, stun::Method::kAllocate, {});
  writer.AddText(stun::Attribute::kUsername, user);
  writer.AddText(stun::Attribute::kRealm, "example.org");
  writer.AddText(stun::Attribute::kNonce, nonce);
  writer.AddIntegrity(stun::Attribute::kMessageIntegrity, key);
  stun::Message message;
  EXPECT_TRUE(message.Parse(writer.message()));
  return authenticator.Check(message, kClient, kNow);
}

// MD5("alice:example.org:secret") and MD5("bob:example.org:word").
constexpr uint8_t kAliceKey[] = {0x54, 0x3e, 0x1a, 0xec, 0x5d, 0x36, 0x14, 0xf0,
                                 0x31, 0x41, 0x65, 0x2d, 0x6a, 0xda, 0x51, 0xb2};
constexpr uint8_t kBobKey[] = {0xac, 0x30, 0x7d, 0xb6, 0x8e, 0xa3, 0x40, 0xb1,
                               0x61, 0xe4, 0x54, 0x28, 0xfb, 0x3e, 0x52, 0x3c};

std::shared_ptr<const access::Snapshot> SnapshotOf(const std::string& user,
                                                   const std::string& password) {
  return *MakeSnapshot(ConfigOf(user, password), {}, std::vector<uint8_t>(32, 7));
}

TEST(MakeSnapshot, TakesUsersAndKeepsNonces) {
  auth::NonceConfig nonces;
  nonces.nonce_key.assign(32, 7);
  const auto authenticator =
      *auth::Authenticator::Create(nonces, SnapshotOf("alice", "secret")->credentials);
  const std::string nonce = NonceOf(*authenticator);
  EXPECT_TRUE(CheckSigned(*authenticator, nonce, "alice", kAliceKey).ok());
  EXPECT_EQ(CheckSigned(*authenticator, nonce, "bob", kBobKey).error,
            stun::ErrorCode::kUnauthenticated);

  authenticator->Use(SnapshotOf("bob", "word")->credentials);
  EXPECT_TRUE(CheckSigned(*authenticator, nonce, "bob", kBobKey).ok());
  EXPECT_EQ(CheckSigned(*authenticator, nonce, "alice", kAliceKey).error,
            stun::ErrorCode::kUnauthenticated);
}

TEST(MakeSnapshot, SaysWhatIsWrong) {
  const auto made = MakeSnapshot(config::Config(), {}, std::vector<uint8_t>(32, 7));
  EXPECT_FALSE(made.ok());
}

TEST(MakePeerPolicies, DenyTheNodeAndAllowHairpin) {
  config::Config config = ConfigOf("alice", "secret");
  config.node.listen_addresses = {Parse("8.8.4.1")};
  config.node.relay_addresses = {Parse("8.8.4.1"), Parse("8.8.4.2")};
  config.allow_peers = {*Prefix::Parse("10.1.0.0/16")};
  config.deny_peers = {*Prefix::Parse("9.9.9.0/24")};
  const access::PeerPolicies policies =
      MakePeerPolicies(config, {Parse("8.8.4.3"), Parse("10.1.0.1")});
  const access::PeerPolicy& policy = policies.Of("default");
  EXPECT_EQ(policy.Check(Parse("8.8.4.1")), access::PeerVerdict::kAllowed);
  EXPECT_EQ(policy.Check(Parse("8.8.4.2")), access::PeerVerdict::kAllowed);
  EXPECT_EQ(policy.Check(Parse("8.8.4.3")), access::PeerVerdict::kDenied);
  EXPECT_EQ(policy.Check(Parse("10.1.0.1")), access::PeerVerdict::kDenied);
  EXPECT_EQ(policy.Check(Parse("10.1.0.2")), access::PeerVerdict::kAllowed);
  EXPECT_EQ(policy.Check(Parse("10.2.0.2")), access::PeerVerdict::kDenied);
  EXPECT_EQ(policy.Check(Parse("9.9.9.9")), access::PeerVerdict::kDenied);
  EXPECT_EQ(policy.Check(Parse("1.1.1.1")), access::PeerVerdict::kAllowed);

  config.allow_hairpin = false;
  EXPECT_EQ(MakePeerPolicies(config, {}).Of("default").Check(Parse("8.8.4.2")),
            access::PeerVerdict::kDenied);
  EXPECT_EQ(MakePeerPolicies(config, {}).Of("default").Check(Parse("8.8.4.1")),
            access::PeerVerdict::kDenied);
}

TEST(MakePeerPolicies, ATenantsRulesStandBesideTheNodes) {
  config::Config config = ConfigOf("alice", "secret");
  config.node.listen_addresses = {Parse("8.8.4.1")};
  config.allow_peers = {*Prefix::Parse("10.1.0.0/16")};
  config.deny_peers = {*Prefix::Parse("9.9.9.0/24")};
  config.tenants.resize(2);
  config.tenants[0].name = "acme";
  config.tenants[0].allow_peers = {*Prefix::Parse("10.2.0.0/16"), *Prefix::Parse("9.9.9.9/32")};
  config.tenants[0].deny_peers = {*Prefix::Parse("1.1.1.0/24")};
  config.tenants[1].name = "beta";
  const access::PeerPolicies policies = MakePeerPolicies(config, {});
  const auto allowed = [&](const char* tenant, const char* peer) {
    return policies.Of(tenant).Check(Parse(peer)) == access::PeerVerdict::kAllowed;
  };
  EXPECT_TRUE(allowed("acme", "10.1.0.2"));
  EXPECT_TRUE(allowed("acme", "10.2.0.2"));
  EXPECT_FALSE(allowed("acme", "1.1.1.1"));
  EXPECT_FALSE(allowed("acme", "9.9.9.9")) << "the node denies it";
  EXPECT_FALSE(allowed("acme", "8.8.4.1")) << "it is the node's own";
  for (const char* tenant : {"beta", "default"}) {
    EXPECT_TRUE(allowed(tenant, "10.1.0.2")) << tenant;
    EXPECT_FALSE(allowed(tenant, "10.2.0.2")) << tenant;
    EXPECT_TRUE(allowed(tenant, "1.1.1.1")) << tenant;
  }
}

TEST(MakeCredentialsConfig, GivesEachTenantItsLimits) {
  config::Config config = ConfigOf("alice", "secret");
  config.allocations_per_user = 7;
  config.tenants.resize(2);
  config.tenants[0].name = "acme";
  config.tenants[0].limits = {100, 3, 500, 60};
  config.tenants[0].end_with_credential = true;
  config.tenants[1].name = "beta";
  const auth::CredentialsConfig made = MakeCredentialsConfig(config);
  EXPECT_EQ(made.tenant.name, "default");
  EXPECT_EQ(made.tenant.allocations_per_user, 7u);
  EXPECT_EQ(made.tenant.on_expiry, auth::OnExpiry::kKeep);
  ASSERT_EQ(made.tenants.size(), 2u);
  const auth::Tenant& acme = made.tenants[0].tenant;
  EXPECT_EQ(acme.name, "acme");
  EXPECT_EQ(acme.allocations, 100u);
  EXPECT_EQ(acme.allocations_per_user, 3u);
  EXPECT_EQ(acme.limits, (auth::RateLimits{500, 60}));
  EXPECT_EQ(acme.on_expiry, auth::OnExpiry::kTerminate);
  const auth::Tenant& beta = made.tenants[1].tenant;
  EXPECT_EQ(beta.allocations, 0u);
  EXPECT_EQ(beta.allocations_per_user, 7u) << "the node's";
  EXPECT_EQ(beta.on_expiry, auth::OnExpiry::kKeep);
  config.end_with_credential = true;
  EXPECT_EQ(MakeCredentialsConfig(config).tenants[1].tenant.on_expiry, auth::OnExpiry::kTerminate);
}

TEST(OneLine, TakesControlCharactersOut) {
  EXPECT_EQ(OneLine("a\nb\tc\x1b[1m\x7f \xc3\xa4"), "a?b?c?[1m? \xc3\xa4");
}

}  // namespace
}  // namespace causeway::daemon

// What an allocation's grant decides: quotas of principals and tenants, peers, limits and marks.
#include <gtest/gtest.h>

#include "tests/control/turn/world.h"

namespace causeway::turn {
namespace {

World::Setup TwoTenants() {
  World::Setup setup;
  setup.secrets = {"node's secret"};
  setup.tenants.resize(2);
  setup.tenants[0].tenant.name = "acme";
  setup.tenants[0].secrets = {"acme's secret"};
  setup.tenants[1].tenant.name = "beta";
  setup.tenants[1].secrets = {"beta's secret"};
  return setup;
}

/// A client with a time-limited credential of `id`, which ends after `seconds`.
Client Issued(World& world, uint16_t port, const std::string& id, const std::string& secret,
              uint32_t seconds = 1000) {
  const std::string name = std::to_string(world.now.unix_seconds + seconds) + ":" + id;
  return Client(world, port, 0, name, TimeLimitedPassword(secret, name));
}

TEST(TenantQuota, CountsAPrincipalWhateverTheExpiryOfItsCredentials) {
  World::Setup setup = TwoTenants();
  setup.tenant.allocations_per_user = 2;
  setup.tenants[0].tenant.allocations_per_user = 1;
  World world(setup);
  EXPECT_TRUE(Issued(world, 1, "carol", "node's secret", 1).Allocate().ok());
  EXPECT_TRUE(Issued(world, 2, "carol", "node's secret", 2).Allocate().ok());
  EXPECT_EQ(Issued(world, 3, "carol", "node's secret", 3).Allocate().error(), 486);
  EXPECT_TRUE(Issued(world, 4, "dave", "node's secret", 3).Allocate().ok());
  EXPECT_TRUE(Issued(world, 5, "acme/carol", "acme's secret", 1).Allocate().ok())
      << "another tenant's carol";
  EXPECT_EQ(Issued(world, 6, "acme/carol", "acme's secret", 2).Allocate().error(), 486);
  for (const uint16_t port : {7, 8, 9}) {
    EXPECT_TRUE(Issued(world, port, "beta/carol", "beta's secret").Allocate().ok());
  }
}

TEST(TenantQuota, CountsATenantsAllocationsAndReservations) {
  World::Setup setup = TwoTenants();
  setup.tenants[0].tenant.allocations = 3;
  World world(setup);
  Client a = Issued(world, 1, "acme/a", "acme's secret");
  Client b = Issued(world, 2, "acme/b", "acme's secret");
  Client c = Issued(world, 3, "acme/c", "acme's secret");
  ASSERT_TRUE(a.Allocate().ok());
  const Answer pair = b.Allocate({EvenPort(true)});
  ASSERT_TRUE(pair.ok());
  EXPECT_EQ(c.Allocate().error(), 486);
  EXPECT_TRUE(Issued(world, 4, "beta/a", "beta's secret").Allocate().ok());
  EXPECT_EQ(Issued(world, 5, "acme/a", "acme's secret").Allocate({EvenPort(true)}).error(), 486);
  EXPECT_TRUE(c.Allocate({Token(*pair.token())}).ok()) << "the reservation counted already";
  ASSERT_TRUE(a.Refresh(0).ok());
  EXPECT_TRUE(Issued(world, 6, "acme/d", "acme's secret").Allocate().ok());
  EXPECT_EQ(Issued(world, 7, "acme/e", "acme's secret").Allocate().error(), 486);
}

TEST(TenantPolicy, DecidesOnPermissionsAndChannels) {
  World::Setup setup = TwoTenants();
  setup.tenant_policies["acme"].deny = {Prefix::Parse("1.2.3.0/24").value()};
  setup.tenant_policies["acme"].allow = {Prefix::Parse("10.1.0.0/16").value()};
  World world(setup);
  Client acme = Issued(world, 1, "acme/a", "acme's secret");
  Client beta = Issued(world, 2, "beta/a", "beta's secret");
  ASSERT_TRUE(acme.Allocate().ok());
  ASSERT_TRUE(beta.Allocate().ok());
  EXPECT_EQ(acme.CreatePermission({Peer(At("1.2.3.4", 0))}).error(), 403);
  EXPECT_EQ(acme.ChannelBind(0x4000, At("1.2.3.4", 9)).error(), 403);
  EXPECT_TRUE(acme.ChannelBind(0x4000, At("10.1.0.1", 9)).ok());
  EXPECT_TRUE(beta.CreatePermission({Peer(At("1.2.3.4", 0))}).ok());
  EXPECT_EQ(beta.ChannelBind(0x4000, At("10.1.0.1", 9)).error(), 403);
}

TEST(TenantPolicy, OfOneTenantThatChangesTakesNothingFromAnother) {
  World world(TwoTenants());
  Client acme = Issued(world, 1, "acme/a", "acme's secret");
  Client beta = Issued(world, 2, "beta/a", "beta's secret");
  for (Client* client : {&acme, &beta}) {
    ASSERT_TRUE(client->Allocate().ok());
    ASSERT_TRUE(client->ChannelBind(0x4000, At(kPeer, 9)).ok());
  }
  world.setup.tenant_policies["acme"].deny = {Prefix::Parse("1.2.3.0/24").value()};
  world.UseAccess();
  ASSERT_EQ(world.dataplane.permissions.size(), 1u);
  EXPECT_EQ(world.dataplane.channels.size(), 1u);
  EXPECT_TRUE(beta.ChannelBind(0x4000, At(kPeer, 9)).ok());
}

TEST(Grant, PeersOfItsOwnNarrowThePolicy) {
  auth::Grant grant;
  grant.tenant = std::make_shared<const auth::Tenant>();
  const access::PeerPolicies policies{access::PeerPolicy({})};
  EXPECT_EQ(policies.Check(grant, Ip("1.2.3.4")), access::PeerVerdict::kAllowed);
  grant.peers = {Prefix::Parse("1.2.3.0/24").value(), Prefix::Parse("10.0.0.0/8").value()};
  EXPECT_EQ(policies.Check(grant, Ip("1.2.3.4")), access::PeerVerdict::kAllowed);
  EXPECT_EQ(policies.Check(grant, Ip("1.2.4.4")), access::PeerVerdict::kDenied);
  EXPECT_EQ(policies.Check(grant, Ip("10.0.0.1")), access::PeerVerdict::kDenied);
}

TEST(TenantLimits, ReachTheShardAfterTheAllocation) {
  World::Setup setup = TwoTenants();
  setup.tenants[0].tenant.limits = {500, 60};
  World world(setup);
  ASSERT_TRUE(Issued(world, 1, "beta/a", "beta's secret").Allocate().ok());
  EXPECT_TRUE(world.dataplane.All<SetLimits>().empty()) << "no cap, no command";
  ASSERT_TRUE(Issued(world, 2, "acme/a", "acme's secret").Allocate().ok());
  const auto limits = world.dataplane.All<SetLimits>();
  ASSERT_EQ(limits.size(), 1u);
  EXPECT_EQ(limits[0].kbps, 500u);
  EXPECT_EQ(limits[0].packets_per_second, 60u);
  EXPECT_EQ(limits[0].allocation, world.dataplane.All<InstallAllocation>()[1].allocation);
  EXPECT_TRUE(world.dataplane.All<SetMarking>().empty());
}

TEST(TenantCredential, EndsItsAllocationsWhenTheTenantSaysSo) {
  World::Setup setup = TwoTenants();
  setup.tenants[0].tenant.on_expiry = auth::OnExpiry::kTerminate;
  World world(setup);
  Client acme = Issued(world, 1, "acme/a", "acme's secret", 100);
  Client beta = Issued(world, 2, "beta/a", "beta's secret", 100);
  EXPECT_EQ(acme.Allocate({Lifetime(3000)}).lifetime(), 100u);
  EXPECT_EQ(beta.Allocate({Lifetime(3000)}).lifetime(), 3000u);
  world.Pass(1010);
  EXPECT_EQ(world.dataplane.allocations.size(), 1u);
  EXPECT_TRUE(beta.Refresh().ok());
}

}  // namespace
}  // namespace causeway::turn

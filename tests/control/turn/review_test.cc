// What becomes of allocations when users, secrets, tenants or rules change.
#include <gtest/gtest.h>

#include <map>

#include "control/turn/operator.h"
#include "tests/control/turn/world.h"

namespace causeway::turn {
namespace {

class Ends : public Observer {
 public:
  void OnEnded(const EndedAllocation& ended) override {
    reasons[std::string(ended.grant.principal())] = ended.reason;
  }
  std::map<std::string, EndReason> reasons;
};

World::Setup ReviewSetup() {
  World::Setup setup;
  setup.secrets = {"new", "old"};
  setup.tenants.resize(1);
  setup.tenants[0].tenant.name = "acme";
  setup.tenants[0].secrets = {"acme's secret"};
  setup.node.shards = 2;
  setup.node.allocations_per_shard = 3000;
  setup.node.permissions_per_shard = 3000;
  setup.node.channels_per_shard = 3000;
  setup.limits.max_allocations = 6000;
  return setup;
}

class ReviewTest : public testing::Test {
 protected:
  void SetUp() override { world_.server->operators().Observe(ends_); }
  /// A client with a time-limited credential, which has an allocation.
  Client Issued(uint16_t port, const std::string& id, const std::string& secret,
                uint32_t seconds = 1000) {
    const std::string name = std::to_string(world_.now.unix_seconds + seconds) + ":" + id;
    Client client(world_, port, 0, name, TimeLimitedPassword(secret, name));
    EXPECT_TRUE(client.Allocate().ok());
    return client;
  }
  void UseAccess() {
    world_.UseAccess();
    world_.DeliverEvents();
  }
  size_t LivingOf(const std::string& tenant, const std::string& user) {
    Operator::Filter filter;
    filter.tenant = tenant;
    filter.user = user;
    return world_.server->operators().List(filter, 0, 100).items.size();
  }

  World world_{ReviewSetup()};
  Ends ends_;
};

using Reasons = std::map<std::string, EndReason>;

TEST_F(ReviewTest, NothingChangesWhenNothingHasChanged) {
  Client alice(world_, 1);
  ASSERT_TRUE(alice.Allocate().ok());
  ASSERT_TRUE(alice.ChannelBind(0x4000, At(kPeer, 9)).ok());
  Client carol = Issued(2, "carol", "old");
  const size_t before = world_.dataplane.commands.size();
  UseAccess();
  EXPECT_EQ(world_.dataplane.commands.size(), before);
  EXPECT_TRUE(alice.Refresh().ok());
  EXPECT_TRUE(carol.Refresh().ok());
  EXPECT_FALSE(world_.server->ReviewSlice(world_.now));
}

TEST_F(ReviewTest, AUserThatIsGoneOrHasAnotherPasswordIsEnded) {
  Client alice(world_, 1);
  Client bob(world_, 2, 0, "bob", "hunter2");
  ASSERT_TRUE(alice.Allocate().ok());
  ASSERT_TRUE(bob.Allocate().ok());
  world_.setup.users = {{"alice", "another"}, {"bob", "hunter2"}};
  UseAccess();
  EXPECT_EQ(ends_.reasons, (Reasons{{"alice", EndReason::kRevoked}}));
  EXPECT_EQ(alice.Refresh().error(), 401);
  alice.password = "another";
  EXPECT_EQ(alice.Refresh().error(), 437);
  EXPECT_TRUE(alice.Allocate().ok());
  world_.setup.users = {{"alice", "another"}};
  UseAccess();
  EXPECT_EQ(ends_.reasons.at("bob"), EndReason::kRevoked);
  EXPECT_EQ(world_.dataplane.allocations.size(), 1u);
}

TEST_F(ReviewTest, ASecretOrTenantThatIsGoneEndsWhatItMade) {
  Client of_old = Issued(1, "carol", "old");
  Client of_new = Issued(2, "dave", "new");
  Client of_acme = Issued(3, "acme/erin", "acme's secret");
  world_.setup.secrets = {"newest", "new"};
  UseAccess();
  EXPECT_EQ(ends_.reasons, (Reasons{{"carol", EndReason::kRevoked}}));
  EXPECT_TRUE(of_new.Refresh().ok());
  EXPECT_TRUE(of_acme.Refresh().ok());
  world_.setup.tenants.clear();
  UseAccess();
  EXPECT_EQ(ends_.reasons.at("erin"), EndReason::kRevoked);
  EXPECT_TRUE(of_new.Refresh().ok());
  EXPECT_EQ(world_.dataplane.allocations.size(), 1u);
}

TEST_F(ReviewTest, NewLimitsOfATenantReachItsAllocations) {
  Issued(1, "acme/erin", "acme's secret");
  Issued(2, "carol", "new");
  world_.setup.tenants[0].tenant.limits = {500, 60};
  UseAccess();
  const auto limits = world_.dataplane.All<SetLimits>();
  ASSERT_EQ(limits.size(), 1u);
  EXPECT_EQ(limits[0].kbps, 500u);
  EXPECT_EQ(limits[0].packets_per_second, 60u);
  EXPECT_TRUE(ends_.reasons.empty());
}

TEST_F(ReviewTest, WhatAnOperatorSetStaysUntilTheTenantsLimitsChange) {
  Issued(1, "acme/erin", "acme's secret");
  Operator& operators = world_.server->operators();
  const auto serial = operators.List({}, 0, 1).items.at(0).serial;
  ASSERT_TRUE(operators.Limit(serial, {7, 7}));
  world_.setup.users.pop_back();
  UseAccess();
  EXPECT_EQ(operators.Get(serial)->limits, (auth::RateLimits{7, 7}));
  world_.setup.tenants[0].tenant.limits = {500, 60};
  UseAccess();
  EXPECT_EQ(operators.Get(serial)->limits, (auth::RateLimits{500, 60}));
}

TEST_F(ReviewTest, CredentialsThatMayNotBeOutlivedAnyMoreEndTheirAllocations) {
  Client expired = Issued(1, "carol", "new", 10);
  Client soon = Issued(2, "dave", "new", 100);
  Client later = Issued(3, "erin", "new", 100000);
  world_.Pass(20 * 10);
  world_.setup.tenant.on_expiry = auth::OnExpiry::kTerminate;
  UseAccess();
  EXPECT_EQ(ends_.reasons, (Reasons{{"carol", EndReason::kCredentialExpired}}));
  const auto refreshed = world_.dataplane.All<RefreshAllocation>();
  ASSERT_EQ(refreshed.size(), 1u) << "dave's alone lasts longer than its credential";
  EXPECT_EQ(refreshed[0].expiry, world_.now.monotonic + 80 * 10);
  world_.Pass(80 * 10);
  EXPECT_EQ(ends_.reasons.at("dave"), EndReason::kCredentialExpired);
  EXPECT_TRUE(later.Refresh().ok());
}

// "acme/carol" was the default tenant's own name as long as there was no tenant "acme".
TEST_F(ReviewTest, AnAllocationMovesToTheTenantThatItsNameMeansNow) {
  world_.setup.tenants.clear();
  UseAccess();
  Issued(1, "acme/carol", "new");
  EXPECT_EQ(LivingOf("default", "acme/carol"), 1u);
  world_.setup.tenants = ReviewSetup().tenants;
  world_.setup.tenants[0].secrets = {"new"};
  UseAccess();
  EXPECT_TRUE(ends_.reasons.empty());
  EXPECT_EQ(LivingOf("default", "acme/carol"), 0u);
  EXPECT_EQ(LivingOf("acme", "carol"), 1u);
}

TEST_F(ReviewTest, GoesInSlices) {
  constexpr unsigned kMany = 4000;
  for (unsigned i = 0; i < kMany; ++i) {
    ASSERT_TRUE(Client(world_, static_cast<uint16_t>(1000 + i)).Allocate().ok());
  }
  world_.setup.users = {{"bob", "hunter2"}};
  world_.server->Use(world_.MakeAccess());
  unsigned slices = 0;
  for (bool more = true; more; ++slices) {
    const size_t before = world_.stats().allocations;
    more = world_.server->ReviewSlice(world_.now);
    EXPECT_LE(before - world_.stats().allocations, 512u);
  }
  EXPECT_GE(slices, kMany / 512);
  EXPECT_EQ(world_.stats().allocations, 0u);
}

TEST_F(ReviewTest, ARequestIsJudgedByWhatIsGrantedNow) {
  Client alice(world_, 1);
  ASSERT_TRUE(alice.Allocate().ok());
  Client bob(world_, 2, 0, "bob", "hunter2");
  ASSERT_TRUE(bob.Allocate().ok());
  ASSERT_TRUE(bob.ChannelBind(0x4000, At(kPeer, 9)).ok());
  world_.setup.users = {{"alice", "another"}, {"bob", "hunter2"}};
  world_.setup.policy.deny = {Prefix::Parse("1.2.3.0/24").value()};
  world_.server->Use(world_.MakeAccess());
  EXPECT_EQ(alice.Refresh().error(), 401);
  EXPECT_EQ(world_.dataplane.allocations.size(), 2u) << "it was not alice who asked";
  alice.password = "another";
  EXPECT_EQ(alice.Refresh().error(), 437);
  EXPECT_EQ(world_.dataplane.allocations.size(), 1u);
  EXPECT_EQ(bob.CreatePermission({Peer(At(kPeer, 0))}).error(), 403);
  EXPECT_TRUE(world_.dataplane.channels.empty());
  EXPECT_TRUE(world_.dataplane.permissions.empty());
}

TEST_F(ReviewTest, BeginsAnewWithTheNextChange) {
  constexpr unsigned kMany = 2000;
  for (unsigned i = 0; i < kMany; ++i) {
    ASSERT_TRUE(Client(world_, static_cast<uint16_t>(1000 + i)).Allocate().ok());
  }
  world_.server->Use(world_.MakeAccess());
  ASSERT_TRUE(world_.server->ReviewSlice(world_.now));
  world_.setup.users = {{"bob", "hunter2"}};
  UseAccess();
  EXPECT_EQ(world_.stats().allocations, 0u);
}

}  // namespace
}  // namespace causeway::turn

// RFC 8656 section 8.
#include <gtest/gtest.h>

#include "tests/control/turn/world.h"

namespace causeway::turn {
namespace {

using stun::Attribute;

TEST(RefreshTest, SetsTheExpiry) {
  const struct {
    std::optional<uint32_t> asked;
    uint32_t granted;
  } cases[] = {{std::nullopt, 600}, {1, 600}, {600, 600}, {900, 900}, {9999, 3600}};
  for (const auto& c : cases) {
    World world;
    Client client(world, 40000);
    ASSERT_TRUE(client.Allocate().ok());
    world.Pass(1234);
    const Answer answer = client.Refresh(c.asked);
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer.lifetime(), c.granted);
    EXPECT_EQ(world.dataplane.allocations.begin()->second.expiry,
              world.now.monotonic + 10 * c.granted);
    world.Pass(10 * c.granted - 1);
    EXPECT_EQ(world.dataplane.allocations.size(), 1u);
    world.Pass(1);
    EXPECT_TRUE(world.dataplane.allocations.empty());
  }
}

TEST(RefreshTest, ZeroDeletesWithPermissionsAndChannels) {
  World world;
  Client client(world, 40000);
  ASSERT_TRUE(client.Allocate().ok());
  ASSERT_TRUE(client.ChannelBind(0x4000, At(kPeer, 5000)).ok());
  const Answer answer = client.Refresh(0);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.lifetime(), 0u);
  EXPECT_TRUE(world.dataplane.allocations.empty());
  EXPECT_TRUE(world.dataplane.permissions.empty());
  EXPECT_TRUE(world.dataplane.channels.empty());
  EXPECT_EQ(world.stats().allocations + world.stats().permissions + world.stats().channels, 0u);
  EXPECT_EQ(world.stats().expired_total, 0u);
  client.repeat_transaction = true;
  EXPECT_EQ(client.Refresh(0).error(), 437) << "a retransmission; the client takes it for success";
}

TEST(RefreshTest, MalformedAttributes) {
  World world;
  Client client(world, 40000);
  ASSERT_TRUE(client.Allocate().ok());
  EXPECT_EQ(client.Refresh({}, {Raw(Attribute::kLifetime, {})}).error(), 400);
  EXPECT_EQ(client.Refresh({}, {Raw(Attribute::kRequestedAddressFamily, {1})}).error(), 400);
}

TEST(RefreshTest, FamilyMustBeTheAllocations) {
  World world;
  Client client(world, 40000);
  ASSERT_TRUE(client.Allocate().ok());
  EXPECT_EQ(client.Refresh({}, {RequestedFamily(2)}).error(), 443);
  EXPECT_EQ(client.Refresh(0, {RequestedFamily(2)}).error(), 443);
  EXPECT_EQ(client.Refresh({}, {RequestedFamily(0)}).error(), 443);
  EXPECT_EQ(client.Refresh({}, {RequestedFamily(9)}).error(), 443);
  EXPECT_TRUE(client.Refresh({}, {RequestedFamily(1)}).ok());
  EXPECT_TRUE(client.Refresh(0, {RequestedFamily(1)}).ok());
  EXPECT_TRUE(world.dataplane.allocations.empty());
}

class DualTest : public testing::Test {
 protected:
  DualTest() : client(world, 40000) {
    EXPECT_TRUE(client.Allocate({AdditionalFamily(2)}).ok());
    EXPECT_TRUE(client.ChannelBind(0x4000, At(kPeer, 5000)).ok());
    world.Pass(10);
    EXPECT_TRUE(client.ChannelBind(0x4001, At(kPeer6, 5000)).ok());
  }
  const InstallAllocation& Installed() { return world.dataplane.allocations.begin()->second; }

  World world;
  Client client;
};

TEST_F(DualTest, RefreshWithoutFamilyAppliesToBoth) {
  ASSERT_TRUE(client.Refresh(1000).ok());
  world.Pass(9999);
  EXPECT_TRUE(Installed().relay_v4.IsSet());
  EXPECT_TRUE(Installed().relay_v6.IsSet());
  world.Pass(1);
  EXPECT_TRUE(world.dataplane.allocations.empty());
}

TEST_F(DualTest, DeletingOneFamilyLeavesTheOther) {
  const SetPermission permission = world.dataplane.All<SetPermission>()[1];
  const BindChannel channel = world.dataplane.All<BindChannel>()[1];
  const RelayPort v6 = Installed().relay_v6;
  const Answer answer = client.Refresh(0, {RequestedFamily(1)});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.lifetime(), 0u);
  ASSERT_EQ(world.dataplane.allocations.size(), 1u);
  EXPECT_FALSE(Installed().relay_v4.IsSet());
  EXPECT_EQ(Installed().relay_v6, v6);
  ASSERT_EQ(world.dataplane.permissions.size(), 1u);
  const SetPermission& left = world.dataplane.permissions.begin()->second;
  EXPECT_EQ(left.peer, Ip(kPeer6));
  EXPECT_EQ(left.permission, permission.permission);
  EXPECT_EQ(left.expiry, permission.expiry);
  ASSERT_EQ(world.dataplane.channels.size(), 1u);
  EXPECT_EQ(world.dataplane.channels.begin()->second.number, 0x4001);
  EXPECT_EQ(world.dataplane.channels.begin()->second.expiry, channel.expiry);
  EXPECT_EQ(client.Refresh(0, {RequestedFamily(1)}).error(), 443) << "deleted already";
  EXPECT_EQ(client.CreatePermission({Peer(At(kPeer, 0))}).error(), 443);
  EXPECT_TRUE(client.CreatePermission({Peer(At(kPeer6, 0))}).ok());
  EXPECT_TRUE(client.Refresh(0, {RequestedFamily(2)}).ok());
  EXPECT_TRUE(world.dataplane.allocations.empty());
}

TEST_F(DualTest, FamiliesExpireOnTheirOwn) {
  ASSERT_TRUE(client.Refresh(1000, {RequestedFamily(2)}).ok());
  EXPECT_EQ(Installed().expiry, world.now.monotonic + 10000);
  world.Pass(5989);
  EXPECT_TRUE(Installed().relay_v4.IsSet());
  world.Pass(1);
  ASSERT_EQ(world.dataplane.allocations.size(), 1u);
  EXPECT_FALSE(Installed().relay_v4.IsSet());
  EXPECT_TRUE(Installed().relay_v6.IsSet());
  EXPECT_EQ(world.stats().expired_total, 0u);
  world.Pass(10000 - 5990);
  EXPECT_TRUE(world.dataplane.allocations.empty());
  EXPECT_EQ(world.stats().expired_total, 1u);
}

TEST_F(DualTest, TheSecondFamilyMayGoFirst) {
  ASSERT_TRUE(client.Refresh(1000, {RequestedFamily(1)}).ok());
  world.Pass(5990);
  EXPECT_TRUE(Installed().relay_v4.IsSet());
  EXPECT_FALSE(Installed().relay_v6.IsSet());
  EXPECT_TRUE(client.Refresh(700).ok());
  EXPECT_EQ(Installed().expiry, world.now.monotonic + 7000);
}

TEST_F(DualTest, AFreedFamilysPortIsFree) {
  World::Setup setup;
  setup.node.relay_port_first = setup.node.relay_port_last = 50000;
  World small(setup);
  Client dual(small, 40000);
  ASSERT_TRUE(dual.Allocate({AdditionalFamily(2)}).ok());
  EXPECT_EQ(Client(small, 40001).Allocate({RequestedFamily(2)}).error(), 508);
  ASSERT_TRUE(dual.Refresh(0, {RequestedFamily(2)}).ok());
  EXPECT_TRUE(Client(small, 40001).Allocate({RequestedFamily(2)}).ok());
}

}  // namespace
}  // namespace causeway::turn

// CreatePermission and ChannelBind (RFC 8656 sections 9, 10 and 12).
#include <gtest/gtest.h>

#include "tests/control/turn/world.h"

namespace causeway::turn {
namespace {

using stun::Attribute;
using stun::Method;

struct Case {
  const char* name;
  std::vector<Attr> attributes;
  int error;
  std::vector<Attr> allocate = {};
};

class PeerTest : public testing::Test {
 protected:
  explicit PeerTest(const World::Setup& setup = World::Setup())
      : world(setup), client(world, 40000) {}

  void Check(Method method, const Case& c) {
    World fresh;
    Client asker(fresh, 40000);
    asker.rfc8489 = client.rfc8489;
    ASSERT_TRUE(asker.Allocate(c.allocate).ok());
    EXPECT_EQ(asker.Ask(method, c.attributes).error(), c.error) << c.name;
    if (c.error != 0) {
      EXPECT_EQ(fresh.dataplane.commands.size(), 1u) << c.name << ": all or nothing";
    }
  }

  World world;
  Client client;
};

TEST_F(PeerTest, CreatePermissionCodes) {
  const Attr good = Peer(At(kPeer, 0));
  const Attr good6 = Peer(At(kPeer6, 0));
  const Attr denied = Peer(At("10.0.0.1", 0));
  const Attr malformed = Raw(Attribute::kXorPeerAddress, {0, 1, 2, 3});
  const std::vector<Attr> v6 = {RequestedFamily(2)};
  const std::vector<Attr> dual = {AdditionalFamily(2)};
  const Case cases[] = {
      {"one", {good}, 0},
      {"two", {good, Peer(At("4.3.2.1", 9))}, 0},
      {"none", {}, 400},
      {"malformed", {malformed}, 400},
      {"malformed second", {good, malformed}, 400},
      {"bad family", {Raw(Attribute::kXorPeerAddress, {0, 3, 0, 0, 1, 2, 3, 4})}, 400},
      {"other family", {good6}, 443},
      {"other family second", {good, good6}, 443},
      {"ipv6", {good6}, 0, v6},
      {"ipv4 on ipv6", {good}, 443, v6},
      {"both on dual", {good, good6}, 0, dual},
      {"denied", {denied}, 403},
      {"denied second", {good, denied}, 403},
      {"denied ipv6", {Peer(At("fe80::1", 0))}, 403, v6},
      {"loopback", {Peer(At("127.0.0.1", 0))}, 403},
      {"metadata service", {Peer(At("169.254.169.254", 0))}, 403},
      {"6to4 of a private address", {Peer(At("2002:0a00:0001::", 0))}, 403, v6},
      {"our listener", {Peer(At("192.0.2.10", 0))}, 403},
      {"our relay address", {Peer(At("192.0.2.20", 0))}, 0},
      {"mapped in ipv6", {PeerAsV6(At("8.8.8.8", 1))}, 403, v6},
      {"mapped in ipv6 on dual", {PeerAsV6(At("8.8.8.8", 1))}, 403, dual},
      {"mapped in ipv6 on ipv4", {PeerAsV6(At("8.8.8.8", 1))}, 443},
      {"malformed before family and policy", {denied, good6, malformed}, 400},
      {"family before policy", {denied, good6}, 443},
  };
  for (const Case& c : cases) Check(Method::kCreatePermission, c);
}

TEST_F(PeerTest, ChannelBindCodes) {
  const Attr good = Peer(At(kPeer, 5000));
  const std::vector<Attr> v6 = {RequestedFamily(2)};
  client.rfc8489 = true;
  const Case cases[] = {
      {"first", {Channel(0x4000), good}, 0},
      {"last", {Channel(0x4fff), good}, 0},
      {"below", {Channel(0x3fff), good}, 400},
      {"above", {Channel(0x5000), good}, 400},
      {"rfc 5766 number", {Channel(0x7ffe), good}, 400},
      {"zero", {Channel(0), good}, 400},
      {"no channel", {good}, 400},
      {"no peer", {Channel(0x4000)}, 400},
      {"malformed channel", {Raw(Attribute::kChannelNumber, {0x40}), good}, 400},
      {"malformed peer", {Channel(0x4000), Raw(Attribute::kXorPeerAddress, {0, 1})}, 400},
      {"port zero", {Channel(0x4000), Peer(At(kPeer, 0))}, 400},
      {"other family", {Channel(0x4000), Peer(At(kPeer6, 1))}, 443},
      {"ipv6", {Channel(0x4000), Peer(At(kPeer6, 1))}, 0, v6},
      {"denied", {Channel(0x4000), Peer(At("192.168.1.1", 1))}, 403},
      {"our listener", {Channel(0x4000), Peer(At("192.0.2.10", 3478))}, 403},
      {"our relay address", {Channel(0x4000), Peer(At("192.0.2.20", 50000))}, 0},
      {"mapped in ipv6", {Channel(0x4000), PeerAsV6(At("8.8.8.8", 1))}, 403, v6},
      {"first peer counts", {Channel(0x4000), good, Peer(At("10.0.0.1", 1))}, 0},
  };
  for (const Case& c : cases) Check(Method::kChannelBind, c);
}

TEST_F(PeerTest, ClientsOfRfc5766HaveItsChannelNumbers) {
  ASSERT_TRUE(client.Allocate().ok());
  EXPECT_EQ(client.ChannelBind(0x5000, At(kPeer, 1)).error(), 0);
  EXPECT_EQ(client.ChannelBind(0x7fff, At(kPeer, 2)).error(), 0);
  EXPECT_EQ(client.ChannelBind(0x8000, At(kPeer, 3)).error(), 400);
  client.rfc8489 = true;
  EXPECT_EQ(client.ChannelBind(0x5001, At(kPeer, 4)).error(), 400);
}

TEST_F(PeerTest, SuccessAnswersAreBare) {
  ASSERT_TRUE(client.Allocate().ok());
  const Answer permission = client.CreatePermission({Peer(At(kPeer, 0))});
  EXPECT_EQ(permission.message().attributes().size(), 1u) << "integrity only";
  const Answer channel = client.ChannelBind(0x4000, At(kPeer, 1));
  EXPECT_EQ(channel.message().attributes().size(), 1u) << "integrity only";
}

TEST_F(PeerTest, PermissionsLastFiveMinutesToTheDecisecond) {
  ASSERT_TRUE(client.Allocate({Lifetime(3600)}).ok());
  ASSERT_TRUE(client.CreatePermission({Peer(At(kPeer, 1)), Peer(At("4.3.2.1", 0))}).ok());
  for (const SetPermission& p : world.dataplane.All<SetPermission>()) {
    EXPECT_EQ(p.expiry, world.now.monotonic + 3000);
  }
  world.Pass(2999);
  EXPECT_EQ(world.dataplane.permissions.size(), 2u);
  ASSERT_TRUE(client.CreatePermission({Peer(At(kPeer, 7))}).ok());
  world.Pass(1);
  ASSERT_EQ(world.dataplane.permissions.size(), 1u);
  EXPECT_EQ(world.dataplane.permissions.begin()->second.peer, Ip(kPeer));
  world.Pass(2999);
  EXPECT_TRUE(world.dataplane.permissions.empty());
  EXPECT_EQ(world.stats().permissions, 0u);
}

TEST_F(PeerTest, OnePeerTwiceInARequestIsOnePermission) {
  ASSERT_TRUE(client.Allocate().ok());
  ASSERT_TRUE(client.CreatePermission({Peer(At(kPeer, 1)), Peer(At(kPeer, 2))}).ok());
  EXPECT_EQ(world.dataplane.permissions.size(), 1u);
  EXPECT_EQ(world.stats().permissions, 1u);
}

TEST_F(PeerTest, ChannelsLastTenMinutesAndTheirPermissionFive) {
  ASSERT_TRUE(client.Allocate({Lifetime(3600)}).ok());
  ASSERT_TRUE(client.ChannelBind(0x4321, At(kPeer, 5000)).ok());
  const BindChannel bound = world.dataplane.All<BindChannel>().at(0);
  EXPECT_EQ(bound.number, 0x4321);
  EXPECT_EQ(bound.peer, At(kPeer, 5000));
  EXPECT_EQ(bound.expiry, world.now.monotonic + 6000);
  EXPECT_EQ(world.dataplane.All<SetPermission>().at(0).expiry, world.now.monotonic + 3000);
  world.Pass(3000);
  EXPECT_TRUE(world.dataplane.permissions.empty());
  world.Pass(2999);
  EXPECT_EQ(world.dataplane.channels.size(), 1u);
  world.Pass(1);
  EXPECT_TRUE(world.dataplane.channels.empty());
}

TEST_F(PeerTest, RebindingRefreshesChannelAndPermission) {
  ASSERT_TRUE(client.Allocate({Lifetime(3600)}).ok());
  ASSERT_TRUE(client.ChannelBind(0x4000, At(kPeer, 5000)).ok());
  world.Pass(5999);
  ASSERT_TRUE(client.ChannelBind(0x4000, At(kPeer, 5000)).ok());
  ASSERT_EQ(world.dataplane.channels.size(), 1u);
  EXPECT_EQ(world.dataplane.channels.begin()->second.expiry, world.now.monotonic + 6000);
  EXPECT_EQ(world.dataplane.permissions.begin()->second.expiry, world.now.monotonic + 3000);
}

TEST_F(PeerTest, BindingsAreOneToOne) {
  ASSERT_TRUE(client.Allocate({Lifetime(3600)}).ok());
  ASSERT_TRUE(client.ChannelBind(0x4000, At(kPeer, 5000)).ok());
  EXPECT_EQ(client.ChannelBind(0x4000, At(kPeer, 5001)).error(), 400) << "another port";
  EXPECT_EQ(client.ChannelBind(0x4000, At("4.3.2.1", 5000)).error(), 400) << "another address";
  EXPECT_EQ(client.ChannelBind(0x4001, At(kPeer, 5000)).error(), 400) << "another number";
  EXPECT_TRUE(client.ChannelBind(0x4001, At(kPeer, 5001)).ok());
  world.Pass(6000);
  EXPECT_TRUE(client.ChannelBind(0x4000, At(kPeer, 5001)).ok()) << "expired bindings are free";
  EXPECT_TRUE(client.ChannelBind(0x4001, At(kPeer, 5000)).ok());
}

TEST_F(PeerTest, AllocationsDoNotShareNumbersOrPeers) {
  Client other(world, 40001);
  ASSERT_TRUE(client.Allocate().ok());
  ASSERT_TRUE(other.Allocate().ok());
  EXPECT_TRUE(client.ChannelBind(0x4000, At(kPeer, 5000)).ok());
  EXPECT_TRUE(other.ChannelBind(0x4000, At("4.3.2.1", 5000)).ok());
  EXPECT_TRUE(other.ChannelBind(0x4001, At(kPeer, 5000)).ok());
  ASSERT_TRUE(client.Refresh(0).ok());
  EXPECT_EQ(world.dataplane.channels.size(), 2u);
  EXPECT_EQ(world.dataplane.permissions.size(), 2u);
}

TEST_F(PeerTest, PermissionLimitOfAnAllocation) {
  World::Setup setup;
  setup.limits.permissions_per_allocation = 3;
  World small(setup);
  Client asker(small, 40000);
  ASSERT_TRUE(asker.Allocate().ok());
  ASSERT_TRUE(asker.CreatePermission({Peer(At("1.0.0.1", 0)), Peer(At("1.0.0.2", 0))}).ok());
  EXPECT_EQ(asker.CreatePermission({Peer(At("1.0.0.3", 0)), Peer(At("1.0.0.4", 0))}).error(), 508);
  EXPECT_EQ(small.dataplane.permissions.size(), 2u) << "all or nothing";
  EXPECT_TRUE(asker
                  .CreatePermission(
                      {Peer(At("1.0.0.3", 0)), Peer(At("1.0.0.2", 0)), Peer(At("1.0.0.3", 5))})
                  .ok());
  EXPECT_EQ(asker.ChannelBind(0x4000, At("1.0.0.4", 9)).error(), 508);
  EXPECT_TRUE(asker.ChannelBind(0x4000, At("1.0.0.3", 9)).ok()) << "it has its permission";
  EXPECT_TRUE(asker.CreatePermission({Peer(At("1.0.0.1", 0))}).ok()) << "refreshing always works";
}

TEST_F(PeerTest, ChannelLimitOfAnAllocation) {
  World::Setup setup;
  setup.limits.channels_per_allocation = 1;
  World small(setup);
  Client asker(small, 40000);
  ASSERT_TRUE(asker.Allocate().ok());
  ASSERT_TRUE(asker.ChannelBind(0x4000, At(kPeer, 1)).ok());
  EXPECT_EQ(asker.ChannelBind(0x4001, At("4.3.2.1", 1)).error(), 508);
  EXPECT_EQ(small.dataplane.permissions.size(), 1u) << "all or nothing";
  EXPECT_TRUE(asker.ChannelBind(0x4000, At(kPeer, 1)).ok());
}

TEST_F(PeerTest, PoolsOfAShardRunOut) {
  World::Setup setup;
  setup.node.permissions_per_shard = 2;
  setup.node.channels_per_shard = 1;
  World small(setup);
  Client a(small, 40000), b(small, 40001);
  ASSERT_TRUE(a.Allocate().ok());
  ASSERT_TRUE(b.Allocate().ok());
  ASSERT_TRUE(a.ChannelBind(0x4000, At(kPeer, 1)).ok());
  EXPECT_EQ(b.ChannelBind(0x4000, At(kPeer, 1)).error(), 508);
  EXPECT_EQ(b.CreatePermission({Peer(At("1.0.0.1", 0)), Peer(At("1.0.0.2", 0))}).error(), 508);
  EXPECT_TRUE(b.CreatePermission({Peer(At("1.0.0.1", 0))}).ok());
  ASSERT_TRUE(a.Refresh(0).ok());
  EXPECT_TRUE(b.ChannelBind(0x4000, At(kPeer, 1)).ok());
}

TEST_F(PeerTest, AChangedPolicyTakesPermissionsAndChannelsAway) {
  Client other(world, 40001);
  ASSERT_TRUE(client.Allocate({AdditionalFamily(2)}).ok());
  ASSERT_TRUE(other.Allocate().ok());
  ASSERT_TRUE(client.ChannelBind(0x4000, At(kPeer, 1)).ok());
  ASSERT_TRUE(client.ChannelBind(0x4001, At("4.3.2.1", 1)).ok());
  ASSERT_TRUE(client.CreatePermission({Peer(At(kPeer6, 0))}).ok());
  ASSERT_TRUE(other.CreatePermission({Peer(At(kPeer, 0)), Peer(At("9.9.9.9", 0))}).ok());
  world.UseAccess();
  EXPECT_EQ(world.dataplane.permissions.size(), 5u) << "nothing has changed";
  world.setup.policy.deny = {Prefix::Parse("1.2.3.0/24").value(),
                             Prefix::Parse("2606::/16").value()};
  world.UseAccess();
  EXPECT_EQ(world.dataplane.permissions.size(), 2u);
  for (const auto& [slot, p] : world.dataplane.permissions) {
    EXPECT_TRUE(p.peer == Ip("4.3.2.1") || p.peer == Ip("9.9.9.9"));
  }
  ASSERT_EQ(world.dataplane.channels.size(), 1u);
  EXPECT_EQ(world.dataplane.channels.begin()->second.number, 0x4001);
  EXPECT_EQ(world.stats().permissions, 2u);
  EXPECT_EQ(world.dataplane.allocations.size(), 2u);
  EXPECT_EQ(client.ChannelBind(0x4000, At(kPeer, 1)).error(), 403);
}

}  // namespace
}  // namespace causeway::turn

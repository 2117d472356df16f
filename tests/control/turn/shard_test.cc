// Owners, redirects and ICMP errors on a node of several shards.
#include <gtest/gtest.h>

#include <set>

#include "tests/control/turn/world.h"

namespace causeway::turn {
namespace {

World::Setup Shards(ShardId shards) {
  World::Setup setup;
  setup.node.shards = shards;
  return setup;
}

TEST(OwnerTest, TheShardOfTheAllocateOwnsIt) {
  World world(Shards(4));
  for (ShardId shard = 0; shard < 4; ++shard) {
    Client client(world, static_cast<uint16_t>(40000 + shard), shard);
    const Answer answer = client.Allocate({AdditionalFamily(2)});
    ASSERT_TRUE(answer.ok());
    for (const Endpoint& relayed : answer.relayed()) {
      EXPECT_EQ(world.setup.node.OwnerOfPort(relayed.port), shard);
    }
    ASSERT_TRUE(client.ChannelBind(0x4000, At(kPeer, 1)).ok());
    for (const auto& s : world.dataplane.commands) EXPECT_EQ(s.shard, shard);
    world.dataplane.commands.clear();
  }
  EXPECT_TRUE(world.dataplane.redirects.empty());
}

TEST(OwnerTest, AFullShardsClientsGoToOthers) {
  World::Setup setup = Shards(3);
  setup.node.allocations_per_shard = 2;
  World world(setup);
  for (uint16_t i = 0; i < 6; ++i) {
    ASSERT_TRUE(Client(world, static_cast<uint16_t>(40000 + i), 1).Allocate().ok());
  }
  EXPECT_EQ(Client(world, 40009, 1).Allocate().error(), 508);
  std::multiset<ShardId> owners;
  for (const auto& [slot, allocation] : world.dataplane.allocations) owners.insert(slot.first);
  EXPECT_EQ(owners, (std::multiset<ShardId>{0, 0, 1, 1, 2, 2}));
  EXPECT_EQ(world.dataplane.redirects.size(), 4u);
  for (const auto& [key, owner] : world.dataplane.redirects) EXPECT_EQ(key.first, 1);
  world.Pass(6000);
  EXPECT_TRUE(world.dataplane.redirects.empty());
  EXPECT_TRUE(world.dataplane.allocations.empty());
}

TEST(OwnerTest, AShardWithoutPortsHandsOver) {
  World::Setup setup = Shards(2);
  setup.node.relay_port_first = 50000;
  setup.node.relay_port_last = 50001;
  World world(setup);
  const ShardId owner = setup.node.OwnerOfPort(50000);
  const auto other = static_cast<ShardId>(1 - owner);
  Client client(world, 40000, other);
  ASSERT_TRUE(client.Allocate().ok());
  EXPECT_EQ(world.dataplane.redirects.at({other, client.tuple.client}), owner);
}

TEST(RedirectTest, RequestsOnAnotherShardAreRedirectedOnce) {
  World world(Shards(3));
  Client client(world, 40000, 0);
  ASSERT_TRUE(client.Allocate().ok());
  client.shard = 2;
  ASSERT_TRUE(client.CreatePermission({Peer(At(kPeer, 0))}).ok());
  ASSERT_TRUE(client.Refresh().ok());
  EXPECT_EQ(world.dataplane.All<AddClientRedirect>().size(), 1u);
  EXPECT_EQ(world.dataplane.redirects.at({ShardId{2}, client.tuple.client}), 0);
  EXPECT_EQ(world.dataplane.permissions.begin()->first.first, 0) << "state is the owner's";
  client.shard = 1;
  ASSERT_TRUE(client.Refresh().ok());
  EXPECT_EQ(world.dataplane.redirects.size(), 2u);
  ASSERT_TRUE(client.Refresh(0).ok());
  EXPECT_TRUE(world.dataplane.redirects.empty());
}

TEST(RedirectTest, ARetransmittedAllocateOnAnotherShardIsRedirected) {
  World world(Shards(2));
  Client client(world, 40000, 0);
  const Answer first = client.Allocate();
  client.shard = 1;
  client.repeat_transaction = true;
  EXPECT_EQ(client.Allocate().relayed(), first.relayed());
  EXPECT_EQ(world.dataplane.redirects.size(), 1u);
}

TEST(RedirectTest, UnknownClientsAreRedirectedToTheirOwner) {
  World world(Shards(2));
  Client client(world, 40000, 0);
  ASSERT_TRUE(client.Allocate().ok());
  world.server->HandleUnknownClient(0, client.tuple);
  EXPECT_TRUE(world.dataplane.redirects.empty()) << "the owner knows";
  world.server->HandleUnknownClient(1, client.tuple);
  world.server->HandleUnknownClient(1, client.tuple);
  EXPECT_EQ(world.dataplane.All<AddClientRedirect>().size(), 1u);
  world.server->HandleUnknownClient(1, {At("9.9.9.9", 9), 0});
  EXPECT_EQ(world.dataplane.redirects.size(), 1u);
}

TEST(RedirectTest, TheOldestOfFourGoes) {
  World world(Shards(5));
  Client client(world, 40000, 0);
  ASSERT_TRUE(client.Allocate().ok());
  for (ShardId shard = 1; shard < 5; ++shard) {
    world.server->HandleUnknownClient(shard, client.tuple);
  }
  EXPECT_EQ(world.dataplane.redirects.size(), 3u);
  EXPECT_FALSE(world.dataplane.redirects.contains({ShardId{1}, client.tuple.client}));
  world.server->HandleUnknownClient(1, client.tuple);
  EXPECT_FALSE(world.dataplane.redirects.contains({ShardId{2}, client.tuple.client}));
  ASSERT_TRUE(client.Refresh(0).ok());
  EXPECT_TRUE(world.dataplane.redirects.empty());
}

TEST(RedirectTest, StrangersCauseNone) {
  World world(Shards(2));
  Client client(world, 40000, 0);
  ASSERT_TRUE(client.Allocate().ok());
  Client stranger(world, 40000, 1);
  EXPECT_EQ(stranger.AskAsStranger(stun::Method::kRefresh, {}).error(), 401);
  EXPECT_TRUE(world.dataplane.redirects.empty());
}

TEST(IcmpTest, GoesToTheOwnerOfTheRelayPort) {
  World world(Shards(2));
  Client client(world, 40000, 1);
  const Endpoint relayed = client.Allocate().relayed()[0];
  world.server->HandleIcmp(relayed, At(kPeer, 5000), 3, 3, 0);
  const auto& last = world.dataplane.commands.back();
  EXPECT_EQ(last.shard, 1);
  const auto icmp = std::get<RelayIcmp>(last.command);
  EXPECT_EQ(icmp.relay.port, relayed.port);
  EXPECT_EQ(icmp.peer, At(kPeer, 5000));
  EXPECT_EQ(icmp.type, 3);
  EXPECT_EQ(icmp.code, 3);
}

TEST(IcmpTest, OnlyTheTypesOfTheRfcAndErrorDataForMtu) {
  World world;
  Client client(world, 40000);
  const Answer answer = client.Allocate({AdditionalFamily(2)});
  const Endpoint v4 = answer.relayed()[0];
  const Endpoint v6 = answer.relayed()[1];
  const struct {
    Endpoint source;
    const char* peer;
    uint8_t type, code;
    bool relayed;
    uint32_t data;
  } cases[] = {
      {v4, kPeer, 3, 4, true, 1400}, {v4, kPeer, 3, 1, true, 0},   {v4, kPeer, 11, 0, true, 0},
      {v4, kPeer, 0, 0, false, 0},   {v4, kPeer, 8, 0, false, 0},  {v4, kPeer, 1, 0, false, 0},
      {v4, kPeer, 12, 0, false, 0},  {v6, kPeer6, 1, 4, true, 0},  {v6, kPeer6, 2, 0, true, 1400},
      {v6, kPeer6, 3, 0, true, 0},   {v6, kPeer6, 4, 0, false, 0}, {v6, kPeer6, 128, 0, false, 0},
      {v4, kPeer6, 3, 3, false, 0},
  };
  for (const auto& c : cases) {
    world.dataplane.commands.clear();
    world.server->HandleIcmp(c.source, At(c.peer, 9), c.type, c.code, 1400);
    const auto relayed = world.dataplane.All<RelayIcmp>();
    ASSERT_EQ(relayed.size(), c.relayed ? 1u : 0u) << int{c.type} << "/" << int{c.code};
    if (c.relayed) {
      EXPECT_EQ(relayed[0].error_data, c.data);
    }
  }
}

TEST(IcmpTest, OnlyForPortsOfLiveAllocations) {
  World world;
  Client client(world, 40000);
  const Endpoint relayed = client.Allocate({EvenPort(true)}).relayed()[0];
  const Endpoint reserved = {relayed.address, static_cast<uint16_t>(relayed.port + 1)};
  const Endpoint listener = {world.setup.node.listen_addresses[0], relayed.port};
  const Endpoint outside = {relayed.address, 3478};
  for (const Endpoint& source : {reserved, listener, outside}) {
    world.server->HandleIcmp(source, At(kPeer, 1), 3, 3, 0);
  }
  ASSERT_TRUE(client.Refresh(0).ok());
  world.server->HandleIcmp(relayed, At(kPeer, 1), 3, 3, 0);
  EXPECT_TRUE(world.dataplane.All<RelayIcmp>().empty());
}

}  // namespace
}  // namespace causeway::turn

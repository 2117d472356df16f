// Random sequences of requests and time: the recording dataplane checks the seam's contract at
// every command, and the server's counts must agree with what the shards hold.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/control/turn/world.h"

namespace causeway::turn {
namespace {

class PropertyTest : public testing::TestWithParam<uint32_t> {
 protected:
  PropertyTest() : random(GetParam()), world(MakeSetup()) {
    for (uint16_t i = 0; i < 24; ++i) {
      const bool bob = i % 3 == 0;
      clients.emplace_back(world, static_cast<uint16_t>(40000 + i), Pick(3), bob ? "bob" : "alice",
                           bob ? "hunter2" : "secret");
    }
  }

  static World::Setup MakeSetup() {
    World::Setup setup;
    setup.node.shards = 3;
    setup.node.relay_addresses = {Ip("192.0.2.20"), Ip("192.0.2.21"), Ip("2001:db8::20")};
    setup.node.relay_port_first = 50001;
    setup.node.relay_port_last = 50012;
    setup.node.allocations_per_shard = 6;
    setup.node.permissions_per_shard = 10;
    setup.node.channels_per_shard = 6;
    setup.limits.max_allocations = 15;
    setup.tenant.allocations_per_user = 12;
    setup.limits.permissions_per_allocation = 4;
    setup.limits.channels_per_allocation = 3;
    return setup;
  }

  ShardId Pick(uint32_t limit) { return static_cast<ShardId>(random() % limit); }
  Endpoint RandomPeer() {
    const char* const peers[] = {"1.1.1.1", "1.1.1.2", "1.1.1.3",     "2606::1",
                                 "2606::2", "2606::3", "192.168.0.1", "192.0.2.20"};
    return At(peers[random() % 8], static_cast<uint16_t>(5000 + random() % 2));
  }

  void Allocate(Client& client) {
    std::vector<Attr> more;
    if (random() % 3 == 0) more.push_back(EvenPort(random() % 2 == 0));
    if (random() % 3 == 0) more.push_back(AdditionalFamily(2));
    if (random() % 4 == 0) more.push_back(RequestedFamily(static_cast<uint8_t>(random() % 4)));
    if (!tokens.empty() && random() % 4 == 0) {
      more = {Token(tokens[random() % tokens.size()])};
    }
    client.repeat_transaction = random() % 4 == 0;
    const Answer answer = client.Allocate(more);
    if (answer.ok() && answer.token()) tokens.push_back(*answer.token());
  }

  void Act() {
    Client& client = clients[random() % clients.size()];
    if (random() % 5 == 0) client.shard = Pick(3);
    switch (random() % 8) {
      case 0:
      case 1:
        return Allocate(client);
      case 2: {
        std::vector<Attr> more;
        if (random() % 2 == 0) more.push_back(RequestedFamily(1 + random() % 2));
        client.Refresh(random() % 3 == 0 ? 0 : 500 + random() % 1000, more);
        return;
      }
      case 3:
      case 4: {
        std::vector<Attr> peers;
        for (uint32_t i = random() % 4; i > 0; --i) peers.push_back(Peer(RandomPeer()));
        client.CreatePermission(peers);
        return;
      }
      case 5:
        client.ChannelBind(static_cast<uint16_t>(0x4000 + random() % 4), RandomPeer());
        return;
      case 6:
        return world.server->HandleUnknownClient(Pick(3), client.tuple);
      default:
        random() % 2 == 0 ? world.Pass(random() % 400) : world.Sleep(random() % 1500);
    }
  }

  void CheckCounts() {
    const ServerStats& stats = world.stats();
    ASSERT_EQ(stats.allocations, world.dataplane.allocations.size());
    ASSERT_EQ(stats.permissions, world.dataplane.permissions.size());
    ASSERT_EQ(stats.channels, world.dataplane.channels.size());
    ASSERT_LE(stats.allocations, 15u);
  }

  std::mt19937 random;
  World world;
  std::vector<Client> clients;
  std::vector<uint64_t> tokens;
};

TEST_P(PropertyTest, TheSeamsContractHolds) {
  for (int step = 0; step < 3000 && !HasFatalFailure() && !HasNonfatalFailure(); ++step) {
    Act();
    CheckCounts();
  }
  world.server->Advance(world.now);
  for (const auto& [slot, a] : world.dataplane.allocations)
    EXPECT_GT(a.expiry, world.now.monotonic);
  for (const auto& [slot, p] : world.dataplane.permissions) {
    EXPECT_GT(p.expiry, world.now.monotonic);
  }
  EXPECT_GT(world.stats().allocated_total, 50u);
  world.Pass(40'000);
  EXPECT_TRUE(world.dataplane.allocations.empty());
  EXPECT_TRUE(world.dataplane.permissions.empty());
  EXPECT_TRUE(world.dataplane.channels.empty());
  EXPECT_TRUE(world.dataplane.redirects.empty());
  EXPECT_EQ(world.stats().reservations, 0u);
  EXPECT_TRUE(world.dataplane.ended.empty());
  EXPECT_EQ(world.stats().allocated_total, world.dataplane.All<RemoveAllocation>().size());
}

INSTANTIATE_TEST_SUITE_P(Seeds, PropertyTest, testing::Range(1u, 9u),
                         [](const auto& test) { return absl::StrCat("Seed", test.param); });

TEST(LeakTest, EveryPortAndSlotComesBack) {
  World::Setup setup = World::Setup();
  setup.node.relay_port_first = 50000;
  setup.node.relay_port_last = 50015;
  World world(setup);
  for (int round = 0; round < 20; ++round) {
    std::set<uint16_t> ports;
    for (uint16_t i = 0; i < 16; ++i) {
      const Answer answer = Client(world, static_cast<uint16_t>(40000 + i)).Allocate();
      ASSERT_TRUE(answer.ok()) << round << " " << i;
      ports.insert(answer.relayed()[0].port);
    }
    EXPECT_EQ(ports.size(), 16u);
    EXPECT_EQ(Client(world, 41000).Allocate().error(), 508);
    world.Pass(6000);
  }
}

}  // namespace
}  // namespace causeway::turn

// EVEN-PORT and RESERVATION-TOKEN (RFC 8656 sections 7.2, 18.7 and 18.10).
#include <gtest/gtest.h>

#include "tests/control/turn/world.h"

namespace causeway::turn {
namespace {

TEST(ReservationTest, ThePairsSecondPortGoesToTheTokensHolder) {
  World world;
  const Answer first = Client(world, 40000).Allocate({EvenPort(true)});
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(first.token().has_value());
  EXPECT_EQ(first.relayed()[0].port % 2, 0);
  EXPECT_EQ(world.stats().reservations, 1u);
  Client second(world, 40001, 0, "bob", "hunter2");
  const Answer answer = second.Allocate({Token(*first.token())});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.relayed()[0].address, first.relayed()[0].address);
  EXPECT_EQ(answer.relayed()[0].port, first.relayed()[0].port + 1);
  EXPECT_FALSE(answer.token().has_value());
  EXPECT_EQ(world.stats().reservations, 0u);
  EXPECT_EQ(Client(world, 40002).Allocate({Token(*first.token())}).error(), 508) << "used up";
}

TEST(ReservationTest, WorksForIpv6) {
  World world;
  const Answer first = Client(world, 40000).Allocate({EvenPort(true), RequestedFamily(2)});
  ASSERT_TRUE(first.ok());
  const Answer second = Client(world, 40001).Allocate({Token(*first.token())});
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second.relayed()[0].address, Ip("2001:db8::20"));
  EXPECT_EQ(second.relayed()[0].port, first.relayed()[0].port + 1);
}

TEST(ReservationTest, WorksOnANodeWithoutIpv4) {
  World::Setup setup;
  setup.node.relay_addresses = {Ip("2001:db8::20")};
  World world(setup);
  const Answer first = Client(world, 40000).Allocate({EvenPort(true), RequestedFamily(2)});
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(Client(world, 40001).Allocate({Token(*first.token())}).ok());
}

TEST(ReservationTest, IsHeldForThirtySecondsThenReleased) {
  World::Setup setup;
  setup.node.relay_port_first = 50000;
  setup.node.relay_port_last = 50001;
  World world(setup);
  const Answer first = Client(world, 40000).Allocate({EvenPort(true)});
  ASSERT_TRUE(first.ok());
  world.Pass(299);
  EXPECT_EQ(Client(world, 40001).Allocate().error(), 508) << "the port is held back";
  world.Pass(1);
  EXPECT_EQ(world.stats().reservations, 0u);
  EXPECT_EQ(Client(world, 40001).Allocate({Token(*first.token())}).error(), 508);
  const Answer second = Client(world, 40001).Allocate();
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second.relayed()[0].port, 50001);
}

TEST(ReservationTest, OutlivesTheAllocationThatMadeIt) {
  World world;
  Client client(world, 40000);
  const Answer first = client.Allocate({EvenPort(true)});
  ASSERT_TRUE(client.Refresh(0).ok());
  EXPECT_EQ(world.stats().reservations, 1u);
  EXPECT_TRUE(client.Allocate({Token(*first.token())}).ok());
}

TEST(ReservationTest, IsNeverHeldForLessThanTheRfcAsks) {
  World::Setup setup;
  setup.limits.reservation_seconds = 1;
  World world(setup);
  const Answer first = Client(world, 40000).Allocate({EvenPort(true)});
  world.Pass(299);
  EXPECT_TRUE(Client(world, 40001).Allocate({Token(*first.token())}).ok());
}

TEST(ReservationTest, ChurnDoesNotLeakPorts) {
  World::Setup setup;
  setup.node.relay_port_first = 50000;
  setup.node.relay_port_last = 50009;
  World world(setup);
  for (int round = 0; round < 100; ++round) {
    Client client(world, 40000);
    ASSERT_TRUE(client.Allocate({EvenPort(true)}).ok());
    ASSERT_TRUE(client.Refresh(0).ok());
    world.Pass(300);
  }
  for (uint16_t i = 0; i < 10; ++i) {
    ASSERT_TRUE(Client(world, static_cast<uint16_t>(41000 + i)).Allocate().ok()) << i;
  }
}

TEST(ReservationTest, PairsAreRefusedWhenNoWholePairIsLeft) {
  World::Setup setup;
  setup.node.relay_port_first = 50000;
  setup.node.relay_port_last = 50003;
  World world(setup);
  ASSERT_TRUE(Client(world, 40000).Allocate({EvenPort(false)}).ok());
  ASSERT_TRUE(Client(world, 40001).Allocate({EvenPort(false)}).ok());
  EXPECT_EQ(Client(world, 40002).Allocate({EvenPort(true)}).error(), 508);
  EXPECT_EQ(Client(world, 40002).Allocate({EvenPort(false)}).error(), 508);
  EXPECT_TRUE(Client(world, 40002).Allocate().ok());
}

TEST(ReservationTest, GoesToTheShardThatOwnsThePort) {
  World::Setup setup;
  setup.node.shards = 2;
  World world(setup);
  const Answer first = Client(world, 40000, 0).Allocate({EvenPort(true)});
  ASSERT_TRUE(first.ok());
  Client second(world, 40001, 1);
  ASSERT_TRUE(second.Allocate({Token(*first.token())}).ok());
  EXPECT_EQ(world.dataplane.redirects.at({ShardId{1}, second.tuple.client}), 0);
  ASSERT_TRUE(second.Refresh(0).ok());
  EXPECT_TRUE(world.dataplane.redirects.empty());
}

TEST(ReservationTest, StaysValidWhenTheShardHasNoRoom) {
  World::Setup setup;
  setup.node.allocations_per_shard = 1;
  World world(setup);
  Client client(world, 40000);
  const Answer first = client.Allocate({EvenPort(true)});
  EXPECT_EQ(Client(world, 40001).Allocate({Token(*first.token())}).error(), 508);
  ASSERT_TRUE(client.Refresh(0).ok());
  EXPECT_TRUE(Client(world, 40001).Allocate({Token(*first.token())}).ok());
}

}  // namespace
}  // namespace causeway::turn

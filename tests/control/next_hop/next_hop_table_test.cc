#include "control/next_hop/next_hop_table.h"

#include <set>

#include "gtest/gtest.h"
#include "tests/control/next_hop/fake_kernel.h"

namespace causeway::next_hop {
namespace {

HopKey Key(uint32_t n) { return {IpAddress::V4(0x0a000000 + n), 0}; }

RouteTable HostRoute(uint32_t n, NextHopId id) {
  return RouteTable({{Prefix::Host(Key(n).address), id}});
}

TEST(NextHopTable, AnIdIsDealtAgainOnlyWhenAllShardsHaveAdopted) {
  RecordingDataplane dataplane;
  NextHopTable table(dataplane.AllOf(2), 2);
  std::vector<HopKey> wanted;
  for (uint32_t i = 0; i < NextHopTable::kCapacity; ++i) {
    wanted.push_back(Key(i));
    ASSERT_TRUE(table.Deal(Key(i), Mac(1)));
  }
  const uint32_t newcomer = NextHopTable::kCapacity;
  EXPECT_FALSE(table.Deal(Key(newcomer), Mac(2))) << "all ids are in use";
  const NextHopId first = *table.LookUp(Key(0));
  table.Publish(HostRoute(0, first));

  wanted.erase(wanted.begin());
  table.Keep(wanted);
  EXPECT_FALSE(table.Deal(Key(newcomer), Mac(2))) << "the table that names the id is in force";
  table.Publish({});
  EXPECT_FALSE(dataplane.shards[0].hops[first].resolved);
  EXPECT_FALSE(table.Deal(Key(newcomer), Mac(2)));
  EXPECT_FALSE(table.OnRoutesAdopted(0, 2));
  EXPECT_FALSE(table.Deal(Key(newcomer), Mac(2))) << "shard 1 may still read it";
  EXPECT_FALSE(table.OnRoutesAdopted(1, 1));
  EXPECT_FALSE(table.Deal(Key(newcomer), Mac(2)));
  EXPECT_TRUE(table.OnRoutesAdopted(1, 2));
  EXPECT_EQ(table.Deal(Key(newcomer), Mac(2)), first);
  EXPECT_EQ(dataplane.shards[1].hops[first].mac, Mac(2));
}

TEST(NextHopTable, TablesAreFreedInOrderWhenEveryShardHasLeftThem) {
  RecordingDataplane dataplane;
  NextHopTable table(dataplane.AllOf(3), 3);
  const NextHopId id = *table.Deal(Key(1), Mac(1));
  for (uint32_t i = 1; i <= 4; ++i) table.Publish(HostRoute(i, id));
  EXPECT_EQ(dataplane.shards[2].generation, 4u);
  EXPECT_EQ(table.tables(), 4u);
  table.OnRoutesAdopted(0, 4);
  table.OnRoutesAdopted(1, 3);
  EXPECT_EQ(table.tables(), 4u);
  table.OnRoutesAdopted(2, 2);
  EXPECT_EQ(table.tables(), 3u);
  table.OnRoutesAdopted(2, 4);
  EXPECT_EQ(table.tables(), 2u);
  table.OnRoutesAdopted(1, 4);
  EXPECT_EQ(table.tables(), 1u);
  EXPECT_EQ(dataplane.shards[0].routes->LookUp(Key(4).address), id);
}

TEST(NextHopTable, BogusAdoptionsAreIgnored) {
  RecordingDataplane dataplane;
  NextHopTable table(dataplane.AllOf(1), 1);
  table.Publish(HostRoute(1, kNoRoute));
  table.Publish(HostRoute(1, kOnLink));
  EXPECT_FALSE(table.OnRoutesAdopted(1, 2));
  EXPECT_FALSE(table.OnRoutesAdopted(0, 3));
  EXPECT_EQ(table.tables(), 2u);
  EXPECT_TRUE(table.OnRoutesAdopted(0, 2));
  EXPECT_FALSE(table.OnRoutesAdopted(0, 1));
}

TEST(NextHopTable, ShardsThatFallBehindHoldPublishingBack) {
  RecordingDataplane dataplane;
  NextHopTable table(dataplane.AllOf(1), 1);
  for (uint32_t i = 0; i < NextHopTable::kMaxTables; ++i) {
    ASSERT_TRUE(table.CanPublish());
    table.Publish(HostRoute(i, kOnLink));
  }
  EXPECT_FALSE(table.CanPublish());
  table.OnRoutesAdopted(0, 3);
  EXPECT_TRUE(table.CanPublish());
}

TEST(NextHopTable, SameRoutesAreNotPublishedAgainAndSameMacNotSentAgain) {
  RecordingDataplane dataplane;
  NextHopTable table(dataplane.AllOf(1), 1);
  const NextHopId id = *table.Deal(Key(1), Mac(1));
  const RouteTable routes = HostRoute(1, id);
  table.Publish(routes);
  table.Publish(routes);
  EXPECT_EQ(dataplane.shards[0].generation, 1u);
  table.SetMac({Key(1).address}, Mac(1));
  EXPECT_EQ(dataplane.shards[0].set_next_hops, 1);
  table.SetMac({Key(1).address}, std::nullopt);
  EXPECT_EQ(dataplane.shards[0].set_next_hops, 2);
  EXPECT_FALSE(dataplane.shards[0].hops[id].resolved);
}

TEST(NextHopTable, OneNeighbourWithTwoRouteMtus) {
  RecordingDataplane dataplane;
  NextHopTable table(dataplane.AllOf(1), 1);
  const IpAddress gateway = Key(1).address;
  const NextHopId wide = *table.Deal({gateway, 0}, std::nullopt);
  const NextHopId narrow = *table.Deal({gateway, 1400}, std::nullopt);
  EXPECT_NE(wide, narrow);
  table.SetMac({gateway}, Mac(4));
  EXPECT_EQ(dataplane.shards[0].hops[wide].mac, Mac(4));
  EXPECT_EQ(dataplane.shards[0].hops[narrow].mac, Mac(4));
  table.SetLinkMtu(0, 1300);
  EXPECT_EQ(dataplane.shards[0].hops[narrow].mtu, 1300);
  table.SetLinkMtu(0, 70'000);
  EXPECT_EQ(dataplane.shards[0].hops[narrow].mtu, 1400);
  EXPECT_EQ(dataplane.shards[0].hops[wide].mtu, 65535);
}

TEST(NextHopTable, NeighboursOfOneAddressOnTwoLinks) {
  RecordingDataplane dataplane;
  NextHopTable table(dataplane.AllOf(1), 1);
  const IpAddress gateway = *IpAddress::Parse("fe80::1");
  const NextHopId first = *table.Deal({gateway, 0, 0}, Mac(1));
  const NextHopId second = *table.Deal({gateway, 0, 1}, Mac(2));
  EXPECT_NE(first, second);
  const auto& hops = dataplane.shards[0].hops;
  EXPECT_EQ(hops.at(first).link, 0);
  EXPECT_EQ(hops.at(second).link, 1);
  table.SetMac({gateway, 1}, Mac(3));
  table.SetLinkMtu(1, 1400);
  EXPECT_EQ(hops.at(first).mac, Mac(1));
  EXPECT_EQ(hops.at(second).mac, Mac(3));
  EXPECT_EQ(hops.at(first).mtu, 1500);
  EXPECT_EQ(hops.at(second).mtu, 1400);
}

}  // namespace
}  // namespace causeway::next_hop

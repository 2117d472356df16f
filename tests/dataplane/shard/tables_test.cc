// The hash table, the arena's count, budgets.
#include <rte_lcore.h>

#include <map>
#include <random>

#include "dataplane/shard/bucket_table.h"
#include "dataplane/shard/budgets.h"
#include "dataplane/shard/shard.h"
#include "tests/dataplane/shard/node.h"

namespace causeway::testing {
namespace {

constexpr uint32_t kNone = BucketTable::kNone;

uint32_t FindValue(const BucketTable& table, uint64_t hash, uint32_t value) {
  return table.LookUp(hash, [&](uint32_t v) { return v == value; });
}

TEST(BucketTable, FindsWhatWasPutInUpToItsCapacity) {
  Arena arena(0);
  BucketTable table;
  constexpr uint32_t kCapacity = 20000;
  table.Create(arena, kCapacity);
  ASSERT_TRUE(arena.ok());
  std::mt19937_64 random(1);
  std::vector<uint64_t> hashes(kCapacity);
  for (int round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < kCapacity; ++i) {
      hashes[i] = random();
      ASSERT_TRUE(table.Insert(hashes[i], i));
    }
    for (uint32_t i = 0; i < kCapacity; ++i) ASSERT_EQ(FindValue(table, hashes[i], i), i);
    for (uint32_t i = 0; i < kCapacity; ++i) ASSERT_TRUE(table.Remove(hashes[i], i));
    for (uint32_t i = 0; i < kCapacity; ++i) ASSERT_EQ(FindValue(table, hashes[i], i), kNone);
  }
}

// Even when all keys fall into one bucket: the pool of further buckets is enough.
TEST(BucketTable, HoldsItsCapacityInOneChain) {
  Arena arena(0);
  BucketTable table;
  constexpr uint32_t kCapacity = 3000;
  table.Create(arena, kCapacity);
  constexpr uint64_t kHash = 0x1234567800000000;
  for (int round = 0; round < 2; ++round) {
    for (uint32_t i = 0; i < kCapacity; ++i) ASSERT_TRUE(table.Insert(kHash, i)) << i;
    EXPECT_EQ(table.Candidate(kHash), 0u);
    for (uint32_t i = 0; i < kCapacity; i += 2) ASSERT_TRUE(table.Remove(kHash, i));
    for (uint32_t i = 0; i < kCapacity; ++i) {
      ASSERT_EQ(FindValue(table, kHash, i), i % 2 == 0 ? kNone : i);
    }
    for (uint32_t i = 1; i < kCapacity; i += 2) ASSERT_TRUE(table.Remove(kHash, i));
    EXPECT_EQ(table.Candidate(kHash), kNone);
    EXPECT_FALSE(table.Remove(kHash, 1));
  }
}

TEST(BucketTable, BehavesAsAMultimapUnderChurn) {
  Arena arena(0);
  BucketTable table;
  table.Create(arena, 500);
  std::mt19937 random(7);
  std::map<uint32_t, uint64_t> model;
  for (int step = 0; step < 50000; ++step) {
    const uint32_t value = random() % 500;
    const auto it = model.find(value);
    if (it != model.end()) {
      ASSERT_TRUE(table.Remove(it->second, value));
      model.erase(it);
    } else {
      const uint64_t hash = uint64_t{random() % 40} << 48 | (random() % 20) * 0x0c000000u;
      ASSERT_TRUE(table.Insert(hash, value));
      model[value] = hash;
    }
    const uint32_t probe = random() % 500;
    const auto expected = model.find(probe);
    if (expected != model.end()) {
      ASSERT_EQ(FindValue(table, expected->second, probe), probe);
    }
  }
}

TEST(BucketTable, EmptyOneFindsNothing) {
  Arena arena(0);
  BucketTable table;
  table.Create(arena, 0);
  EXPECT_EQ(table.Candidate(77), kNone);
}

TEST(RequestBudget, RefillsWithTime) {
  Arena arena(0);
  RequestBudget budget;
  budget.Create(arena, 10);
  const HashSecret secret = {{1, 2, 3, 4}};
  const IpAddress source = At("192.0.2.9:1").address;
  const auto take = [&](Deciseconds now) {
    int taken = 0;
    for (int i = 0; i < 100; ++i) taken += budget.Take(secret, source, false, now) ? 1 : 0;
    return taken;
  };
  EXPECT_EQ(take(5), 10);
  EXPECT_EQ(take(5), 0);
  EXPECT_EQ(take(6), 1);
  EXPECT_EQ(take(8), 2);
  EXPECT_EQ(take(1000), 10);
}

NodeConfig BigNode() {
  NodeConfig node;
  node.listen_addresses = {At(kServerV4).address};
  for (uint32_t i = 0; i < 62; ++i) {
    node.relay_addresses.push_back(IpAddress::V4(0xc0000200 + i));
  }
  node.allocations_per_shard = 1000000;
  node.permissions_per_shard = 2000000;
  node.channels_per_shard = 1000000;
  return node;
}

TEST(Memory, AMillionAllocationsTake350BytesEach) {
  const NodeConfig node = BigNode();
  EXPECT_LE(Shard::BytesPerAllocation(node), 350.0);
  EXPECT_GE(Shard::BytesPerAllocation(node), 64.0);
  EXPECT_EQ(Shard::BytesPerAllocation(node) * 1e6, static_cast<double>(Shard::MemoryNeeded(node)));
}

TEST_F(NodeTest, TooLittleMemoryIsSaidSo) {
  ShardConfig config = configs_[0];
  config.node = BigNode();
  config.node.allocations_per_shard *= 4;
  const auto shard = Shard::Create(config);
  ASSERT_FALSE(shard.ok());
  EXPECT_EQ(shard.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(shard.status().message().find("MiB"), absl::string_view::npos);
}

TEST_F(NodeTest, ImpossibleConfigurationIsRefused) {
  ShardConfig config = configs_[0];
  config.id = 1;
  EXPECT_EQ(Shard::Create(config).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace causeway::testing

#include "control/turn/record_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace causeway::turn {
namespace {

ClientTuple Tuple(uint32_t n) {
  return {{IpAddress::V4(0xc6336400 + n % 7), static_cast<uint16_t>(1024 + n / 7)},
          static_cast<uint8_t>(n % 3)};
}

TEST(TupleIndexTest, AgreesWithAMap) {
  constexpr uint32_t kCapacity = 200;
  SlotPool<AllocationRecord> records(1, kCapacity);
  TupleIndex index(records, kCapacity);
  std::map<uint32_t, uint32_t> expected;  // tuple number to record
  std::mt19937 random(3);
  for (int round = 0; round < 50'000; ++round) {
    const uint32_t n = random() % 400;
    const auto found = expected.find(n);
    if (found != expected.end()) {
      ASSERT_EQ(index.LookUp(Tuple(n)), found->second);
      index.Erase(found->second);
      records.Release(found->second);
      expected.erase(found);
    } else if (records.Free(0) > 0) {
      ASSERT_EQ(index.LookUp(Tuple(n)), kNoRecord);
      const uint32_t record = records.Take(0);
      records[record].tuple = Tuple(n);
      index.Insert(record);
      expected[n] = record;
    }
    const uint32_t probe = random() % 400;
    const auto known = expected.find(probe);
    ASSERT_EQ(index.LookUp(Tuple(probe)), known == expected.end() ? kNoRecord : known->second);
  }
}

TEST(TupleIndexTest, TellsServerAddressesApart) {
  SlotPool<AllocationRecord> records(1, 4);
  TupleIndex index(records, 4);
  const Endpoint client = {IpAddress::V4(0xc6336401), 5000};
  const uint32_t record = records.Take(0);
  records[record].tuple = {client, 0};
  index.Insert(record);
  EXPECT_EQ(index.LookUp({client, 0}), record);
  EXPECT_EQ(index.LookUp({client, 1}), kNoRecord);
}

TEST(SlotPoolTest, GivesEachShardItsOwnSlots) {
  SlotPool<PermissionRecord> pool(3, 2);
  const uint32_t a = pool.Take(1);
  const uint32_t b = pool.Take(1);
  EXPECT_NE(a, b);
  EXPECT_EQ(pool.Take(1), kNoRecord);
  EXPECT_EQ(pool.ShardOf(a), 1);
  EXPECT_LT(pool.SlotOf(a), 2u);
  EXPECT_EQ(pool.Free(1), 0u);
  EXPECT_EQ(pool.Free(2), 2u);
  pool.Release(a);
  EXPECT_EQ(pool.Take(1), a);
  EXPECT_EQ(pool[a].next, kNoRecord);
}

}  // namespace
}  // namespace causeway::turn

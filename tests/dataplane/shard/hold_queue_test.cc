#include "dataplane/shard/hold_queue.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

constexpr Deciseconds kStart = 100;

HoldQueue::Item ItemFor(unsigned host, NextHopId hop, Deciseconds at) {
  return {nullptr, IpAddress::V4(0xc0000200u + host), at + HoldQueue::kPatience, hop, Cut::kNever};
}

TEST(HoldQueue, IsOverdueFromTheOldestDeadlineOn) {
  HoldQueue queue;
  EXPECT_FALSE(queue.IsOverdue(kStart + 1000));
  ASSERT_TRUE(queue.Add(ItemFor(1, 9, kStart)));
  ASSERT_TRUE(queue.Add(ItemFor(2, 8, kStart + 3)));
  EXPECT_FALSE(queue.IsOverdue(kStart + HoldQueue::kPatience - 1));
  EXPECT_TRUE(queue.IsOverdue(kStart + HoldQueue::kPatience));
  HoldQueue::Item out[HoldQueue::kCapacity];
  EXPECT_EQ(queue.Take([](const HoldQueue::Item& item) { return item.next_hop == 9; }, out), 1u);
  EXPECT_FALSE(queue.IsOverdue(kStart + HoldQueue::kPatience + 2));
  EXPECT_TRUE(queue.IsOverdue(kStart + HoldQueue::kPatience + 3));
  EXPECT_EQ(queue.TakeAll(out), 1u);
  EXPECT_TRUE(queue.IsEmpty());
  EXPECT_FALSE(queue.IsOverdue(kStart + 1000));
}

TEST(HoldQueue, TakesTheWantedOldestFirstAndKeepsTheOrderOfTheRest) {
  HoldQueue queue;
  for (unsigned i = 0; i < 10; ++i) {
    ASSERT_TRUE(queue.Add(ItemFor(i, static_cast<NextHopId>(8 + i % 2), kStart + i)));
  }
  HoldQueue::Item out[HoldQueue::kCapacity];
  ASSERT_EQ(queue.Take([](const HoldQueue::Item& item) { return item.next_hop == 9; }, out), 5u);
  for (unsigned i = 0; i < 5; ++i) {
    EXPECT_EQ(out[i].destination, IpAddress::V4(0xc0000200u + 2 * i + 1));
  }
  ASSERT_EQ(queue.TakeAll(out), 5u);
  for (unsigned i = 0; i < 5; ++i) {
    EXPECT_EQ(out[i].destination, IpAddress::V4(0xc0000200u + 2 * i));
  }
}

TEST(HoldQueue, IsBoundedAsAWholeAndForEachDestination) {
  HoldQueue queue;
  for (unsigned i = 0; i < HoldQueue::kPerDestination; ++i) {
    EXPECT_TRUE(queue.Add(ItemFor(0, 8, kStart)));
  }
  EXPECT_FALSE(queue.Add(ItemFor(0, 8, kStart)));
  for (unsigned i = HoldQueue::kPerDestination; i < HoldQueue::kCapacity; ++i) {
    EXPECT_TRUE(queue.Add(ItemFor(i, 8, kStart)));
  }
  EXPECT_FALSE(queue.Add(ItemFor(1000, 8, kStart)));
}

}  // namespace
}  // namespace causeway

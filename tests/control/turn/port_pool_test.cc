#include "control/turn/port_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "control/turn/relay_ports.h"

namespace causeway::turn {
namespace {

Random TestRandom() {
  return Random([generator = std::mt19937_64(7)](void* out, size_t size) mutable {
    for (size_t i = 0; i < size; ++i) static_cast<uint8_t*>(out)[i] = generator() & 0xff;
  });
}

NodeConfig Node(uint16_t first, uint16_t last, ShardId shards, int addresses = 1) {
  NodeConfig node;
  node.relay_port_first = first;
  node.relay_port_last = last;
  node.shards = shards;
  for (int i = 0; i < addresses; ++i) {
    node.relay_addresses.push_back(IpAddress::V4(0xc0000200u + static_cast<uint32_t>(i)));
  }
  return node;
}

struct Range {
  uint16_t first, last;
  ShardId shards;
};

std::string NameOf(const testing::TestParamInfo<Range>& range) {
  const auto& [first, last, shards] = range.param;
  return absl::StrCat("Ports", first, "To", last, "Shards", shards);
}

class PortRangeTest : public testing::TestWithParam<Range> {};

TEST_P(PortRangeTest, LayoutsNumberEveryPortOfTheirShard) {
  const Range range = GetParam();
  const NodeConfig node = Node(range.first, range.last, range.shards);
  size_t numbered = 0;
  for (int s = 0; s < range.shards; ++s) {
    const PortLayout layout(node, static_cast<ShardId>(s));
    for (uint32_t number = 0; number < layout.size(); ++number) {
      const uint16_t port = layout.PortOf(number);
      EXPECT_EQ(layout.NumberOf(port), number);
      EXPECT_EQ(port % 2, number % 2);
      EXPECT_EQ(node.OwnerOfPort(port), s);
      numbered += layout.InRange(port) ? 1 : 0;
    }
  }
  EXPECT_EQ(numbered, size_t{range.last} - range.first + 1);
}

TEST_P(PortRangeTest, EachPortIsDealtOnceAndOnlyThose) {
  const Range range = GetParam();
  const NodeConfig node = Node(range.first, range.last, range.shards);
  Random random = TestRandom();
  RelayPorts ports(node, random);
  std::set<uint16_t> dealt;
  for (int s = 0; s < range.shards; ++s) {
    const auto shard = static_cast<ShardId>(s);
    for (RelayPort relay = ports.Take(shard, Family::kIpv4, PortKind::kAny); relay.IsSet();
         relay = ports.Take(shard, Family::kIpv4, PortKind::kAny)) {
      EXPECT_EQ(node.OwnerOfPort(relay.port), shard);
      EXPECT_GE(relay.port, range.first);
      EXPECT_LE(relay.port, range.last);
      EXPECT_TRUE(dealt.insert(relay.port).second) << relay.port;
    }
  }
  EXPECT_EQ(dealt.size(), size_t{range.last} - range.first + 1);
}

INSTANTIATE_TEST_SUITE_P(Ranges, PortRangeTest,
                         testing::Values(Range{49152, 65535, 1}, Range{49152, 65535, 4},
                                         Range{49152, 65535, 7}, Range{50001, 50001, 1},
                                         Range{50000, 50000, 3}, Range{50001, 50002, 2},
                                         Range{1025, 1999, 5}, Range{65530, 65535, 2},
                                         Range{49153, 65534, 255}, Range{1024, 65535, 16}),
                         NameOf);

TEST(RelayPortsTest, PairsAreEvenAndWhole) {
  const NodeConfig node = Node(50001, 50200, 2);
  Random random = TestRandom();
  RelayPorts ports(node, random);
  std::set<uint16_t> taken;
  for (int s = 0; s < 2; ++s) {
    const auto shard = static_cast<ShardId>(s);
    for (RelayPort relay = ports.Take(shard, Family::kIpv4, PortKind::kPair); relay.IsSet();
         relay = ports.Take(shard, Family::kIpv4, PortKind::kPair)) {
      EXPECT_EQ(relay.port % 2, 0);
      EXPECT_EQ(node.OwnerOfPort(relay.port + 1), shard);
      EXPECT_TRUE(taken.insert(relay.port).second);
      EXPECT_TRUE(taken.insert(relay.port + 1).second);
    }
  }
  EXPECT_EQ(taken.size(), 198u) << "all but 50001, whose partner is out of range, and 50200";
}

TEST(RelayPortsTest, EvenPortsRunOutWhileOddOnesAreLeft) {
  const NodeConfig node = Node(50000, 50019, 1);
  Random random = TestRandom();
  RelayPorts ports(node, random);
  for (int i = 0; i < 10; ++i) {
    const RelayPort relay = ports.Take(0, Family::kIpv4, PortKind::kEven);
    ASSERT_TRUE(relay.IsSet());
    EXPECT_EQ(relay.port % 2, 0);
  }
  EXPECT_FALSE(ports.Take(0, Family::kIpv4, PortKind::kEven).IsSet());
  EXPECT_FALSE(ports.Take(0, Family::kIpv4, PortKind::kPair).IsSet());
  EXPECT_EQ(ports.Take(0, Family::kIpv4, PortKind::kAny).port % 2, 1);
}

TEST(RelayPortsTest, FreedPortsRestWhileThereAreOthers) {
  const NodeConfig node = Node(50000, 50799, 1);
  Random random = TestRandom();
  RelayPorts ports(node, random);
  const RelayPort first = ports.Take(0, Family::kIpv4, PortKind::kAny);
  ports.Release(first);
  for (int i = 0; i < 799; ++i) {
    const RelayPort relay = ports.Take(0, Family::kIpv4, PortKind::kAny);
    ASSERT_TRUE(relay.IsSet());
    EXPECT_NE(relay, first);
  }
  EXPECT_EQ(ports.Take(0, Family::kIpv4, PortKind::kAny), first) << "rather than none at all";
  EXPECT_FALSE(ports.Take(0, Family::kIpv4, PortKind::kAny).IsSet());
}

TEST(RelayPortsTest, RestingPortsComeBackInTheEnd) {
  const NodeConfig node = Node(50000, 50799, 1);
  Random random = TestRandom();
  RelayPorts ports(node, random);
  for (int i = 0; i < 5000; ++i) {
    const RelayPort relay = ports.Take(0, Family::kIpv4, PortKind::kAny);
    ASSERT_TRUE(relay.IsSet());
    ports.Release(relay);
  }
  for (int i = 0; i < 800; ++i) {
    ASSERT_TRUE(ports.Take(0, Family::kIpv4, PortKind::kAny).IsSet());
  }
  EXPECT_FALSE(ports.Take(0, Family::kIpv4, PortKind::kAny).IsSet());
}

TEST(RelayPortsTest, SpreadsOverAddressesAndPorts) {
  const NodeConfig node = Node(49152, 65535, 1, 4);
  Random random = TestRandom();
  RelayPorts ports(node, random);
  int by_address[4] = {};
  int low_half = 0;
  for (int i = 0; i < 4000; ++i) {
    const RelayPort relay = ports.Take(0, Family::kIpv4, PortKind::kAny);
    ++by_address[relay.address_index];
    low_half += relay.port < 57344 ? 1 : 0;
  }
  for (const int count : by_address) EXPECT_NEAR(count, 1000, 150);
  EXPECT_NEAR(low_half, 2000, 200);
}

TEST(RelayPortsTest, UsesEveryAddressWhenOthersAreFull) {
  const NodeConfig node = Node(50000, 50009, 1, 62);
  Random random = TestRandom();
  RelayPorts ports(node, random);
  std::set<std::pair<uint16_t, uint16_t>> dealt;
  for (int i = 0; i < 620; ++i) {
    const RelayPort relay = ports.Take(0, Family::kIpv4, PortKind::kAny);
    ASSERT_TRUE(relay.IsSet());
    EXPECT_TRUE(dealt.emplace(relay.address_index, relay.port).second);
  }
  EXPECT_FALSE(ports.Take(0, Family::kIpv4, PortKind::kAny).IsSet());
  EXPECT_FALSE(ports.Take(0, Family::kIpv6, PortKind::kAny).IsSet());
}

TEST(RelayPortsTest, FindsOnlyPortsInUse) {
  const NodeConfig node = Node(50000, 50099, 1);
  Random random = TestRandom();
  RelayPorts ports(node, random);
  const RelayPort pair = ports.Take(0, Family::kIpv4, PortKind::kPair);
  const RelayPort second = {pair.address_index, static_cast<uint16_t>(pair.port + 1)};
  EXPECT_EQ(ports.LookUpInUse(ports.EndpointOf(pair)), pair);
  EXPECT_FALSE(ports.LookUpInUse(ports.EndpointOf(second)).IsSet()) << "only reserved";
  ports.Claim(second);
  EXPECT_TRUE(ports.LookUpInUse(ports.EndpointOf(second)).IsSet());
  ports.Release(second);
  EXPECT_FALSE(ports.LookUpInUse(ports.EndpointOf(second)).IsSet());
  EXPECT_FALSE(ports.LookUpInUse({IpAddress::V4(0x01020304), pair.port}).IsSet());
  EXPECT_FALSE(ports.LookUpInUse({ports.AddressOf(pair), 80}).IsSet());
}

TEST(RelayPortsTest, TakesLessThanAByteForAPort) {
  const NodeConfig node = Node(49152, 65535, 1, 62);
  Random random = TestRandom();
  const RelayPorts ports(node, random);
  EXPECT_LT(ports.bytes(), 62u * 16384);
}

}  // namespace
}  // namespace causeway::turn

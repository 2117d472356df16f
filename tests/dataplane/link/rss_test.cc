// The hash key and redirection table that bring relay ports to their owners.
#include "dataplane/link/rss.h"

#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_thash.h>

#include <algorithm>
#include <cerrno>
#include <random>

namespace causeway {
namespace {

/// The device that the DPDK functions below are of.
struct Device {
  uint16_t table_size = 128;
  bool takes_key = true, takes_table = true, keeps_table = true;
  std::vector<uint8_t> key = std::vector<uint8_t>(40, 0x5a);
  std::vector<uint16_t> table = std::vector<uint16_t>(128, 1);
  uint64_t hash_fields = RTE_ETH_RSS_NONFRAG_IPV4_UDP;
};

Device* device = nullptr;

template <typename Visit>
void ForEachEntry(const rte_eth_rss_reta_entry64* entries, uint16_t size, const Visit& visit) {
  for (uint16_t i = 0; i < size; ++i) {
    const auto& group = entries[i / RTE_ETH_RETA_GROUP_SIZE];
    EXPECT_NE(group.mask >> i % RTE_ETH_RETA_GROUP_SIZE & 1, 0u);
    visit(i, i / RTE_ETH_RETA_GROUP_SIZE, i % RTE_ETH_RETA_GROUP_SIZE);
  }
}

}  // namespace
}  // namespace causeway

extern "C" {

using causeway::device;

int rte_eth_dev_info_get(uint16_t, rte_eth_dev_info* info) {
  *info = {};
  info->reta_size = device->table_size;
  info->hash_key_size = 40;
  return 0;
}

int rte_eth_dev_rss_hash_conf_get(uint16_t, rte_eth_rss_conf* conf) {
  std::copy(device->key.begin(), device->key.end(), conf->rss_key);
  conf->rss_hf = device->hash_fields;
  return 0;
}

int rte_eth_dev_rss_hash_update(uint16_t, rte_eth_rss_conf* conf) {
  if (!device->takes_key) return -ENOTSUP;
  device->key.assign(conf->rss_key, conf->rss_key + conf->rss_key_len);
  device->hash_fields = conf->rss_hf;
  return 0;
}

int rte_eth_dev_rss_reta_query(uint16_t, rte_eth_rss_reta_entry64* reta_conf, uint16_t reta_size) {
  causeway::ForEachEntry(reta_conf, reta_size, [&](uint16_t i, uint16_t group, uint16_t at) {
    reta_conf[group].reta[at] = device->table[i];
  });
  return 0;
}

int rte_eth_dev_rss_reta_update(uint16_t, rte_eth_rss_reta_entry64* reta_conf, uint16_t reta_size) {
  if (!device->takes_table) return -ENOTSUP;
  causeway::ForEachEntry(reta_conf, reta_size, [&](uint16_t i, uint16_t group, uint16_t at) {
    if (device->keeps_table || i != 4) device->table[i] = reta_conf[group].reta[at];
  });
  return 0;
}

}  // extern "C"

namespace causeway {
namespace {

struct Case {
  const char* name;
  ShardId shards;
  uint16_t first, last;
  size_t table;
  const char* relay = "192.0.2.1";
  const char* listen = "192.0.2.1";
  uint16_t listen_port = 3478;
};

NodeConfig NodeOf(const Case& each) {
  NodeConfig node;
  node.shards = each.shards;
  node.relay_port_first = each.first;
  node.relay_port_last = each.last;
  node.listen_port = each.listen_port;
  node.relay_addresses.push_back(*IpAddress::Parse(each.relay));
  node.listen_addresses.push_back(*IpAddress::Parse(each.listen));
  return node;
}

constexpr size_t kKeySize = 40;

std::optional<RssPlan> PlanOf(const Case& each) {
  return PlanRss(NodeOf(each), each.table, kKeySize);
}

/// What a network card does: the tuple of a family is hashed, and the hash picks an entry.
class Card {
 public:
  explicit Card(const RssPlan& plan) : plan_(plan) {}

  uint16_t QueueOf(bool is_v6, uint16_t from_port, uint16_t to_port) {
    uint32_t tuple[9];
    const unsigned words = is_v6 ? 9 : 3;
    for (uint32_t& word : tuple) word = static_cast<uint32_t>(random_());
    tuple[words - 1] = uint32_t{from_port} << 16 | to_port;
    return plan_.queues[rte_softrss(tuple, words, plan_.key.data()) % plan_.queues.size()];
  }
  // How many of 20,000 from random addresses and ports come to the busiest queue, over the mean.
  double Busiest(bool is_v6, uint16_t to_port, ShardId shards) {
    constexpr int kPackets = 20'000;
    std::vector<int> arrivals(shards);
    for (int i = 0; i < kPackets; ++i) {
      ++arrivals[QueueOf(is_v6, static_cast<uint16_t>(random_()), to_port)];
    }
    const double busiest = *std::max_element(arrivals.begin(), arrivals.end());
    return busiest * shards / kPackets;
  }

 private:
  const RssPlan& plan_;
  std::mt19937 random_{1};
};

class RssPlanTest : public ::testing::TestWithParam<Case> {};

TEST_P(RssPlanTest, EachRelayPortComesToItsOwnerWhoeverSends) {
  const NodeConfig node = NodeOf(GetParam());
  const auto plan = PlanOf(GetParam());
  ASSERT_TRUE(plan.has_value());
  ASSERT_EQ(plan->queues.size(), GetParam().table);
  ASSERT_EQ(plan->key.size(), kKeySize);
  Card card(*plan);
  for (uint32_t port = node.relay_port_first; port <= node.relay_port_last; ++port) {
    const auto to = static_cast<uint16_t>(port);
    if (to >> node.RelayBlockShift() == node.listen_port >> node.RelayBlockShift()) continue;
    const auto from = static_cast<uint16_t>(port * 40503u);
    ASSERT_EQ(card.QueueOf(plan->is_v6, from, to), node.OwnerOfPort(to)) << port;
  }
}

TEST_P(RssPlanTest, ClientsOfBothFamiliesAreSpreadOverAllQueues) {
  const auto plan = PlanOf(GetParam());
  ASSERT_TRUE(plan.has_value());
  Card card(*plan);
  EXPECT_LT(card.Busiest(plan->is_v6, GetParam().listen_port, GetParam().shards), 1.4);
  if (!plan->is_v6) {
    EXPECT_LT(card.Busiest(true, GetParam().listen_port, GetParam().shards), 1.4);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, RssPlanTest,
    ::testing::Values(Case{"two_shards", 2, 49152, 65535, 128},
                      Case{"four_shards", 4, 49152, 65535, 128},
                      Case{"eight_shards", 8, 49152, 65535, 512},
                      Case{"eight_shards_with_half_of_all_ports", 8, 32768, 65535, 128},
                      Case{"thirty_two_shards", 32, 32768, 65535, 2048},
                      Case{"three_shards", 3, 49152, 65535, 2048},
                      Case{"ipv6", 8, 49152, 65535, 512, "2001:db8::1", "2001:db8::1"},
                      Case{"listener_in_a_relay_block", 4, 49152, 65535, 128, "192.0.2.1",
                           "192.0.2.2", 49500}),
    [](const auto& each) { return each.param.name; });

class NoRssPlanTest : public ::testing::TestWithParam<Case> {};

TEST_P(NoRssPlanTest, IsNotMade) { EXPECT_FALSE(PlanOf(GetParam()).has_value()); }

INSTANTIATE_TEST_SUITE_P(
    Cases, NoRssPlanTest,
    ::testing::Values(Case{"too_few_entries_for_the_blocks", 8, 49152, 65535, 16},
                      Case{"too_few_entries_for_the_clients", 8, 49152, 65535, 128},
                      Case{"clients_dealt_unevenly", 3, 49152, 65535, 256},
                      Case{"ports_of_many_small_blocks", 2, 50000, 50999, 512},
                      Case{"entries_that_are_no_power_of_two", 2, 49152, 65535, 100},
                      Case{"no_entries", 2, 49152, 65535, 0},
                      Case{"ipv6_peers_of_ipv4_clients", 2, 49152, 65535, 128, "2001:db8::1",
                           "192.0.2.1"}),
    [](const auto& each) { return each.param.name; });

TEST(PlanRss, AKeyThatEndsBeforeItsOneBitIsNone) {
  const NodeConfig v4 = NodeOf({"", 2, 49152, 65535, 128});
  EXPECT_FALSE(PlanRss(v4, 128, 12).has_value());
  EXPECT_TRUE(PlanRss(v4, 128, 16).has_value());
  const NodeConfig v6 = NodeOf({"", 2, 49152, 65535, 128, "2001:db8::1", "2001:db8::1"});
  EXPECT_FALSE(PlanRss(v6, 128, 16).has_value());
  EXPECT_TRUE(PlanRss(v6, 128, 40).has_value());
}

class SteerByRssTest : public ::testing::Test {
 protected:
  void SetUp() override { device = &device_; }
  // The error's text; the device has what it had then.
  std::string Refusal() {
    const Device had = device_;
    const auto plan = SteerByRss(0, NodeOf({"", 2, 49152, 65535, 128}));
    EXPECT_EQ(device_.key, had.key);
    EXPECT_EQ(device_.table, had.table);
    EXPECT_EQ(device_.hash_fields, had.hash_fields);
    return std::string(plan.status().message());
  }
  Device device_;
};

TEST_F(SteerByRssTest, GivesTheDeviceItsKeyAndTable) {
  const auto plan = SteerByRss(0, NodeOf({"", 2, 49152, 65535, 128}));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(device_.key, plan->key);
  EXPECT_EQ(device_.table, plan->queues);
  EXPECT_EQ(device_.hash_fields, RTE_ETH_RSS_NONFRAG_IPV4_UDP);
}

TEST_F(SteerByRssTest, ADeviceWithoutATableIsLeftAlone) {
  device_.table_size = 0;
  EXPECT_EQ(Refusal(), "it has no redirection table");
}

TEST_F(SteerByRssTest, ADeviceThatRefusesTheKeyKeepsItsOwn) {
  device_.takes_key = false;
  EXPECT_EQ(Refusal(), "its hash key cannot be set: Operation not supported");
}

TEST_F(SteerByRssTest, ADeviceThatRefusesTheTableGetsItsKeyBack) {
  device_.takes_table = false;
  EXPECT_EQ(Refusal(), "its redirection table cannot be set: Operation not supported");
}

TEST_F(SteerByRssTest, ADeviceThatKeepsLessThanItIsGivenGetsAllBack) {
  device_.keeps_table = false;
  EXPECT_EQ(Refusal(), "it does not keep the hash key and table that it is given");
}

}  // namespace
}  // namespace causeway

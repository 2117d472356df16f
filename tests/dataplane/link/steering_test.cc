// Which queue peers' datagrams come to: the rules, a device that takes or refuses them, and a
// simulation of what is left to hand off.
#include "dataplane/link/steering.h"

#include <gtest/gtest.h>
#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_flow.h>
#include <rte_thash.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <random>

#include "dataplane/link/rss.h"

namespace causeway {
namespace {

/// The device that the rte_flow functions below are of.
struct Device {
  struct Rule {
    bool is_v6;
    uint16_t port, mask, queue;
    bool Matches(bool v6, uint16_t to) const { return v6 == is_v6 && (to & mask) == port; }
  };
  bool takes_masks = true;
  size_t room = 1000;  // rules
  std::vector<std::unique_ptr<Rule>> rules;

  static Rule Read(const rte_flow_item* pattern, const rte_flow_action* actions) {
    const auto* port = static_cast<const rte_flow_item_udp*>(pattern[2].spec);
    const auto* mask = static_cast<const rte_flow_item_udp*>(pattern[2].mask);
    EXPECT_EQ(pattern[0].type, RTE_FLOW_ITEM_TYPE_ETH);
    EXPECT_EQ(pattern[2].type, RTE_FLOW_ITEM_TYPE_UDP);
    EXPECT_EQ(pattern[3].type, RTE_FLOW_ITEM_TYPE_END);
    EXPECT_EQ(actions[0].type, RTE_FLOW_ACTION_TYPE_QUEUE);
    EXPECT_EQ(actions[1].type, RTE_FLOW_ACTION_TYPE_END);
    return {pattern[1].type == RTE_FLOW_ITEM_TYPE_IPV6, rte_be_to_cpu_16(port->hdr.dst_port),
            rte_be_to_cpu_16(mask->hdr.dst_port),
            static_cast<const rte_flow_action_queue*>(actions[0].conf)->index};
  }
  std::optional<uint16_t> QueueOf(bool v6, uint16_t to) const {
    std::optional<uint16_t> queue;
    for (const auto& rule : rules) {
      if (!rule->Matches(v6, to)) continue;
      EXPECT_FALSE(queue.has_value()) << "two rules for port " << to;
      queue = rule->queue;
    }
    return queue;
  }
};

Device* device = nullptr;

constexpr const char* kExactOnly = "UDP ports: full masks only";

}  // namespace
}  // namespace causeway

extern "C" {

int rte_flow_validate(uint16_t, const rte_flow_attr* attributes, const rte_flow_item pattern[],
                      const rte_flow_action actions[], rte_flow_error* error) {
  EXPECT_EQ(attributes->ingress, 1u);
  const auto rule = causeway::Device::Read(pattern, actions);
  if (rule.mask == 0xffff || causeway::device->takes_masks) return 0;
  error->message = causeway::kExactOnly;
  return -ENOTSUP;
}

rte_flow* rte_flow_create(uint16_t, const rte_flow_attr*, const rte_flow_item pattern[],
                          const rte_flow_action actions[], rte_flow_error*) {
  auto& rules = causeway::device->rules;
  if (rules.size() == causeway::device->room) {
    rte_errno = ENOSPC;
    return nullptr;
  }
  rules.push_back(
      std::make_unique<causeway::Device::Rule>(causeway::Device::Read(pattern, actions)));
  return reinterpret_cast<rte_flow*>(rules.back().get());
}

int rte_flow_destroy(uint16_t, rte_flow* flow, rte_flow_error*) {
  auto& rules = causeway::device->rules;
  const auto at = std::find_if(rules.begin(), rules.end(), [&](const auto& rule) {
    return reinterpret_cast<rte_flow*>(rule.get()) == flow;
  });
  EXPECT_NE(at, rules.end());
  rules.erase(at);
  return 0;
}

}  // extern "C"

namespace causeway {
namespace {

struct Layout {
  const char* name;
  ShardId shards;
  uint16_t first, last;
  uint16_t listen_port = 3478;
  size_t most_rules;
};

NodeConfig NodeOf(const Layout& layout, const std::vector<const char*>& relays = {"192.0.2.1"}) {
  NodeConfig node;
  node.shards = layout.shards;
  node.relay_port_first = layout.first;
  node.relay_port_last = layout.last;
  node.listen_port = layout.listen_port;
  for (const char* relay : relays) node.relay_addresses.push_back(*IpAddress::Parse(relay));
  return node;
}

class SteeringTest : public ::testing::Test {
 protected:
  void SetUp() override { device = &device_; }
  void TearDown() override { EXPECT_TRUE(device_.rules.empty()) << "rules were left behind"; }
  Device device_;
};

class SteeringRulesTest : public SteeringTest, public ::testing::WithParamInterface<Layout> {};

TEST_P(SteeringRulesTest, EachRelayPortComesToItsOwnerAndNoOtherPortDoes) {
  const NodeConfig node = NodeOf(GetParam());
  const auto rules = FlowRules::Create(0, node);
  ASSERT_TRUE(rules.ok()) << rules.status();
  EXPECT_EQ(rules->size(), device_.rules.size());
  EXPECT_LE(rules->size(), GetParam().most_rules);
  for (uint32_t port = 0; port < 0x10000; ++port) {
    const auto to = static_cast<uint16_t>(port);
    const bool relay = to >= node.relay_port_first && to <= node.relay_port_last;
    const auto queue = device_.QueueOf(false, to);
    ASSERT_EQ(queue.has_value(), relay && to != node.listen_port) << port;
    if (queue.has_value()) {
      ASSERT_EQ(*queue, node.OwnerOfPort(to)) << port;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, SteeringRulesTest,
    ::testing::Values(Layout{"two_shards", 2, 49152, 65535, 3478, 2},
                      Layout{"three_shards", 3, 49152, 65535, 3478, 16},
                      Layout{"eight_shards", 8, 49152, 65535, 3478, 8},
                      Layout{"shards_of_an_odd_range", 5, 50001, 59999, 3478, 60},
                      Layout{"thirty_two_shards", 32, 49152, 65535, 3478, 32},
                      Layout{"all_ports_but_one_of_the_listener", 4, 1024, 65535, 3478, 44},
                      Layout{"listener_at_the_edge", 2, 1024, 2047, 1024, 24},
                      Layout{"blocks_of_two", 8, 50002, 50065, 3478, 32}),
    [](const auto& layout) { return layout.param.name; });

TEST_F(SteeringTest, RulesAreMadeForTheFamiliesThatAreRelayedIn) {
  const Layout layout = {"", 8, 49152, 65535, 3478, 0};
  const auto both = FlowRules::Create(0, NodeOf(layout, {"192.0.2.1", "2001:db8::1"}));
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(both->size(), 16u);
  EXPECT_EQ(device_.QueueOf(true, 49152), device_.QueueOf(false, 49152));
}

TEST_F(SteeringTest, RulesMoveAndGoWithTheirOwner) {
  const Layout layout = {"", 8, 49152, 65535, 3478, 0};
  FlowRules owner;
  {
    auto made = FlowRules::Create(0, NodeOf(layout));
    ASSERT_TRUE(made.ok());
    owner = *std::move(made);
  }
  EXPECT_EQ(device_.rules.size(), 8u);
  owner = FlowRules();
  EXPECT_TRUE(device_.rules.empty());
}

TEST_F(SteeringTest, ADeviceThatRefusesARuleGetsNone) {
  device_.takes_masks = false;
  const auto rules = FlowRules::Create(0, NodeOf({"", 8, 49152, 65535, 3478, 0}));
  EXPECT_EQ(rules.status().message(), kExactOnly);
}

TEST_F(SteeringTest, ADeviceThatIsFullKeepsNone) {
  device_.room = 7;
  const auto rules = FlowRules::Create(0, NodeOf({"", 8, 49152, 65535, 3478, 0}));
  EXPECT_EQ(rules.status().message(), "No space left on device");
  EXPECT_TRUE(device_.rules.empty());
}

// The simulation: a network card spreads UDP over its queues by Toeplitz's hash and a table of 128
// entries (Microsoft's key, which most cards have by default), by its flow rules, or by the node's
// own key and table. A client's Allocate makes the shard of its queue the owner; its relay port is
// one of that shard's. Clients and peers send as much.
class ToeplitzTest : public SteeringTest, public ::testing::WithParamInterface<ShardId> {
 protected:
  enum class Hash { kFourTuple, kDestinationPort, kPlan };
  struct Shares {
    double handed_off;     // of all datagrams
    double busiest_queue;  // datagrams that arrive there, over the mean of all
  };

  uint32_t Random() { return static_cast<uint32_t>(random_()); }
  unsigned QueueOf(uint32_t from, uint32_t to, uint16_t from_port, uint16_t to_port, Hash hash) {
    if (const auto queue = device_.QueueOf(false, to_port)) return *queue;
    uint32_t tuple[3] = {from, to, uint32_t{from_port} << 16 | to_port};
    if (hash == Hash::kPlan) {
      return plan_->queues[rte_softrss(tuple, 3, plan_->key.data()) % plan_->queues.size()];
    }
    if (hash == Hash::kDestinationPort) tuple[0] = tuple[1] = 0, tuple[2] = to_port;
    return rte_softrss(tuple, 3, kMicrosoftKey.data()) % kRedirectionTable % GetParam();
  }
  // A random relay port of the shard.
  uint16_t PortOf(unsigned shard) {
    for (;;) {
      const uint32_t ports = node_.relay_port_last + 1u - node_.relay_port_first;
      const auto port = static_cast<uint16_t>(node_.relay_port_first + Random() % ports);
      if (node_.OwnerOfPort(port) == shard) return port;
    }
  }
  Shares Simulate(Hash hash) {
    constexpr unsigned kAllocations = 50'000;
    std::vector<unsigned> arrivals(GetParam());
    unsigned handed_off = 0;
    for (unsigned i = 0; i < kAllocations; ++i) {
      const unsigned owner =
          hash == Hash::kDestinationPort
              ? Random() % GetParam()  // all clients come to one queue: dealt
              : QueueOf(Random(), kServer, static_cast<uint16_t>(Random()), 3478, hash);
      const unsigned client_queue =
          hash == Hash::kDestinationPort ? QueueOf(Random(), kServer, 1, 3478, hash) : owner;
      const unsigned peer_queue =
          QueueOf(Random(), kRelay, static_cast<uint16_t>(Random()),
                  hash == Hash::kDestinationPort ? PortHashingTo(owner) : PortOf(owner), hash);
      ++arrivals[client_queue];
      ++arrivals[peer_queue];
      handed_off += (client_queue != owner ? 1 : 0) + (peer_queue != owner ? 1 : 0);
    }
    const double all = 2.0 * kAllocations;
    const double busiest = *std::max_element(arrivals.begin(), arrivals.end());
    return {handed_off / all, busiest * GetParam() / all};
  }
  // A port that the hash of destination ports brings to this queue.
  uint16_t PortHashingTo(unsigned queue) {
    for (;;) {
      const auto port = static_cast<uint16_t>(49152 + Random() % 16384);
      if (QueueOf(0, 0, 0, port, Hash::kDestinationPort) == queue) return port;
    }
  }

  static constexpr uint32_t kServer = 0xcb007101;  // 203.0.113.1
  static constexpr uint32_t kRelay = 0xcb007102;
  static constexpr unsigned kRedirectionTable = 128;
  static constexpr std::array<uint8_t, 40> kMicrosoftKey = {
      0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
      0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
      0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
  NodeConfig node_ = NodeOf({"", GetParam(), 49152, 65535, 3478, 0});
  std::optional<RssPlan> plan_;
  std::mt19937 random_{GetParam()};
};

// Microsoft's published example: 66.9.149.187:2794 to 161.142.100.80:1766.
TEST_F(SteeringTest, TheModelOfToeplitzIsRight) {
  uint32_t tuple[3] = {0x420995bb, 0xa18e6450, 2794u << 16 | 1766u};
  static constexpr std::array<uint8_t, 40> kKey = {
      0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
      0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
      0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
  EXPECT_EQ(rte_softrss(tuple, 3, kKey.data()), 0x51ccc178u);
}

TEST_P(ToeplitzTest, WithoutSteeringAllButOneInNOfThePeersDatagramsIsHandedOff) {
  const Shares shares = Simulate(Hash::kFourTuple);
  const double expected = (1 - 1.0 / GetParam()) / 2;
  std::printf("%d shards, RSS: %.1f %% handed off, the busiest queue %.2f x the mean\n", GetParam(),
              100 * shares.handed_off, shares.busiest_queue);
  EXPECT_NEAR(shares.handed_off, expected, 0.01);
  EXPECT_LT(shares.busiest_queue, 1.2);
}

TEST_P(ToeplitzTest, FlowRulesLeaveNothingToHandOff) {
  const auto rules = FlowRules::Create(0, node_);
  ASSERT_TRUE(rules.ok());
  const Shares shares = Simulate(Hash::kFourTuple);
  std::printf("%d shards, %zu flow rules: %.1f %% handed off, the busiest queue %.2f x the mean\n",
              GetParam(), rules->size(), 100 * shares.handed_off, shares.busiest_queue);
  EXPECT_EQ(shares.handed_off, 0);
  EXPECT_LT(shares.busiest_queue, 1.2);
}

// Why RSS over destination ports is not used, though a port can be chosen then that brings peers to
// the owner: all clients send to one port, so all of them come to one queue, and as much is handed
// off as before, by one shard.
TEST_P(ToeplitzTest, DestinationPortsAloneBringAllClientsToOneQueue) {
  const Shares shares = Simulate(Hash::kDestinationPort);
  std::printf(
      "%d shards, RSS over destination ports: %.1f %% handed off, the busiest queue %.2f x the "
      "mean\n",
      GetParam(), 100 * shares.handed_off, shares.busiest_queue);
  EXPECT_NEAR(shares.handed_off, (1 - 1.0 / GetParam()) / 2, 0.01);
  EXPECT_GT(shares.busiest_queue, GetParam() / 2.0);
}

TEST_P(ToeplitzTest, KeyAndTableOfTheNodeLeaveNothingToHandOffAndSpreadClients) {
  // 512 entries (i40e) tell 8 blocks of the default ports apart; for 32 it takes 2,048 (ice) and
  // half of all ports.
  if (GetParam() > 8) node_.relay_port_first = 32768;
  plan_ = PlanRss(node_, GetParam() > 8 ? 2048 : 512, kMicrosoftKey.size());
  ASSERT_TRUE(plan_.has_value());
  const Shares shares = Simulate(Hash::kPlan);
  std::printf(
      "%d shards, RSS by relay port: %.1f %% handed off, the busiest queue %.2f x the mean\n",
      GetParam(), 100 * shares.handed_off, shares.busiest_queue);
  EXPECT_EQ(shares.handed_off, 0);
  EXPECT_LT(shares.busiest_queue, 1.2);
}

INSTANTIATE_TEST_SUITE_P(Shards, ToeplitzTest, ::testing::Values(8, 32),
                         [](const auto& shards) { return std::to_string(shards.param); });

}  // namespace
}  // namespace causeway

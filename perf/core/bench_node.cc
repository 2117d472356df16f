#include "perf/core/bench_node.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace causeway::bench {
namespace {

constexpr unsigned kCommands = 1024;
constexpr unsigned kHandOff = 4096;  // as the engine's
constexpr uint32_t kWarmBatch = 1024;
constexpr unsigned kWarmTimes = 4;  // as many as make the channel in use the inline one
constexpr uint32_t kRelayAddresses = 256;
constexpr uint16_t kClientPort = 5000;
constexpr uint16_t kPeerPort = 6000;
constexpr NextHopId kRouter = kFirstNeighbour;
constexpr uint32_t kLimitKbps = 100'000'000;
constexpr uint32_t kLimitPackets = 50'000'000;  // a second
constexpr Deciseconds kNever = 4000000000u;

/// Address number `index` of a network: in IPv4 `v4` is the first one, in IPv6 2001:db8:v6::.
IpAddress AddressIn(bool is_v6, uint32_t v4, uint16_t v6, uint32_t index) {
  if (!is_v6) return IpAddress::V4(v4 + index);
  uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8};
  bytes[4] = static_cast<uint8_t>(v6 >> 8);
  bytes[5] = static_cast<uint8_t>(v6);
  for (int i = 0; i < 4; ++i) bytes[15 - i] = static_cast<uint8_t>(index >> 8 * i);
  return IpAddress::FromV6Bytes(bytes);
}

IpAddress ServerAddress(bool v6) { return AddressIn(v6, 0xc6336401u, 1, 1); }
IpAddress RelayAddress(bool v6, uint32_t index) { return AddressIn(v6, 0xc0000200u, 2, index); }
IpAddress ClientAddress(bool v6, uint32_t i) { return AddressIn(v6, 0x0a000000u, 3, i); }
IpAddress PeerAddress(bool v6, uint32_t i, unsigned channel) {
  return AddressIn(v6, 0xac100000u, 4, i * 7 % 1000003 + channel * 1000003u);
}

void WriteInto(rte_mbuf* frame, const Datagram& datagram, const Parties& parties) {
  frame->data_len =
      static_cast<uint16_t>(WriteFrame(datagram, parties, rte_pktmbuf_mtod(frame, uint8_t*)));
  frame->pkt_len = frame->data_len;
}

}  // namespace

BenchNode::BenchNode(const Population& population, const Pools& pools)
    : population_(population), pools_(pools) {
  static unsigned made = 0;
  name_ = absl::StrCat("bench", made++);
  config_ = ConfigForNode();
  const ShardId owner = population_.handed_off ? 1 : 0;
  for (uint32_t port = config_.relay_port_first; port <= config_.relay_port_last; ++port) {
    const auto number = static_cast<uint16_t>(port);
    if (config_.OwnerOfPort(number) == owner) relay_ports_.push_back(number);
  }
  port_ = std::make_unique<testing::RingPort>(
      name_, config_.shards, testing::RingPort::Sizes{2 * kInFlight, 4 * kInFlight},
      pools_.packets);
  MakeShards();
  Populate();
}

BenchNode::~BenchNode() {
  Settle();
  Clear();
}

NodeConfig BenchNode::ConfigForNode() const {
  NodeConfig node;
  node.listen_addresses = {ServerAddress(population_.v6)};
  node.shards = population_.handed_off ? 2 : 1;
  const uint32_t ports = (node.relay_port_last - node.relay_port_first + 1u) / node.shards;
  Require(population_.allocations <= kRelayAddresses * ports, "too many allocations");
  for (uint32_t i = 0; i * ports < population_.allocations; ++i) {
    node.relay_addresses.push_back(RelayAddress(population_.v6, i));
  }
  const unsigned peers = std::max(1u, population_.channels);
  node.allocations_per_shard = population_.allocations;
  node.permissions_per_shard = peers * population_.allocations;
  node.channels_per_shard = peers * population_.allocations;
  return node;
}

void BenchNode::MakeShards() {
  ShardConfig config;
  config.node = config_;
  config.links[0].port_id = port();
  config.pool = pools_.packets;
  config.jumbo_pool = pools_.jumbo;
  config.epoch_tsc = rte_rdtsc();
  Make(name_, config, {kCommands, kHandOff});
}

RelayPort BenchNode::RelayOf(uint32_t allocation) const {
  const auto ports = static_cast<uint32_t>(relay_ports_.size());
  return {static_cast<uint16_t>(allocation / ports), relay_ports_[allocation % ports]};
}

Parties BenchNode::PartiesOf(uint32_t allocation) const {
  const bool v6 = population_.v6;
  const RelayPort relay = RelayOf(allocation);
  return {
      {ClientAddress(v6, allocation), kClientPort},
      {ServerAddress(v6), config_.listen_port},
      {RelayAddress(v6, relay.address_index), relay.port},
      {{PeerAddress(v6, allocation, 0), kPeerPort}, {PeerAddress(v6, allocation, 1), kPeerPort}}};
}

void BenchNode::Populate() {
  routes_ = RouteTable({{*Prefix::Parse("0.0.0.0/0"), kRouter}, {*Prefix::Parse("::/0"), kRouter}});
  const ShardId owner = population_.handed_off ? 1 : 0;
  for (ShardId id = 0; id < config_.shards; ++id) {
    Command(SetNextHop{kRouter, {2, 0, 0, 0, 0, 9}, population_.peers_resolved, 1500}, id);
    Command(PublishRoutes{&routes_, 1}, id);
  }
  for (uint32_t i = 0; i < population_.allocations; ++i) {
    InstallOne(i, owner);
    if (i % 64 == 63) Obey();
  }
  Obey();
}

void BenchNode::InstallOne(uint32_t allocation, ShardId owner) {
  const ClientTuple tuple = TupleOf(allocation);
  const Parties parties = PartiesOf(allocation);
  const RelayPort relay = RelayOf(allocation);
  InstallAllocation install = {allocation, {tuple, {}}, {}, {}, kNever};
  (population_.v6 ? install.relay_v6 : install.relay_v4) = relay;
  Command(install, owner);
  if (population_.limited) Command(SetLimits{allocation, kLimitKbps, kLimitPackets}, owner);
  const unsigned peers = std::max(1u, population_.channels);
  for (unsigned k = 0; k < peers; ++k) {
    const uint32_t id = peers * allocation + k;
    const auto number = static_cast<uint16_t>(kFirstChannel + k);
    Command(SetPermission{id, allocation, parties.peers[k].address, kNever}, owner);
    if (k < population_.channels) {
      Command(BindChannel{id, allocation, number, parties.peers[k], kNever}, owner);
    }
  }
  if (population_.handed_off) Command(AddClientRedirect{tuple, owner, allocation}, 0);
}

void BenchNode::Warm(const std::vector<Datagram>& kinds) {
  for (unsigned i = 0; i < kWarmTimes * kinds.size(); ++i) WarmOnce(kinds[i % kinds.size()]);
}

void BenchNode::WarmOnce(const Datagram& kind) {
  for (uint32_t i = 0; i < population_.allocations; i += kWarmBatch) {
    std::vector<uint32_t> batch;
    for (uint32_t n = i; n < i + kWarmBatch && n < population_.allocations; ++n) {
      batch.push_back(n);
    }
    Arrive({kind}, batch);
    Settle();
  }
}

void BenchNode::Arrive(const std::vector<Datagram>& kinds,
                       const std::vector<uint32_t>& allocations) {
  const auto count = static_cast<unsigned>(allocations.size());
  frames_.resize(count);
  Require(rte_pktmbuf_alloc_bulk(pools_.packets, frames_.data(), count) == 0, "packet buffers");
  for (unsigned i = 0; i < count; ++i) {
    frames_[i]->data_off = population_.headroom;
    WriteInto(frames_[i], kinds[i % kinds.size()], PartiesOf(allocations[i]));
  }
  Require(rte_ring_enqueue_bulk(port_->rx(0), reinterpret_cast<void**>(frames_.data()), count,
                                nullptr) == count,
          "receive ring");
}

void BenchNode::Bounce() {
  constexpr uint16_t kBurst = 64;
  rte_mbuf* frames[kBurst];
  while (const uint16_t count = rte_eth_rx_burst(port(), 0, frames, kBurst)) {
    Require(rte_eth_tx_burst(port(), 0, frames, count) == count, "transmit ring");
  }
}

unsigned BenchNode::Drain() {
  frames_.resize(kInFlight);
  unsigned total = 0;
  for (uint16_t q = 0; q < port_->queues(); ++q) {
    unsigned count = 0;
    do {
      count = rte_ring_dequeue_burst(port_->tx(q), reinterpret_cast<void**>(frames_.data()),
                                     kInFlight, nullptr);
      rte_pktmbuf_free_bulk(frames_.data(), count);
      total += count;
    } while (count != 0);
  }
  return total;
}

void BenchNode::Settle() {
  unsigned handled = 0;
  do {
    handled = Poll(rte_rdtsc());
    if (rte_ring_count(port_->tx(port_->queues() - 1)) > kInFlight) Drain();
  } while (handled != 0);
  Drain();
}

void BenchNode::Obey() {
  for (ShardId id = 0; id < config_.shards; ++id) {
    while (rte_ring_count(configs_[id].commands) > 0) shards_[id]->Poll(rte_rdtsc());
  }
}

}  // namespace causeway::bench

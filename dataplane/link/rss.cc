#include "dataplane/link/rss.h"

#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <bit>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace causeway {
namespace {

// Where the destination port begins in what is hashed, in bits: after both addresses and the source
// port.
constexpr unsigned kDestinationPortV4 = 2 * 32 + 16;
constexpr unsigned kDestinationPortV6 = 2 * 128 + 16;
// The bytes of the key from which on only longer packets than IPv4's are hashed.
constexpr size_t kBeyondV4 = 16;
// Microsoft's, which spreads well.
constexpr std::array<uint8_t, 40> kSpreadingKey = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

bool AnyV4(const std::vector<IpAddress>& addresses) {
  return std::any_of(addresses.begin(), addresses.end(),
                     [](const IpAddress& address) { return address.IsV4(); });
}

// Whether so many entries can be dealt to the shards with no shard 1.25 times above the mean.
bool DealsEvenly(unsigned entries, unsigned shards) {
  const unsigned most = (entries + shards - 1) / shards;
  return entries >= shards && 4 * most * shards <= 5 * entries;
}

// Empty when a key of this size ends before the one bit that it needs.
std::vector<uint8_t> KeyOf(bool is_v6, unsigned source_bits, size_t size) {
  std::vector<uint8_t> key(size);
  for (size_t i = kBeyondV4; i < size && !is_v6; ++i) key[i] = kSpreadingKey[i % 40];
  // Input bit i adds key bits i to i + 31 to the hash; the last of them is the hash's lowest.
  const unsigned first = (is_v6 ? kDestinationPortV6 : kDestinationPortV4) - source_bits;
  const unsigned bit = first + 31;
  if (bit / 8 >= size) return {};
  key[bit / 8] = static_cast<uint8_t>(0x80u >> bit % 8);
  return key;
}

// Who gets what has these first bits of the destination port; nullopt: any shard.
std::optional<ShardId> OwnerOfBlock(const NodeConfig& node, uint32_t block) {
  const unsigned shift = node.RelayBlockShift();
  const uint32_t first = block << shift;
  const uint32_t last = first + (1u << shift) - 1;
  if (last < node.relay_port_first || first > node.relay_port_last) return std::nullopt;
  if (node.listen_port >= first && node.listen_port <= last) return std::nullopt;
  return node.OwnerOfPort(static_cast<uint16_t>(first));
}

// What a port had, to be given back.
struct RssState {
  std::vector<uint8_t> key;
  rte_eth_rss_conf conf = {};
  std::vector<rte_eth_rss_reta_entry64> table;
};

std::vector<rte_eth_rss_reta_entry64> TableOf(size_t size) {
  std::vector<rte_eth_rss_reta_entry64> table((size + RTE_ETH_RETA_GROUP_SIZE - 1) /
                                              RTE_ETH_RETA_GROUP_SIZE);
  for (size_t i = 0; i < size; ++i) {
    table[i / RTE_ETH_RETA_GROUP_SIZE].mask |= uint64_t{1} << i % RTE_ETH_RETA_GROUP_SIZE;
  }
  return table;
}

std::vector<rte_eth_rss_reta_entry64> TableOf(const std::vector<uint16_t>& queues) {
  auto table = TableOf(queues.size());
  for (size_t i = 0; i < queues.size(); ++i) {
    table[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] = queues[i];
  }
  return table;
}

absl::Status Refused(const char* what, int error) {
  return absl::UnimplementedError(absl::StrCat(what, ": ", rte_strerror(std::abs(error))));
}

absl::Status Read(uint16_t port_id, size_t table_size, size_t key_size, RssState& state) {
  state.key.assign(key_size, 0);
  state.conf.rss_key = state.key.data();
  state.conf.rss_key_len = static_cast<uint8_t>(key_size);
  if (int error = rte_eth_dev_rss_hash_conf_get(port_id, &state.conf); error != 0) {
    return Refused("its hash key cannot be read", error);
  }
  state.table = TableOf(table_size);
  if (int error = rte_eth_dev_rss_reta_query(port_id, state.table.data(),
                                             static_cast<uint16_t>(table_size));
      error != 0) {
    return Refused("its redirection table cannot be read", error);
  }
  return absl::OkStatus();
}

absl::Status Write(uint16_t port_id, size_t table_size, RssState& state) {
  state.conf.rss_key = state.key.data();
  state.conf.rss_key_len = static_cast<uint8_t>(state.key.size());
  if (int error = rte_eth_dev_rss_hash_update(port_id, &state.conf); error != 0) {
    return Refused("its hash key cannot be set", error);
  }
  if (int error = rte_eth_dev_rss_reta_update(port_id, state.table.data(),
                                              static_cast<uint16_t>(table_size));
      error != 0) {
    return Refused("its redirection table cannot be set", error);
  }
  return absl::OkStatus();
}

bool SameTable(const std::vector<rte_eth_rss_reta_entry64>& one,
               const std::vector<rte_eth_rss_reta_entry64>& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const auto& a, const auto& b) {
                      return std::equal(std::begin(a.reta), std::end(a.reta), std::begin(b.reta));
                    });
}

absl::Status Replace(uint16_t port_id, const RssPlan& plan, RssState& had) {
  RssState wanted = {plan.key, had.conf, TableOf(plan.queues)};
  RssState now;
  absl::Status status = Write(port_id, plan.queues.size(), wanted);
  if (status.ok()) status = Read(port_id, plan.queues.size(), plan.key.size(), now);
  if (status.ok() && (now.key != plan.key || !SameTable(now.table, wanted.table))) {
    status = absl::UnimplementedError("it does not keep the hash key and table that it is given");
  }
  if (!status.ok()) (void)Write(port_id, plan.queues.size(), had);
  return status;
}

}  // namespace

std::optional<RssPlan> PlanRss(const NodeConfig& node, size_t table_size, size_t key_size) {
  const bool is_v6 = !AnyV4(node.relay_addresses);
  if (is_v6 && AnyV4(node.listen_addresses)) return std::nullopt;
  const unsigned block_bits = 16 - node.RelayBlockShift();
  const auto index_bits = static_cast<unsigned>(std::bit_width(table_size)) - 1;
  if (!std::has_single_bit(table_size) || index_bits < block_bits) return std::nullopt;
  const unsigned source_bits = index_bits - block_bits;
  if (source_bits > 16 || !DealsEvenly(1u << source_bits, node.shards)) return std::nullopt;

  RssPlan plan = {KeyOf(is_v6, source_bits, key_size), std::vector<uint16_t>(table_size), is_v6};
  if (plan.key.empty()) return std::nullopt;
  for (uint32_t index = 0; index < table_size; ++index) {
    // The lowest bit of the index is the first of the packet's bits.
    uint32_t block = 0;
    for (unsigned i = 0; i < block_bits; ++i) {
      block = block << 1 | (index >> (source_bits + i) & 1);
    }
    const uint32_t source = index & ((1u << source_bits) - 1);
    plan.queues[index] =
        OwnerOfBlock(node, block).value_or(static_cast<ShardId>(source % node.shards));
  }
  return plan;
}

absl::StatusOr<RssPlan> SteerByRss(uint16_t port_id, const NodeConfig& node) {
  rte_eth_dev_info info = {};
  if (int error = rte_eth_dev_info_get(port_id, &info); error != 0) {
    return Refused("it cannot be described", error);
  }
  if (info.reta_size == 0) return absl::UnimplementedError("it has no redirection table");
  const size_t key_size = info.hash_key_size == 0 ? kSpreadingKey.size() : info.hash_key_size;
  std::optional<RssPlan> plan = PlanRss(node, info.reta_size, key_size);
  if (!plan.has_value()) {
    return absl::UnimplementedError(
        absl::StrCat("a redirection table of ", info.reta_size, " entries cannot tell ",
                     node.shards, " workers' relay ports apart and spread clients evenly"));
  }
  RssState had;
  absl::Status status = Read(port_id, info.reta_size, key_size, had);
  if (status.ok()) status = Replace(port_id, *plan, had);
  if (!status.ok()) return status;
  return *std::move(plan);
}

}  // namespace causeway

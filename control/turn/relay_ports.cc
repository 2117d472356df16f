#include "control/turn/relay_ports.h"

#include <algorithm>

namespace causeway::turn {
namespace {

constexpr size_t kMostResting = 1024;

}  // namespace

RelayPorts::RelayPorts(const NodeConfig& node, Random& random) : node_(node), random_(random) {
  const size_t addresses = node.relay_addresses.size();
  for (uint32_t i = 0; i < addresses; ++i) {
    const IpAddress& address = node.relay_addresses[i];
    by_family_[FamilySlot(address.family())].push_back(static_cast<uint16_t>(i));
    by_address_[address] = static_cast<uint16_t>(i);
  }
  pools_.reserve(node.shards * addresses);
  for (int shard = 0; shard < node.shards; ++shard) {
    layouts_.emplace_back(node, static_cast<ShardId>(shard));
    const PortPool fresh(layouts_.back());
    pools_.insert(pools_.end(), addresses, fresh);
    Resting& resting = resting_.emplace_back();
    resting.ring.resize(std::min(kMostResting, addresses * fresh.free_ports() / 8));
  }
}

RelayPort RelayPorts::Take(ShardId shard, Family family, PortKind kind) {
  RelayPort relay = TakeNow(shard, family, kind);
  if (!relay.IsSet() && resting_[shard].count > 0) {
    while (resting_[shard].count > 0) WakeOldest(resting_[shard]);
    relay = TakeNow(shard, family, kind);
  }
  return relay;
}

RelayPort RelayPorts::TakeNow(ShardId shard, Family family, PortKind kind) {
  const std::vector<uint16_t>& addresses = by_family_[FamilySlot(family)];
  if (addresses.empty()) return {};
  size_t i = random_.Below(static_cast<uint32_t>(addresses.size()));
  for (size_t tries = 0; tries < addresses.size(); ++tries) {
    RelayPort relay = {addresses[i], 0};
    PortPool& pool = PoolOf(shard, relay);
    if (auto number = pool.Take(kind, random_)) {
      pool.SetInUse(*number, true);
      relay.port = layouts_[shard].PortOf(*number);
      return relay;
    }
    if (++i == addresses.size()) i = 0;
  }
  return {};
}

void RelayPorts::Release(RelayPort relay) {
  PortPool& pool = Pool(relay);
  const uint32_t number = NumberOf(relay);
  pool.SetInUse(number, false);
  Resting& resting = resting_[node_.OwnerOfPort(relay.port)];
  if (resting.ring.empty()) return pool.Free(number);
  if (resting.count == resting.ring.size()) WakeOldest(resting);
  resting.ring[(resting.first + resting.count++) % resting.ring.size()] = relay;
}

void RelayPorts::WakeOldest(Resting& resting) {
  const RelayPort relay = resting.ring[resting.first];
  resting.first = (resting.first + 1) % resting.ring.size();
  --resting.count;
  Pool(relay).Free(NumberOf(relay));
}

RelayPort RelayPorts::LookUpInUse(const Endpoint& endpoint) const {
  const auto found = by_address_.find(endpoint.address);
  if (found == by_address_.end()) return {};
  if (endpoint.port < node_.relay_port_first || endpoint.port > node_.relay_port_last) return {};
  const RelayPort relay = {found->second, endpoint.port};
  const ShardId shard = node_.OwnerOfPort(endpoint.port);
  const PortPool& pool = pools_[shard * node_.relay_addresses.size() + relay.address_index];
  return pool.InUse(NumberOf(relay)) ? relay : RelayPort{};
}

size_t RelayPorts::bytes() const {
  size_t total = 0;
  for (const PortPool& pool : pools_) total += pool.bytes();
  for (const Resting& resting : resting_) total += resting.ring.size() * sizeof(RelayPort);
  return total + by_address_.capacity() * (sizeof(IpAddress) + sizeof(uint16_t) + 1);
}

}  // namespace causeway::turn

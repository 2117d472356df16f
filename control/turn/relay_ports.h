// All relayed transport addresses of the node, dealt to allocations.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/turn/port_pool.h"
#include "control/turn/random.h"
#include "dataplane/node_config.h"

namespace causeway::turn {

/// Used on the control thread only. Memory is set aside at construction: about two bits a port.
class RelayPorts {
 public:
  /// `node` and `random` outlive this.
  RelayPorts(const NodeConfig& node, Random& random);

  bool Supports(Family family) const { return !by_family_[FamilySlot(family)].empty(); }
  const IpAddress& AddressOf(RelayPort relay) const {
    return node_.relay_addresses[relay.address_index];
  }
  Endpoint EndpointOf(RelayPort relay) const { return {AddressOf(relay), relay.port}; }

  /// Takes a port of this shard on a random address of the family, and marks it as in use. For
  /// kPair the port after it is taken too, as reserved. Not set when there is none.
  RelayPort Take(ShardId shard, Family family, PortKind kind);
  /// Turns a reserved port into one in use.
  void Claim(RelayPort relay) { Pool(relay).SetInUse(NumberOf(relay), true); }
  /// Gives back a port in use or reserved. It rests a while before it is dealt again, unless there
  /// is no other.
  void Release(RelayPort relay);

  /// The relay port of an allocation at this transport address; not set if there is none.
  RelayPort LookUpInUse(const Endpoint& endpoint) const;
  size_t bytes() const;

 private:
  // Freed ports, oldest first.
  struct Resting {
    std::vector<RelayPort> ring;
    size_t first = 0;
    size_t count = 0;
  };

  static size_t FamilySlot(Family family) { return family == Family::kIpv4 ? 0 : 1; }
  uint32_t NumberOf(RelayPort relay) const {
    return layouts_[node_.OwnerOfPort(relay.port)].NumberOf(relay.port);
  }
  PortPool& Pool(RelayPort relay) { return PoolOf(node_.OwnerOfPort(relay.port), relay); }
  PortPool& PoolOf(ShardId shard, RelayPort relay) {
    return pools_[shard * node_.relay_addresses.size() + relay.address_index];
  }
  RelayPort TakeNow(ShardId shard, Family family, PortKind kind);
  void WakeOldest(Resting& resting);

  const NodeConfig& node_;
  Random& random_;
  std::vector<PortLayout> layouts_;                      // by shard
  std::vector<PortPool> pools_;                          // by shard, then by address
  std::vector<Resting> resting_;                         // by shard
  std::array<std::vector<uint16_t>, 2> by_family_;       // indices of the family's addresses
  absl::flat_hash_map<IpAddress, uint16_t> by_address_;  // index of an address
};

}  // namespace causeway::turn

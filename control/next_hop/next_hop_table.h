// The shards' next-hop tables and route tables as control keeps them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "dataplane/address.h"
#include "dataplane/commands.h"
#include "dataplane/route_table.h"

namespace causeway::next_hop {

/// A neighbour: two links may each have one of the same address.
struct NeighbourKey {
  IpAddress address;
  LinkId link = 0;
  friend auto operator<=>(const NeighbourKey&, const NeighbourKey&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const NeighbourKey& key) {
    return H::combine(std::move(state), key.address, key.link);
  }
};

/// A neighbour as one route uses it.
struct HopKey {
  IpAddress address;
  uint16_t mtu = 0;  // of the route; 0 is the link's
  LinkId link = 0;
  friend auto operator<=>(const HopKey&, const HopKey&) = default;
};

/// Takes a command that is meant for every shard; order is kept.
using ToShards = std::function<void(const Command&)>;

/// Deals next-hop ids, sends SetNextHop and PublishRoutes to all shards, frees old route tables.
/// An id that is taken back is dealt again only when every shard has adopted a table that does not
/// name it. One thread at a time.
class NextHopTable {
 public:
  static constexpr int kCapacity = kMaxNextHops - kFirstNeighbour;
  /// Route tables that shards may be behind before Publish has to wait.
  static constexpr size_t kMaxTables = 16;

  NextHopTable(ToShards to_shards, ShardId shards)
      : to_shards_(std::move(to_shards)), adopted_(shards, 0) {
    link_mtus_.fill(1500);
  }

  /// Takes back the ids of all hops that are not in `wanted` (sorted). They stay reserved until the
  /// next Publish, which must not name them, is adopted.
  void Keep(absl::Span<const HopKey> wanted);
  /// The id of a hop; one that is new is dealt an id and has this link address. Nothing when all
  /// ids are in use.
  std::optional<NextHopId> Deal(const HopKey& key, const std::optional<MacAddress>& mac);
  std::optional<NextHopId> LookUp(const HopKey& key) const;
  /// Sets or clears the link address of a neighbour; tells the shards at once if that is news.
  void SetMac(const NeighbourKey& neighbour, const std::optional<MacAddress>& mac);
  void SetLinkMtu(LinkId link, uint32_t mtu);

  /// A table more may be published.
  bool CanPublish() const { return tables_.size() < kMaxTables; }
  /// Publishes unless the routes are what is out already. CanPublish() holds.
  void Publish(const RouteTable& routes);
  /// Returns true when ids or room for tables have come free.
  bool OnRoutesAdopted(ShardId shard, uint32_t generation);

  size_t tables() const { return tables_.size(); }

 private:
  struct Hop {
    NextHopId id = 0;
    std::optional<MacAddress> mac;
  };
  struct Table {
    uint32_t generation;
    std::unique_ptr<const RouteTable> table;
  };
  struct TakenBack {
    NextHopId id;
    uint32_t generation;  // free when all shards have adopted it
  };

  void Tell(const HopKey& key, const Hop& hop);
  void Reclaim();

  const ToShards to_shards_;
  std::vector<uint32_t> adopted_;  // by shard
  uint32_t generation_ = 0;        // published last
  std::deque<Table> tables_;       // oldest first; the last one is in force
  std::map<HopKey, Hop> hops_;
  std::vector<NextHopId> leaving_;  // taken back since the last Publish
  std::deque<TakenBack> quarantine_;
  std::deque<NextHopId> free_;
  uint32_t next_unused_ = kFirstNeighbour;
  std::array<uint16_t, kMaxLinks> link_mtus_;
};

}  // namespace causeway::next_hop

// What the kernel says about our links: their state, their neighbours and the host's routes.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "control/next_hop/netlink.h"
#include "control/next_hop/next_hop_table.h"
#include "control/next_hop/route_set.h"
#include "control/next_hop/rtnetlink.h"

namespace causeway::next_hop {

/// What notices have changed since the last look.
struct KernelChanges {
  bool link = false;             // an interface came, went, or changed in any way that we use
  bool routes = false;           // the stored routes are out of date: call LoadRoutes
  bool unclear = false;          // so they may be
  std::vector<Prefix> prefixes;  // whose routes came, went or changed
  absl::flat_hash_set<NeighbourKey> neighbours;
};

/// A mirror of kernel state, which follows notices one by one. Routes are dumped anew when a link,
/// an address or a next-hop object goes: the kernel then removes IPv4 routes without a word. One
/// thread at a time.
class KernelView {
 public:
  struct Neighbour {
    uint16_t state = 0;  // NUD_*
    std::optional<MacAddress> mac;
    /// The link address may be used to send.
    bool IsResolved() const;
    /// An operator or the kernel's own tables gave it: there is nothing to confirm.
    bool IsFixed() const;
    /// Not confirmed for a while.
    bool IsStale() const;
  };

  /// `interfaces` by LinkId.
  explicit KernelView(std::vector<std::string> interfaces)
      : interfaces_(std::move(interfaces)), links_(interfaces_.size()) {}

  /// Dumps everything. What cannot be dumped stays as it was; so too below.
  absl::Status Load(Netlink& netlink);
  /// Dumps the links and their neighbours.
  absl::Status LoadLinks(Netlink& netlink);
  /// Dumps the routes of the main and local tables; tells whose have changed.
  absl::Status LoadRoutes(Netlink& netlink, KernelChanges* changes);
  /// Takes in a notice.
  void Apply(const nlmsghdr& message, KernelChanges* changes);

  LinkId links() const { return static_cast<LinkId>(links_.size()); }
  /// The interface is there and up.
  bool IsUp(LinkId id) const;
  bool Exists(LinkId id) const { return links_[id].index != 0; }
  /// Neighbours have link addresses to find: neither loopback, NOARP nor point-to-point.
  bool ResolvesNeighbours(LinkId id) const;
  /// Where frames go on a link without neighbours, as the kernel has it: to the broadcast address
  /// on a point-to-point link, else to the link's own.
  const MacAddress& FixedMac(LinkId id) const;
  const LinkMessage& link(LinkId id) const { return links_[id]; }
  const RouteSet& routes() const { return routes_; }
  const absl::flat_hash_map<NeighbourKey, Neighbour>& neighbours() const { return neighbours_; }
  /// Null when the kernel does not know it.
  const Neighbour* LookUpNeighbour(const NeighbourKey& key) const;

 private:
  void ApplyLink(LinkId id, const LinkMessage& link, KernelChanges* changes);
  void ApplyRoute(const RouteMessage& route, KernelChanges* changes);
  void ApplyNeighbour(const NeighbourMessage& neighbour, KernelChanges* changes);

  std::vector<std::string> interfaces_;
  std::vector<LinkMessage> links_;  // index 0 while the interface does not exist
  RouteSet routes_;
  absl::flat_hash_map<NeighbourKey, Neighbour> neighbours_;
};

}  // namespace causeway::next_hop

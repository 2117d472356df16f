// What the kernel says about one interface: its link, its neighbours and the host's routes.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "control/next_hop/netlink.h"
#include "control/next_hop/route_set.h"
#include "control/next_hop/rtnetlink.h"

namespace causeway::next_hop {

/// What notices have changed since the last look.
struct KernelChanges {
  bool link = false;             // the interface came, went, or changed in any way that we use
  bool routes = false;           // the stored routes are out of date: call LoadRoutes
  bool unclear = false;          // so they may be
  std::vector<Prefix> prefixes;  // whose routes came, went or changed
  absl::flat_hash_set<IpAddress> neighbours;
};

/// A mirror of kernel state, which follows notices one by one. Routes are dumped anew when a link, an
/// address or a next-hop object goes: the kernel then removes IPv4 routes without a word. One thread
/// at a time.
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

  explicit KernelView(std::string interface) : interface_(std::move(interface)) {}

  /// Dumps everything. What cannot be dumped stays as it was; so too below.
  absl::Status Load(Netlink& netlink);
  /// Dumps the link and its neighbours.
  absl::Status LoadLink(Netlink& netlink);
  /// Dumps the routes of the main and local tables; tells whose have changed.
  absl::Status LoadRoutes(Netlink& netlink, KernelChanges* changes);
  /// Takes in a notice.
  void Apply(const nlmsghdr& message, KernelChanges* changes);

  /// The interface is there and up.
  bool IsUp() const;
  bool Exists() const { return link_.index != 0; }
  /// Neighbours have link addresses to find: neither loopback, NOARP nor point-to-point.
  bool ResolvesNeighbours() const;
  /// Where frames go on a link without neighbours, as the kernel has it: to the broadcast address
  /// on a point-to-point link, else to the link's own.
  const MacAddress& FixedMac() const;
  const LinkMessage& link() const { return link_; }
  const RouteSet& routes() const { return routes_; }
  const absl::flat_hash_map<IpAddress, Neighbour>& neighbours() const { return neighbours_; }
  /// Null when the kernel does not know it.
  const Neighbour* LookUpNeighbour(const IpAddress& address) const;

 private:
  void ApplyLink(const LinkMessage& link, KernelChanges* changes);
  void ApplyRoute(const RouteMessage& route, KernelChanges* changes);
  void ApplyNeighbour(const NeighbourMessage& neighbour, KernelChanges* changes);

  std::string interface_;
  LinkMessage link_;  // index 0 while the interface does not exist
  RouteSet routes_;
  absl::flat_hash_map<IpAddress, Neighbour> neighbours_;
};

}  // namespace causeway::next_hop

// Where packets go: a read-only map from destination to next hop, built by control, read by shards.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/address.h"
#include "dataplane/commands.h"

namespace causeway {

/// No route, or an address that no peer may have (such as our own).
inline constexpr NextHopId kNoRoute = 0;
/// On-link, link address not asked for yet: raise OnUnresolved and hold the packet.
inline constexpr NextHopId kOnLink = 1;
/// One of this node's relay addresses: hairpin (RFC 8656 section 2.5 note on two clients of one
/// server).
inline constexpr NextHopId kHairpin = 2;
/// Entries of the shard's next-hop table from here on are neighbours.
inline constexpr NextHopId kFirstNeighbour = 8;
/// Size of the shard's next-hop table.
inline constexpr NextHopId kMaxNextHops = 8192;

/// Disjoint address ranges in order; a look-up is one binary search, whatever the number of
/// prefixes. Immutable after construction, so any thread may read it.
class RouteTable {
 public:
  struct Route {
    Prefix prefix;
    NextHopId next_hop;
  };

  RouteTable() = default;
  /// The longest prefix wins; of two routes for the same prefix, the later one.
  explicit RouteTable(std::vector<Route> routes);

  /// The next hop of the longest matching prefix, or kNoRoute.
  NextHopId LookUp(const IpAddress& destination) const;

 private:
  struct Range {
    IpAddress first;  // the range ends where the next one begins
    NextHopId next_hop;
  };
  std::vector<Range> ranges_;  // sorted by `first`
};

}  // namespace causeway

// The route table as the shards are to have it.
#pragma once

#include <map>
#include <vector>

#include "absl/types/span.h"
#include "control/next_hop/next_hop_table.h"
#include "control/next_hop/route_plan.h"
#include "dataplane/address.h"
#include "dataplane/route_table.h"

namespace causeway::next_hop {

/// Writes next-hop ids where the plan has targets, and lays resolved on-link destinations over
/// them. Changes what has changed only. One thread at a time.
class ShardRoutes {
 public:
  /// Brings the table up to date with a plan whose targets for the prefixes `planned`, and for no
  /// others, have changed since the last call. `hops` are those with a next hop, gateways too.
  void Update(const RoutePlan& plan, absl::Span<const Prefix> planned,
              absl::Span<const HopKey> hops, const NextHopTable& table);

  const RouteTable& table() const { return routes_; }

 private:
  using Hosts = std::map<IpAddress, NextHopId>;

  void Write(const RoutePlan& plan, const Prefix& prefix);
  void RewriteMoved(const RoutePlan& plan, absl::Span<const Prefix> planned,
                    const NextHopTable& table);

  RouteTable routes_;
  std::vector<NextHopId> ids_{kNoRoute};  // by RoutePlan::Index, as written
  Hosts hosts_;
};

}  // namespace causeway::next_hop

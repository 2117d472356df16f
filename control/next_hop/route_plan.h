// Which of the kernel's routes count, and where each sends. Pure function.
#pragma once

#include <vector>

#include "absl/types/span.h"
#include "control/next_hop/rtnetlink.h"
#include "dataplane/address.h"
#include "dataplane/route_table.h"

namespace causeway::next_hop {

/// What becomes of a packet: dropped, sent to the on-link destination itself, sent to one of our
/// relay addresses, or sent via a gateway.
struct Target {
  enum class Kind : uint8_t { kNone, kNeighbour, kRelay, kVia };
  Kind kind = Kind::kNone;
  IpAddress gateway;  // kVia; unspecified on a link without neighbours
  uint16_t mtu = 0;   // of the route; 0 is the link's
  friend bool operator==(const Target&, const Target&) = default;
};

struct RoutePlan {
  std::vector<Target> targets;            // [0] is kNone
  std::vector<RouteTable::Route> routes;  // next_hop is an index into targets
};

struct RoutePlanInput {
  absl::Span<const RouteMessage> routes;  // main and local tables
  int interface_index = 0;                // 0: the interface is not to be used
  bool resolves_neighbours = true;
  absl::Span<const Prefix> relay_prefixes;
};

/// Main table: unicast routes out of the interface (of a multipath route the first live path
/// there), routes out of other interfaces, which are kNone to us and yield to ours of the same
/// prefix, and routes that refuse; the lowest metric wins, then router preference, then the
/// kernel's order. Local table: kNone. Multicast, loopback, link-local IPv6, unspecified and
/// broadcast destinations: kNone. Relay prefixes: kRelay, over all of these.
RoutePlan PlanRoutes(const RoutePlanInput& input);

}  // namespace causeway::next_hop

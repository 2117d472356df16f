// Which of the kernel's routes count, and where each sends.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
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
  LinkId link = 0;    // kNeighbour, kVia
  friend auto operator<=>(const Target&, const Target&) = default;
};

/// The node and its links, as far as they decide about routes.
struct RouteRules {
  struct Link {
    int interface_index = 0;  // 0: there is no such interface
    bool up = false;
    bool resolves_neighbours = true;
  };
  absl::Span<const Link> links;  // by LinkId
  absl::Span<const Prefix> relay_prefixes;
};

/// Where the routes of one prefix send; nothing when they leave it to a shorter prefix. Pure
/// function. Main table: unicast routes out of our links (of a multipath route the first live path
/// by one that is up), routes out of other interfaces, which are kNone to us and yield to ours of
/// the same prefix, and routes that refuse; the lowest metric wins, then router preference, then
/// the kernel's order. Local table: kNone. Multicast, loopback, link-local IPv6, unspecified and
/// broadcast destinations: kNone. Relay prefixes: kRelay, over all of these.
std::optional<Target> TargetOfRoutes(const Prefix& prefix, absl::Span<const RouteMessage> routes,
                                     const RouteRules& rules);

/// Prefixes that have a target without any route of the kernel's, beside the relay prefixes.
absl::Span<const Prefix> ImpossibleDestinations();

/// The targets of all prefixes, changed prefix by prefix. One thread at a time.
class RoutePlan {
 public:
  /// Names a target while a prefix has it.
  using Index = uint16_t;
  /// Of no route at all, and of what is beyond the targets that an Index can name.
  static constexpr Index kNone = 0;

  RoutePlan() : targets_(1), uses_(1, 1) {}

  /// Returns true when that is news.
  bool Set(const Prefix& prefix, const std::optional<Target>& target);
  /// Nothing when the prefix itself has no target.
  std::optional<Index> At(const Prefix& prefix) const;
  const Target& LookUp(const IpAddress& destination) const {
    return targets_[table_.LookUp(destination)];
  }

  /// All Indexes are below it.
  size_t capacity() const { return targets_.size(); }
  /// How many prefixes have the target.
  size_t uses(Index index) const { return uses_[index]; }
  /// Calls for each target that is in use.
  void ForEachTarget(const std::function<void(Index, const Target&)>& call) const;
  const absl::flat_hash_map<Prefix, Index>& prefixes() const { return prefixes_; }

 private:
  Index Take(const Target& target);
  void Leave(Index index);

  RouteTable table_;  // to an Index
  absl::flat_hash_map<Prefix, Index> prefixes_;
  std::vector<Target> targets_;
  std::vector<size_t> uses_;  // by how many prefixes; by Index, as targets_
  std::map<Target, Index> indexes_;
  std::vector<Index> free_;
};

}  // namespace causeway::next_hop

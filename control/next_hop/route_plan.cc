#include "control/next_hop/route_plan.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <utility>

namespace causeway::next_hop {
namespace {

// Destinations that no peer may have, whatever the kernel's routes say (RFC 6890).
const std::vector<Prefix>& Impossible() {
  static const auto& prefixes = *new std::vector<Prefix>{
      {IpAddress::V4(0x00000000), 104},  // 0.0.0.0/8
      {IpAddress::V4(0x7f000000), 104},  // 127.0.0.0/8
      {IpAddress::V4(0xe0000000), 100},  // 224.0.0.0/4
      Prefix::Host(IpAddress::V4(0xffffffff)),
      Prefix::Host(IpAddress()),  // ::
      *Prefix::Parse("::1/128"),
      *Prefix::Parse("fe80::/10"),
      *Prefix::Parse("ff00::/8"),
  };
  return prefixes;
}

bool IsInside(const Prefix& inner, absl::Span<const Prefix> outer) {
  return std::any_of(outer.begin(), outer.end(), [&](const Prefix& o) {
    return o.length <= inner.length && o.Contains(inner.address);
  });
}

bool IsOneOf(const Prefix& prefix, absl::Span<const Prefix> prefixes) {
  return std::find(prefixes.begin(), prefixes.end(), prefix) != prefixes.end();
}

std::optional<LinkId> LinkOf(const Path& path, const RouteRules& rules) {
  for (size_t link = 0; link < rules.links.size(); ++link) {
    const int index = rules.links[link].interface_index;
    if (index != 0 && path.index == index) return static_cast<LinkId>(link);
  }
  return std::nullopt;
}

bool LeavesElsewhere(const RouteMessage& route, const RouteRules& rules) {
  return route.type == RTN_UNICAST && !route.paths.empty() &&
         std::none_of(route.paths.begin(), route.paths.end(),
                      [&](const Path& path) { return LinkOf(path, rules).has_value(); });
}

std::optional<Target> TargetOfRoute(const RouteMessage& route, const RouteRules& rules) {
  if (route.type != RTN_UNICAST) return Target{};
  // A network behind another interface is out of our reach; our default route must not catch it.
  if (LeavesElsewhere(route, rules)) return Target{};
  for (const Path& path : route.paths) {
    const std::optional<LinkId> link = LinkOf(path, rules);
    if (!link || !rules.links[*link].up || path.dead) continue;
    if (!rules.links[*link].resolves_neighbours) {
      return Target{Target::Kind::kVia, {}, route.mtu, *link};
    }
    if (!path.gateway) return Target{Target::Kind::kNeighbour, {}, route.mtu, *link};
    return Target{Target::Kind::kVia, *path.gateway, route.mtu, *link};
  }
  return std::nullopt;
}

// Of routes for one prefix, one that leaves by a link of ours comes first, then the lowest metric.
std::optional<Target> TargetOfMainTable(absl::Span<const RouteMessage> routes,
                                        const RouteRules& rules) {
  std::optional<Target> best;
  std::tuple<bool, uint32_t, uint8_t> best_preference;
  for (const RouteMessage& route : routes) {
    if (route.table != RT_TABLE_MAIN) continue;
    const std::optional<Target> target = TargetOfRoute(route, rules);
    if (!target) continue;
    const std::tuple preference(LeavesElsewhere(route, rules), route.metric, route.rank);
    if (best && preference >= best_preference) continue;
    best = target;
    best_preference = preference;
  }
  return best;
}

}  // namespace

absl::Span<const Prefix> ImpossibleDestinations() { return Impossible(); }

std::optional<Target> TargetOfRoutes(const Prefix& prefix, absl::Span<const RouteMessage> routes,
                                     const RouteRules& rules) {
  if (IsOneOf(prefix, rules.relay_prefixes)) return Target{Target::Kind::kRelay, {}, 0};
  if (IsOneOf(prefix, Impossible())) return Target{};
  if (IsInside(prefix, rules.relay_prefixes)) return std::nullopt;
  const bool is_local = std::any_of(routes.begin(), routes.end(), [](const RouteMessage& route) {
    return route.table == RT_TABLE_LOCAL;
  });
  if (is_local) return Target{};
  if (IsInside(prefix, Impossible())) return std::nullopt;
  return TargetOfMainTable(routes, rules);
}

bool RoutePlan::Set(const Prefix& prefix, const std::optional<Target>& target) {
  const auto found = prefixes_.find(prefix);
  const bool had = found != prefixes_.end();
  if (!target) {
    if (!had) return false;
    Leave(found->second);
    prefixes_.erase(found);
    table_.Erase(prefix);
    return true;
  }
  if (had && targets_[found->second] == *target) return false;
  const Index index = Take(*target);
  if (had) {
    Leave(std::exchange(found->second, index));
  } else {
    prefixes_.emplace(prefix, index);
  }
  table_.Set(prefix, index);
  return true;
}

std::optional<RoutePlan::Index> RoutePlan::At(const Prefix& prefix) const {
  const auto found = prefixes_.find(prefix);
  if (found == prefixes_.end()) return std::nullopt;
  return found->second;
}

void RoutePlan::ForEachTarget(const std::function<void(Index, const Target&)>& call) const {
  for (const auto& [target, index] : indexes_) call(index, target);
}

RoutePlan::Index RoutePlan::Take(const Target& target) {
  if (target == Target{}) return kNone;
  const auto found = indexes_.find(target);
  if (found != indexes_.end()) {
    ++uses_[found->second];
    return found->second;
  }
  Index index = kNone;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else if (targets_.size() <= UINT16_MAX) {
    index = static_cast<Index>(targets_.size());
    targets_.emplace_back();
    uses_.emplace_back();
  } else {
    return kNone;
  }
  targets_[index] = target;
  uses_[index] = 1;
  indexes_.emplace(target, index);
  return index;
}

void RoutePlan::Leave(Index index) {
  if (index == kNone || --uses_[index] > 0) return;
  indexes_.erase(targets_[index]);
  free_.push_back(index);
}

}  // namespace causeway::next_hop

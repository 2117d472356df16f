#include "control/next_hop/route_plan.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
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

class Planner {
 public:
  explicit Planner(const RoutePlanInput& input) : input_(input) { plan_.targets.emplace_back(); }

  RoutePlan Run() {
    ChooseMainRoutes();
    for (const auto& [prefix, choice] : best_) Add({choice.first->prefix, Index(choice.second)});
    for (const RouteMessage& route : input_.routes) {
      if (route.table == RT_TABLE_LOCAL && !IsInside(route.prefix, input_.relay_prefixes)) {
        Add({route.prefix, 0});
      }
    }
    for (const Prefix& prefix : Impossible()) Add({prefix, 0});
    const NextHopId hairpin = Index({Target::Kind::kRelay, {}, 0});
    for (const Prefix& prefix : input_.relay_prefixes) Add({prefix, hairpin});
    return std::move(plan_);
  }

 private:
  using PrefixKey = std::pair<IpAddress, uint8_t>;
  using Choice = std::pair<const RouteMessage*, Target>;

  void Add(const RouteTable::Route& route) { plan_.routes.push_back(route); }

  void ChooseMainRoutes() {
    for (const RouteMessage& route : input_.routes) {
      if (route.table != RT_TABLE_MAIN || IsInside(route.prefix, input_.relay_prefixes) ||
          IsInside(route.prefix, Impossible())) {
        continue;
      }
      const std::optional<Target> target = TargetOf(route);
      if (!target) continue;
      auto [at, added] =
          best_.try_emplace(PrefixKey(route.prefix.address, route.prefix.length), &route, *target);
      if (!added && Preference(route) < Preference(*at->second.first)) {
        at->second = {&route, *target};
      }
    }
  }

  // Of routes for one prefix, one that leaves by our interface comes first, then the lowest metric.
  std::tuple<bool, uint32_t, uint8_t> Preference(const RouteMessage& route) const {
    return {LeavesElsewhere(route), route.metric, route.rank};
  }

  bool LeavesElsewhere(const RouteMessage& route) const {
    return route.type == RTN_UNICAST && !route.paths.empty() &&
           std::none_of(route.paths.begin(), route.paths.end(),
                        [&](const Path& path) { return path.index == input_.interface_index; });
  }

  std::optional<Target> TargetOf(const RouteMessage& route) const {
    if (route.type != RTN_UNICAST) return Target{};
    if (input_.interface_index == 0) return std::nullopt;
    // A network behind another interface is out of our reach; our default route must not catch it.
    if (LeavesElsewhere(route)) return Target{};
    for (const Path& path : route.paths) {
      if (path.index != input_.interface_index || path.dead) continue;
      if (!input_.resolves_neighbours) return Target{Target::Kind::kVia, {}, route.mtu};
      if (!path.gateway) return Target{Target::Kind::kNeighbour, {}, route.mtu};
      return Target{Target::Kind::kVia, *path.gateway, route.mtu};
    }
    return std::nullopt;
  }

  // Targets beyond what an index can name get no route.
  NextHopId Index(const Target& target) {
    if (target.kind == Target::Kind::kNone) return 0;
    const auto key = std::make_tuple(target.kind, target.gateway, target.mtu);
    auto found = indexes_.find(key);
    if (found != indexes_.end()) return found->second;
    if (plan_.targets.size() > UINT16_MAX) return 0;
    const auto index = static_cast<NextHopId>(plan_.targets.size());
    plan_.targets.push_back(target);
    indexes_.emplace(key, index);
    return index;
  }

  const RoutePlanInput& input_;
  RoutePlan plan_;
  std::map<PrefixKey, Choice> best_;
  std::map<std::tuple<Target::Kind, IpAddress, uint16_t>, NextHopId> indexes_;
};

}  // namespace

RoutePlan PlanRoutes(const RoutePlanInput& input) { return Planner(input).Run(); }

}  // namespace causeway::next_hop

#include "control/next_hop/shard_routes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace causeway::next_hop {
namespace {

NextHopId IdOf(const Target& target, const NextHopTable& table) {
  switch (target.kind) {
    case Target::Kind::kNone:
      return kNoRoute;
    case Target::Kind::kNeighbour:
      return kOnLink;
    case Target::Kind::kRelay:
      return kHairpin;
    case Target::Kind::kVia:
      return table.LookUp({target.gateway, target.mtu, target.link}).value_or(kNoRoute);
  }
  return kNoRoute;
}

}  // namespace

void ShardRoutes::Update(const RoutePlan& plan, absl::Span<const Prefix> planned,
                         absl::Span<const HopKey> hops, const NextHopTable& table) {
  RewriteMoved(plan, planned, table);
  for (const Prefix& prefix : planned) Write(plan, prefix);
  Hosts hosts;
  for (const HopKey& key : hops) {
    const Target& target = plan.LookUp(key.address);
    if (target.kind != Target::Kind::kNeighbour || target.mtu != key.mtu ||
        target.link != key.link) {
      continue;
    }
    if (const auto id = table.LookUp(key)) hosts.emplace(key.address, *id);
  }
  for (const auto& [address, id] : hosts_) {
    if (!hosts.contains(address)) Write(plan, Prefix::Host(address));
  }
  for (const auto& [address, id] : hosts) routes_.Set(Prefix::Host(address), id);
  hosts_ = std::move(hosts);
}

void ShardRoutes::Write(const RoutePlan& plan, const Prefix& prefix) {
  if (const auto index = plan.At(prefix)) {
    routes_.Set(prefix, ids_[*index]);
  } else {
    routes_.Erase(prefix);
  }
}

// A target whose id is another than before, and which not only the planned prefixes have.
void ShardRoutes::RewriteMoved(const RoutePlan& plan, absl::Span<const Prefix> planned,
                               const NextHopTable& table) {
  absl::flat_hash_map<RoutePlan::Index, size_t> about_to_be_written;
  for (const Prefix& prefix : planned) {
    if (const auto index = plan.At(prefix)) ++about_to_be_written[*index];
  }
  ids_.resize(plan.capacity(), kNoRoute);
  std::vector<bool> moved(plan.capacity(), false);
  plan.ForEachTarget([&](RoutePlan::Index index, const Target& target) {
    const NextHopId id = IdOf(target, table);
    if (std::exchange(ids_[index], id) == id) return;
    const auto written = about_to_be_written.find(index);
    moved[index] = written == about_to_be_written.end() || written->second < plan.uses(index);
  });
  if (std::find(moved.begin(), moved.end(), true) == moved.end()) return;
  for (const auto& [prefix, index] : plan.prefixes()) {
    if (moved[index]) routes_.Set(prefix, ids_[index]);
  }
}

}  // namespace causeway::next_hop

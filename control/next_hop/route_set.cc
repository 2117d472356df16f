#include "control/next_hop/route_set.h"

#include <algorithm>
#include <utility>

namespace causeway::next_hop {
namespace {

bool IsSamePath(const Path& a, const Path& b) {
  return a.index == b.index && a.gateway == b.gateway;
}

bool Has(const std::vector<Path>& paths, const Path& path) {
  return std::any_of(paths.begin(), paths.end(),
                     [&](const Path& one) { return IsSamePath(one, path); });
}

bool HasAll(const std::vector<Path>& paths, const std::vector<Path>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(),
                     [&](const Path& path) { return Has(paths, path); });
}

// They compete, and may stand for each other in a notice.
bool IsSameRank(const RouteMessage& a, const RouteMessage& b) {
  return a.table == b.table && a.metric == b.metric;
}

bool IsSameRoute(const RouteMessage& a, const RouteMessage& b) {
  return IsSameRank(a, b) && a.type == b.type && a.paths.size() == b.paths.size() &&
         HasAll(a.paths, b.paths);
}

}  // namespace

absl::Span<const RouteMessage> RouteSet::At(const Prefix& prefix) const {
  const auto found = routes_.find(prefix);
  if (found == routes_.end()) return {};
  return found->second;
}

RouteSet::Outcome RouteSet::Apply(const RouteMessage& notice) {
  std::vector<RouteMessage>& here = routes_[notice.prefix];
  const Outcome outcome = notice.removed ? Remove(here, notice) : Add(here, notice);
  if (here.empty()) routes_.erase(notice.prefix);
  return outcome;
}

RouteSet::Outcome RouteSet::Add(std::vector<RouteMessage>& here, const RouteMessage& notice) {
  RouteMessage route = notice;
  route.replaces = route.appended = false;
  const auto rival = [&](const RouteMessage& other) { return IsSameRank(other, route); };
  const auto first = std::find_if(here.begin(), here.end(), rival);
  const auto same = std::find_if(here.begin(), here.end(), [&](const RouteMessage& other) {
    return IsSameRoute(other, route);
  });
  if (same != here.end()) {
    *same = std::move(route);
    return Outcome::kClear;
  }
  if (notice.replaces) {
    if (first == here.end()) {
      here.push_back(std::move(route));
      return Outcome::kUnclear;
    }
    *first = std::move(route);
    const auto rivals = std::count_if(here.begin(), here.end(),
                                      [&](const RouteMessage& o) { return IsSameRank(o, notice); });
    return rivals == 1 ? Outcome::kClear : Outcome::kUnclear;
  }
  if (notice.prefix.address.IsV4() && !notice.appended) {
    here.insert(first, std::move(route));
    return Outcome::kClear;
  }
  // IPv6 tells a route that has grown a path with all of its paths.
  std::erase_if(here, [&](const RouteMessage& other) {
    return !notice.prefix.address.IsV4() && rival(other) && other.type == route.type &&
           HasAll(route.paths, other.paths);
  });
  here.push_back(std::move(route));
  return Outcome::kClear;
}

RouteSet::Outcome RouteSet::Remove(std::vector<RouteMessage>& here, const RouteMessage& notice) {
  const auto same = std::find_if(here.begin(), here.end(), [&](const RouteMessage& other) {
    return IsSameRoute(other, notice);
  });
  if (same != here.end()) {
    here.erase(same);
    return Outcome::kClear;
  }
  // IPv6 tells the loss of one path as the removal of a route with that path.
  const auto wider = std::find_if(here.begin(), here.end(), [&](const RouteMessage& other) {
    return IsSameRank(other, notice) && other.type == notice.type &&
           HasAll(other.paths, notice.paths);
  });
  if (notice.prefix.address.IsV4() || wider == here.end()) return Outcome::kUnclear;
  std::erase_if(wider->paths, [&](const Path& path) { return Has(notice.paths, path); });
  return Outcome::kClear;
}

std::vector<Prefix> RouteSet::Replace(std::vector<RouteMessage> dumped) {
  Map fresh;
  fresh.reserve(routes_.size());
  for (RouteMessage& route : dumped) {
    const Prefix prefix = route.prefix;
    fresh[prefix].push_back(std::move(route));
  }
  std::vector<Prefix> changed;
  for (const auto& [prefix, routes] : fresh) {
    const auto old = routes_.find(prefix);
    if (old == routes_.end() || old->second != routes) changed.push_back(prefix);
  }
  for (const auto& [prefix, routes] : routes_) {
    if (!fresh.contains(prefix)) changed.push_back(prefix);
  }
  routes_ = std::move(fresh);
  return changed;
}

}  // namespace causeway::next_hop

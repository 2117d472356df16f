#include "dataplane/route_table.h"

#include <algorithm>

namespace causeway {

RouteTable::RouteTable(std::vector<Route> routes) {
  // An IPv6 default route must not catch IPv4, which lies inside ::/0 in the mapped form.
  routes.insert(routes.begin(), {Prefix{IpAddress::V4(0), 96}, kNoRoute});
  // Shortest first, so that each longer prefix is laid over what is there.
  std::stable_sort(routes.begin(), routes.end(), [](const Route& a, const Route& b) {
    return a.prefix.length < b.prefix.length;
  });
  // Sweep over the points at which the longest match can change; the stack holds the open prefixes.
  std::vector<IpAddress> points = {IpAddress()};
  for (const Route& route : routes) {
    points.push_back(route.prefix.First());
    const IpAddress after = Advance(route.prefix.Last(), 1);
    if (after != IpAddress()) points.push_back(after);
  }
  std::sort(points.begin(), points.end());
  points.erase(std::unique(points.begin(), points.end()), points.end());

  std::vector<size_t> order(routes.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return routes[a].prefix.First() < routes[b].prefix.First();
  });
  std::vector<size_t> open;
  size_t next = 0;
  for (const IpAddress& point : points) {
    while (!open.empty() && routes[open.back()].prefix.Last() < point) open.pop_back();
    while (next < order.size() && routes[order[next]].prefix.First() == point) {
      open.push_back(order[next++]);
    }
    const NextHopId hop = open.empty() ? kNoRoute : routes[open.back()].next_hop;
    if (ranges_.empty() || ranges_.back().next_hop != hop) ranges_.push_back({point, hop});
  }
}

NextHopId RouteTable::LookUp(const IpAddress& destination) const {
  auto after = std::upper_bound(
      ranges_.begin(), ranges_.end(), destination,
      [](const IpAddress& address, const Range& range) { return address < range.first; });
  return after == ranges_.begin() ? kNoRoute : std::prev(after)->next_hop;
}

}  // namespace causeway

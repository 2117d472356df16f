#include "control/next_hop/kernel_view.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <utility>

namespace causeway::next_hop {
namespace {

constexpr uint16_t kUsable =
    NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
constexpr uint16_t kFixed = NUD_PERMANENT | NUD_NOARP;

}  // namespace

bool KernelView::Neighbour::IsResolved() const { return (state & kUsable) != 0 && mac.has_value(); }

bool KernelView::Neighbour::IsFixed() const { return (state & kFixed) != 0; }

bool KernelView::Neighbour::IsStale() const { return (state & NUD_STALE) != 0; }

bool KernelView::IsUp() const { return Exists() && (link_.flags & IFF_UP) != 0; }

bool KernelView::ResolvesNeighbours() const {
  return (link_.flags & (IFF_NOARP | IFF_LOOPBACK | IFF_POINTOPOINT)) == 0;
}

const MacAddress& KernelView::FixedMac() const {
  return (link_.flags & (IFF_NOARP | IFF_LOOPBACK)) == 0 ? link_.broadcast : link_.address;
}

const KernelView::Neighbour* KernelView::LookUpNeighbour(const IpAddress& address) const {
  auto found = neighbours_.find(address);
  return found == neighbours_.end() ? nullptr : &found->second;
}

absl::Status KernelView::Load(Netlink& netlink) {
  KernelChanges ignored;
  absl::Status status = LoadLink(netlink);
  if (status.ok()) status = LoadRoutes(netlink, &ignored);
  return status;
}

absl::Status KernelView::LoadLink(Netlink& netlink) {
  KernelView fresh(interface_);
  KernelChanges ignored;
  const auto apply = [&](const nlmsghdr& message) { fresh.Apply(message, &ignored); };
  absl::Status status = netlink.Dump(RTM_GETLINK, AF_UNSPEC, apply);
  for (uint8_t family : {AF_INET, AF_INET6}) {
    if (status.ok()) status = netlink.Dump(RTM_GETNEIGH, family, apply);
  }
  if (!status.ok()) return status;
  link_ = std::move(fresh.link_);
  neighbours_ = std::move(fresh.neighbours_);
  return absl::OkStatus();
}

absl::Status KernelView::LoadRoutes(Netlink& netlink, KernelChanges* changes) {
  std::vector<RouteMessage> routes;
  for (uint8_t family : {AF_INET, AF_INET6}) {
    absl::Status status = netlink.Dump(RTM_GETROUTE, family, [&](const nlmsghdr& message) {
      auto route = ParseRoute(message);
      if (!route || route->removed) return;
      if (route->table != RT_TABLE_MAIN && route->table != RT_TABLE_LOCAL) return;
      routes.push_back(*std::move(route));
    });
    if (!status.ok()) return status;
  }
  const std::vector<Prefix> changed = routes_.Replace(std::move(routes));
  changes->prefixes.insert(changes->prefixes.end(), changed.begin(), changed.end());
  return absl::OkStatus();
}

void KernelView::Apply(const nlmsghdr& message, KernelChanges* changes) {
  switch (message.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      if (auto link = ParseLink(message)) ApplyLink(*link, changes);
      break;
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      if (auto neighbour = ParseNeighbour(message)) ApplyNeighbour(*neighbour, changes);
      break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      if (auto route = ParseRoute(message)) ApplyRoute(*route, changes);
      break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
      changes->routes = true;
      break;
    default:
      break;
  }
}

void KernelView::ApplyLink(const LinkMessage& link, KernelChanges* changes) {
  const bool ours = Exists() ? link.index == link_.index : link.name == interface_;
  if (!ours) return;
  LinkMessage next;
  if (!link.removed && link.name == interface_) next = link;
  const bool same = next.index == link_.index && next.flags == link_.flags &&
                    next.mtu == link_.mtu && next.address == link_.address &&
                    next.broadcast == link_.broadcast;
  if (same) return;
  // The kernel drops routes and neighbours with the link, the former silently.
  if (next.index != link_.index) neighbours_.clear();
  link_ = std::move(next);
  changes->link = true;
  changes->routes = true;
}

void KernelView::ApplyRoute(const RouteMessage& route, KernelChanges* changes) {
  if (route.table != RT_TABLE_MAIN && route.table != RT_TABLE_LOCAL) return;
  changes->unclear |= routes_.Apply(route) == RouteSet::Outcome::kUnclear;
  changes->prefixes.push_back(route.prefix);
}

void KernelView::ApplyNeighbour(const NeighbourMessage& neighbour, KernelChanges* changes) {
  if (!Exists() || neighbour.index != link_.index) return;
  if (neighbour.removed) {
    neighbours_.erase(neighbour.address);
  } else {
    neighbours_[neighbour.address] = {neighbour.state, neighbour.mac};
  }
  changes->neighbours.insert(neighbour.address);
}

}  // namespace causeway::next_hop

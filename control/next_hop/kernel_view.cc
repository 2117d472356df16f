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

bool KernelView::IsUp(LinkId id) const { return Exists(id) && (links_[id].flags & IFF_UP) != 0; }

bool KernelView::ResolvesNeighbours(LinkId id) const {
  return (links_[id].flags & (IFF_NOARP | IFF_LOOPBACK | IFF_POINTOPOINT)) == 0;
}

const MacAddress& KernelView::FixedMac(LinkId id) const {
  const LinkMessage& link = links_[id];
  return (link.flags & (IFF_NOARP | IFF_LOOPBACK)) == 0 ? link.broadcast : link.address;
}

const KernelView::Neighbour* KernelView::LookUpNeighbour(const NeighbourKey& key) const {
  auto found = neighbours_.find(key);
  return found == neighbours_.end() ? nullptr : &found->second;
}

absl::Status KernelView::Load(Netlink& netlink) {
  KernelChanges ignored;
  absl::Status status = LoadLinks(netlink);
  if (status.ok()) status = LoadRoutes(netlink, &ignored);
  return status;
}

absl::Status KernelView::LoadLinks(Netlink& netlink) {
  KernelView fresh(interfaces_);
  KernelChanges ignored;
  const auto apply = [&](const nlmsghdr& message) { fresh.Apply(message, &ignored); };
  absl::Status status = netlink.Dump(RTM_GETLINK, AF_UNSPEC, apply);
  for (uint8_t family : {AF_INET, AF_INET6}) {
    if (status.ok()) status = netlink.Dump(RTM_GETNEIGH, family, apply);
  }
  if (!status.ok()) return status;
  links_ = std::move(fresh.links_);
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
      if (auto link = ParseLink(message)) {
        for (LinkId id = 0; id < links(); ++id) ApplyLink(id, *link, changes);
      }
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

void KernelView::ApplyLink(LinkId id, const LinkMessage& link, KernelChanges* changes) {
  LinkMessage& now = links_[id];
  const std::string& name = interfaces_[id];
  const bool ours = Exists(id) ? link.index == now.index : link.name == name;
  if (!ours) return;
  LinkMessage next;
  if (!link.removed && link.name == name) next = link;
  const bool same = next.index == now.index && next.flags == now.flags && next.mtu == now.mtu &&
                    next.address == now.address && next.broadcast == now.broadcast;
  if (same) return;
  // The kernel drops routes and neighbours with the link, the former silently.
  if (next.index != now.index) {
    absl::erase_if(neighbours_, [id](const auto& entry) { return entry.first.link == id; });
  }
  now = std::move(next);
  changes->link = true;
  changes->routes = true;
}

void KernelView::ApplyRoute(const RouteMessage& route, KernelChanges* changes) {
  if (route.table != RT_TABLE_MAIN && route.table != RT_TABLE_LOCAL) return;
  changes->unclear |= routes_.Apply(route) == RouteSet::Outcome::kUnclear;
  changes->prefixes.push_back(route.prefix);
}

void KernelView::ApplyNeighbour(const NeighbourMessage& neighbour, KernelChanges* changes) {
  for (LinkId id = 0; id < links(); ++id) {
    if (!Exists(id) || neighbour.index != links_[id].index) continue;
    const NeighbourKey key = {neighbour.address, id};
    if (neighbour.removed) {
      neighbours_.erase(key);
    } else {
      neighbours_[key] = {neighbour.state, neighbour.mac};
    }
    changes->neighbours.insert(key);
  }
}

}  // namespace causeway::next_hop

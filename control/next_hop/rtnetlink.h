// Rtnetlink messages as plain structs. Pure functions: bytes in, struct out.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/address.h"

namespace causeway::next_hop {

/// RTM_NEWLINK or RTM_DELLINK.
struct LinkMessage {
  bool removed = false;
  int index = 0;
  std::string name;
  uint32_t flags = 0;  // IFF_*
  uint32_t mtu = 0;    // bytes of IP packet
  MacAddress address = {};
  MacAddress broadcast = {};
};

/// RTM_NEWNEIGH or RTM_DELNEIGH.
struct NeighbourMessage {
  bool removed = false;
  int index = 0;  // of the interface
  IpAddress address;
  uint16_t state = 0;  // NUD_*
  std::optional<MacAddress> mac;
};

/// One way out of a route.
struct Path {
  int index = 0;  // of the interface
  std::optional<IpAddress> gateway;
  bool dead = false;
  friend bool operator==(const Path&, const Path&) = default;
};

/// RTM_NEWROUTE or RTM_DELROUTE.
struct RouteMessage {
  bool removed = false;
  uint32_t table = 0;  // RT_TABLE_*
  uint8_t type = 0;    // RTN_*
  Prefix prefix;
  uint32_t metric = 0;  // the lowest wins
  uint8_t rank = 1;     // among equal metrics: RFC 4191 preference, 0 high, 1 medium, 2 low
  uint16_t mtu = 0;     // bytes of IP packet; 0 when the route does not say
  std::vector<Path> paths;
  bool replaces = false;  // NLM_F_REPLACE: in the place of one of the same metric
  bool appended = false;  // NLM_F_APPEND: behind those of the same metric
  friend bool operator==(const RouteMessage&, const RouteMessage&) = default;
};

/// RTM_NEWADDR or RTM_DELADDR.
struct AddressMessage {
  bool removed = false;
  int index = 0;  // of the interface
  IpAddress address;
  uint32_t flags = 0;  // IFA_F_*
};

/// Each gives nothing for a message of another kind, for one that is garbled, and for one that says
/// nothing about plain unicast IP forwarding: a bridge's links and neighbours, proxy entries,
/// cached routes, routes for a source prefix or a type of service, and IPv6 routes of mapped
/// addresses.
std::optional<LinkMessage> ParseLink(const nlmsghdr& message);
std::optional<NeighbourMessage> ParseNeighbour(const nlmsghdr& message);
std::optional<RouteMessage> ParseRoute(const nlmsghdr& message);
std::optional<AddressMessage> ParseAddress(const nlmsghdr& message);

}  // namespace causeway::next_hop

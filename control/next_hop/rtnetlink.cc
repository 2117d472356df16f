#include "control/next_hop/rtnetlink.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace causeway::next_hop {
namespace {

constexpr uint8_t kMappedLength = 96;
// RFC 791 and RFC 8200 section 5: what every link carries.
constexpr uint32_t kMinMtu = 68;

// Attributes by type found in a run of bytes, whose bounds are checked. Types beyond those that we
// use are left out.
class Attributes {
 public:
  Attributes(const void* data, size_t size) {
    const auto* at = static_cast<const uint8_t*>(data);
    while (size >= sizeof(nlattr)) {
      const auto* attribute = reinterpret_cast<const nlattr*>(at);
      const size_t length = attribute->nla_len;
      if (length < sizeof(nlattr) || length > size) return;
      const int type = attribute->nla_type & NLA_TYPE_MASK;
      if (type <= kMax) found_[type] = attribute;
      const size_t step = std::min<size_t>(MNL_ALIGN(length), size);
      at += step;
      size -= step;
    }
  }

  bool Has(int type) const { return found_[type] != nullptr; }
  size_t Size(int type) const { return Has(type) ? mnl_attr_get_payload_len(found_[type]) : 0; }
  const uint8_t* Bytes(int type) const {
    return static_cast<const uint8_t*>(mnl_attr_get_payload(found_[type]));
  }
  uint32_t U32(int type, uint32_t otherwise) const {
    if (Size(type) != sizeof(uint32_t)) return otherwise;
    uint32_t value;
    std::memcpy(&value, Bytes(type), sizeof(value));
    return value;
  }
  std::optional<IpAddress> Address(int type, uint8_t family) const {
    return Has(type) ? ReadAddress(family, Bytes(type), Size(type)) : std::nullopt;
  }
  std::optional<MacAddress> Mac(int type) const {
    MacAddress mac;
    if (Size(type) != mac.size()) return std::nullopt;
    std::memcpy(mac.data(), Bytes(type), mac.size());
    return mac;
  }

  static std::optional<IpAddress> ReadAddress(uint8_t family, const uint8_t* bytes, size_t size) {
    if (family == AF_INET && size == 4) return IpAddress::FromV4Bytes(bytes);
    if (family != AF_INET6 || size != 16) return std::nullopt;
    const IpAddress address = IpAddress::FromV6Bytes(bytes);
    if (address.IsV4()) return std::nullopt;
    return address;
  }

 private:
  static constexpr int kMax = RTA_MAX;
  static_assert(kMax >= NDA_LLADDR && kMax >= IFA_FLAGS && kMax >= IFLA_MTU && kMax >= RTAX_MTU);

  std::array<const nlattr*, kMax + 1> found_ = {};
};

// The fixed part, or nothing when the message is of another type or too short.
template <typename Header>
const Header* Body(const nlmsghdr& message, uint16_t new_type, uint16_t delete_type) {
  if (message.nlmsg_type != new_type && message.nlmsg_type != delete_type) return nullptr;
  if (message.nlmsg_len < NLMSG_HDRLEN + sizeof(Header)) return nullptr;
  return static_cast<const Header*>(mnl_nlmsg_get_payload(&message));
}

template <typename Header>
Attributes AttributesOf(const nlmsghdr& message, const Header* body) {
  const size_t offset = MNL_ALIGN(sizeof(Header));
  const size_t size = message.nlmsg_len - NLMSG_HDRLEN;
  return {reinterpret_cast<const uint8_t*>(body) + offset, size > offset ? size - offset : 0};
}

std::optional<Prefix> ReadPrefix(uint8_t family, const std::optional<IpAddress>& destination,
                                 uint8_t length) {
  if (family == AF_INET) {
    if (length > 32 || (length > 0 && !destination)) return std::nullopt;
    const uint32_t mask = length == 0 ? 0 : ~uint32_t{0} << (32 - length);
    const uint32_t bits = length == 0 ? 0 : destination->v4() & mask;
    return Prefix{IpAddress::V4(bits), static_cast<uint8_t>(kMappedLength + length)};
  }
  if (length > 128 || (length > 0 && !destination)) return std::nullopt;
  std::array<uint8_t, 16> bytes = {};
  if (length > 0) std::memcpy(bytes.data(), destination->bytes(), bytes.size());
  for (unsigned bit = length; bit < 128; ++bit) {
    bytes[bit / 8] &= static_cast<uint8_t>(~(0x80u >> (bit % 8)));
  }
  const IpAddress first = IpAddress::FromV6Bytes(bytes.data());
  if (first.IsV4()) return std::nullopt;
  return Prefix{first, length};
}

std::optional<IpAddress> ReadGateway(const Attributes& attributes, uint8_t family) {
  if (attributes.Has(RTA_GATEWAY)) return attributes.Address(RTA_GATEWAY, family);
  if (attributes.Size(RTA_VIA) < sizeof(rtvia)) return std::nullopt;
  rtvia via;
  std::memcpy(&via, attributes.Bytes(RTA_VIA), sizeof(via));
  return Attributes::ReadAddress(static_cast<uint8_t>(via.rtvia_family),
                                 attributes.Bytes(RTA_VIA) + sizeof(via),
                                 attributes.Size(RTA_VIA) - sizeof(via));
}

// A gateway that is there but cannot be read must not make its destinations on-link.
Path ReadPath(const Attributes& attributes, uint8_t family, int index, unsigned flags) {
  Path path = {index, ReadGateway(attributes, family), (flags & RTNH_F_DEAD) != 0};
  const bool named = attributes.Has(RTA_GATEWAY) || attributes.Has(RTA_VIA);
  if (named && !path.gateway) path.dead = true;
  return path;
}

std::vector<Path> ReadPaths(const Attributes& attributes, const rtmsg& body) {
  if (!attributes.Has(RTA_MULTIPATH)) {
    return {ReadPath(attributes, body.rtm_family, static_cast<int>(attributes.U32(RTA_OIF, 0)),
                     body.rtm_flags)};
  }
  std::vector<Path> paths;
  const uint8_t* at = attributes.Bytes(RTA_MULTIPATH);
  size_t size = attributes.Size(RTA_MULTIPATH);
  while (size >= sizeof(rtnexthop)) {
    rtnexthop hop;
    std::memcpy(&hop, at, sizeof(hop));
    if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > size) break;
    const Attributes own(at + sizeof(hop), hop.rtnh_len - sizeof(hop));
    paths.push_back(ReadPath(own, body.rtm_family, hop.rtnh_ifindex, hop.rtnh_flags));
    const size_t step = std::min<size_t>(MNL_ALIGN(hop.rtnh_len), size);
    at += step;
    size -= step;
  }
  return paths;
}

uint16_t ReadMtu(const Attributes& attributes) {
  if (!attributes.Has(RTA_METRICS)) return 0;
  const Attributes metrics(attributes.Bytes(RTA_METRICS), attributes.Size(RTA_METRICS));
  const uint32_t mtu = metrics.U32(RTAX_MTU, 0);
  return mtu == 0 ? 0 : static_cast<uint16_t>(std::clamp(mtu, kMinMtu, uint32_t{UINT16_MAX}));
}

uint8_t ReadRank(const Attributes& attributes) {
  if (attributes.Size(RTA_PREF) != 1) return 1;
  switch (*attributes.Bytes(RTA_PREF)) {
    case 1:
      return 0;
    case 3:
      return 2;
    default:
      return 1;
  }
}

}  // namespace

std::optional<LinkMessage> ParseLink(const nlmsghdr& message) {
  const auto* body = Body<ifinfomsg>(message, RTM_NEWLINK, RTM_DELLINK);
  // A port that joins or leaves a bridge is told as a link of family AF_BRIDGE.
  if (body == nullptr || body->ifi_family != AF_UNSPEC) return std::nullopt;
  const auto attributes = AttributesOf(message, body);
  LinkMessage link;
  link.removed = message.nlmsg_type == RTM_DELLINK;
  link.index = body->ifi_index;
  link.flags = body->ifi_flags;
  if (!attributes.Has(IFLA_IFNAME)) return std::nullopt;
  const auto* name = reinterpret_cast<const char*>(attributes.Bytes(IFLA_IFNAME));
  link.name.assign(name, strnlen(name, attributes.Size(IFLA_IFNAME)));
  link.mtu = attributes.U32(IFLA_MTU, 0);
  link.address = attributes.Mac(IFLA_ADDRESS).value_or(MacAddress{});
  link.broadcast = attributes.Mac(IFLA_BROADCAST).value_or(MacAddress{});
  return link;
}

std::optional<NeighbourMessage> ParseNeighbour(const nlmsghdr& message) {
  const auto* body = Body<ndmsg>(message, RTM_NEWNEIGH, RTM_DELNEIGH);
  if (body == nullptr || (body->ndm_flags & NTF_PROXY) != 0) return std::nullopt;
  const auto attributes = AttributesOf(message, body);
  const auto address = attributes.Address(NDA_DST, body->ndm_family);
  if (!address) return std::nullopt;
  return NeighbourMessage{message.nlmsg_type == RTM_DELNEIGH, body->ndm_ifindex, *address,
                          body->ndm_state, attributes.Mac(NDA_LLADDR)};
}

std::optional<RouteMessage> ParseRoute(const nlmsghdr& message) {
  const auto* body = Body<rtmsg>(message, RTM_NEWROUTE, RTM_DELROUTE);
  if (body == nullptr || (body->rtm_family != AF_INET && body->rtm_family != AF_INET6) ||
      (body->rtm_flags & RTM_F_CLONED) != 0 || body->rtm_src_len != 0 || body->rtm_tos != 0) {
    return std::nullopt;
  }
  const auto attributes = AttributesOf(message, body);
  const auto prefix = ReadPrefix(body->rtm_family, attributes.Address(RTA_DST, body->rtm_family),
                                 body->rtm_dst_len);
  if (!prefix) return std::nullopt;
  RouteMessage route;
  route.removed = message.nlmsg_type == RTM_DELROUTE;
  route.replaces = (message.nlmsg_flags & NLM_F_REPLACE) != 0;
  route.appended = (message.nlmsg_flags & NLM_F_APPEND) != 0;
  route.table = attributes.U32(RTA_TABLE, body->rtm_table);
  route.type = body->rtm_type;
  route.prefix = *prefix;
  route.metric = attributes.U32(RTA_PRIORITY, 0);
  route.rank = ReadRank(attributes);
  route.mtu = ReadMtu(attributes);
  route.paths = ReadPaths(attributes, *body);
  return route;
}

std::optional<AddressMessage> ParseAddress(const nlmsghdr& message) {
  const auto* body = Body<ifaddrmsg>(message, RTM_NEWADDR, RTM_DELADDR);
  if (body == nullptr) return std::nullopt;
  const auto attributes = AttributesOf(message, body);
  // On a point-to-point link IFA_ADDRESS is the far end.
  auto address = attributes.Address(IFA_LOCAL, body->ifa_family);
  if (!address) address = attributes.Address(IFA_ADDRESS, body->ifa_family);
  if (!address) return std::nullopt;
  return AddressMessage{message.nlmsg_type == RTM_DELADDR, static_cast<int>(body->ifa_index),
                        *address, attributes.U32(IFA_FLAGS, body->ifa_flags)};
}

}  // namespace causeway::next_hop

// Stands in for the kernel on one side of NextHops and for the shards on the other.
#pragma once

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/next_hop/netlink.h"
#include "control/next_hop/next_hop_table.h"
#include "dataplane/commands.h"
#include "dataplane/route_table.h"

namespace causeway::next_hop {

inline IpAddress A(const std::string& text) { return *IpAddress::Parse(text); }
inline MacAddress Mac(uint8_t last) { return {2, 0, 0, 0, 0, last}; }

/// One rtnetlink message, built attribute by attribute.
class Message {
 public:
  template <typename Body>
  Message(uint16_t type, const Body& body) : bytes_(4096) {
    header()->nlmsg_type = type;
    header()->nlmsg_len = MNL_ALIGN(sizeof(nlmsghdr));
    *static_cast<Body*>(mnl_nlmsg_put_extra_header(header(), sizeof(Body))) = body;
  }

  Message& Put(uint16_t attribute, const void* data, size_t size) {
    mnl_attr_put(header(), attribute, size, data);
    return *this;
  }
  Message& Put(uint16_t attribute, const IpAddress& a) {
    return a.IsV4() ? Put(attribute, a.v4_bytes(), 4) : Put(attribute, a.bytes(), 16);
  }
  Message& Put(uint16_t attribute, const MacAddress& mac) {
    return Put(attribute, mac.data(), mac.size());
  }
  Message& Put(uint16_t attribute, uint32_t value) { return Put(attribute, &value, 4); }
  Message& Put(uint16_t attribute, const std::string& text) {
    return Put(attribute, text.c_str(), text.size() + 1);
  }

  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(bytes_.data()); }
  const nlmsghdr& get() const { return *reinterpret_cast<const nlmsghdr*>(bytes_.data()); }

 private:
  std::vector<char> bytes_;
};

inline constexpr int kIndex = 7;

inline Message Link(unsigned flags = IFF_UP | IFF_RUNNING, uint32_t mtu = 1500,
                    uint16_t type = RTM_NEWLINK, int index = kIndex,
                    const std::string& name = "eth9") {
  ifinfomsg body = {};
  body.ifi_index = index;
  body.ifi_flags = flags;
  Message m(type, body);
  m.Put(IFLA_IFNAME, name).Put(IFLA_MTU, mtu).Put(IFLA_ADDRESS, Mac(0xee));
  m.Put(IFLA_BROADCAST, MacAddress{255, 255, 255, 255, 255, 255});
  return m;
}

inline Message Neighbour(const std::string& address, uint16_t state, std::optional<MacAddress> mac,
                         uint16_t type = RTM_NEWNEIGH, int index = kIndex) {
  const IpAddress a = A(address);
  ndmsg body = {};
  body.ndm_family = a.IsV4() ? AF_INET : AF_INET6;
  body.ndm_ifindex = index;
  body.ndm_state = state;
  Message m(type, body);
  m.Put(NDA_DST, a);
  if (mac) m.Put(NDA_LLADDR, *mac);
  return m;
}

struct RouteOptions {
  std::string via = {};  // empty: on-link
  uint32_t metric = 0;
  uint32_t mtu = 0;
  int index = kIndex;
  uint8_t type = RTN_UNICAST;
  uint8_t table = RT_TABLE_MAIN;
  int preference = -1;
  uint8_t tos = 0;
};

inline void PutGateway(Message& m, const std::string& via, bool route_is_v4) {
  const IpAddress gateway = A(via);
  if (gateway.IsV4() == route_is_v4) {
    m.Put(RTA_GATEWAY, gateway);
    return;
  }
  std::vector<uint8_t> bytes = {AF_INET6, 0};
  bytes.insert(bytes.end(), gateway.bytes(), gateway.bytes() + 16);
  m.Put(RTA_VIA, bytes.data(), bytes.size());
}

inline Message Route(const std::string& prefix, const RouteOptions& options = {},
                     uint16_t type = RTM_NEWROUTE) {
  const Prefix p = *Prefix::Parse(prefix);
  const bool v4 = p.address.IsV4();
  rtmsg body = {};
  body.rtm_family = v4 ? AF_INET : AF_INET6;
  body.rtm_dst_len = static_cast<uint8_t>(v4 ? p.length - 96 : p.length);
  body.rtm_tos = options.tos;
  body.rtm_table = options.table;
  body.rtm_type = options.type;
  Message m(type, body);
  m.Put(RTA_TABLE, uint32_t{options.table});
  if (p.length != (v4 ? 96 : 0)) m.Put(RTA_DST, p.address);
  if (options.type == RTN_UNICAST) m.Put(RTA_OIF, static_cast<uint32_t>(options.index));
  if (options.metric != 0) m.Put(RTA_PRIORITY, options.metric);
  if (options.preference >= 0) {
    const auto preference = static_cast<uint8_t>(options.preference);
    m.Put(RTA_PREF, &preference, 1);
  }
  if (!options.via.empty()) PutGateway(m, options.via, v4);
  if (options.mtu != 0) {
    nlattr* nest = mnl_attr_nest_start(m.header(), RTA_METRICS);
    m.Put(RTAX_MTU, options.mtu);
    mnl_attr_nest_end(m.header(), nest);
  }
  return m;
}

/// Paths of a multipath route: interface index, gateway, flags.
struct PathOptions {
  int index;
  std::string via;
  uint8_t flags = 0;
};

inline Message Multipath(const std::string& prefix, const std::vector<PathOptions>& paths) {
  Message m = Route(prefix, {.index = 0});
  const bool v4 = Prefix::Parse(prefix)->address.IsV4();
  nlattr* nest = mnl_attr_nest_start(m.header(), RTA_MULTIPATH);
  for (const PathOptions& path : paths) {
    auto* hop = static_cast<rtnexthop*>(mnl_nlmsg_put_extra_header(m.header(), sizeof(rtnexthop)));
    hop->rtnh_ifindex = path.index;
    hop->rtnh_flags = path.flags;
    if (!path.via.empty()) PutGateway(m, path.via, v4);
    hop->rtnh_len = static_cast<uint16_t>(
        static_cast<char*>(mnl_nlmsg_get_payload_tail(m.header())) - reinterpret_cast<char*>(hop));
  }
  mnl_attr_nest_end(m.header(), nest);
  return m;
}

/// What the fake holds, what NextHops has read of it, and what NextHops has asked for.
struct FakeKernel {
  std::vector<Message> links = {Link()};
  std::vector<Message> routes;
  std::vector<Message> neighbours;
  std::deque<Message> notices;
  bool lost = false;
  absl::Status answer;  // to UseNeighbour
  absl::Status dump_answer;
  std::vector<IpAddress> used;  // of kIndex
  std::vector<std::pair<int, IpAddress>> used_by_interface;
  int route_dumps = 0;
};

class FakeNetlink : public Netlink {
 public:
  explicit FakeNetlink(FakeKernel& kernel) : kernel_(kernel) {}
  int fd() const override { return -1; }
  absl::StatusOr<Notices> ReadNotices(const Handler& handler) override {
    if (std::exchange(kernel_.lost, false)) {
      kernel_.notices.clear();
      return Notices::kLost;
    }
    for (; !kernel_.notices.empty(); kernel_.notices.pop_front()) {
      handler(kernel_.notices.front().get());
    }
    return Notices::kRead;
  }
  absl::Status Dump(uint16_t type, uint8_t family, const Handler& handler) override {
    if (!kernel_.dump_answer.ok()) return kernel_.dump_answer;
    const auto& all = type == RTM_GETLINK    ? kernel_.links
                      : type == RTM_GETROUTE ? kernel_.routes
                                             : kernel_.neighbours;
    kernel_.route_dumps += type == RTM_GETROUTE ? 1 : 0;
    for (const Message& m : all) {
      const auto* first = static_cast<const uint8_t*>(mnl_nlmsg_get_payload(&m.get()));
      if (family == AF_UNSPEC || *first == family) handler(m.get());
    }
    return absl::OkStatus();
  }
  absl::Status UseNeighbour(int interface_index, const IpAddress& address) override {
    if (interface_index == kIndex) kernel_.used.push_back(address);
    kernel_.used_by_interface.emplace_back(interface_index, address);
    return kernel_.answer;
  }

 private:
  FakeKernel& kernel_;
};

/// Does as the shards do with the commands, and keeps count of them.
class RecordingDataplane : public Dataplane {
 public:
  struct Hop {
    MacAddress mac = {};
    bool resolved = false;
    uint16_t mtu = 0;
    LinkId link = 0;
  };
  struct Shard {
    const RouteTable* routes = nullptr;
    uint32_t generation = 0;
    std::map<NextHopId, Hop> hops;
    int set_next_hops = 0;
  };

  /// For NextHopTable and KernelFollower.
  ToShards AllOf(ShardId count) {
    return [this, count](const Command& command) {
      for (ShardId id = 0; id < count; ++id) Submit(id, command);
    };
  }
  void Submit(ShardId id, const Command& command) override {
    Shard& shard = shards[id];
    if (const auto* hop = std::get_if<SetNextHop>(&command)) {
      shard.hops[hop->next_hop] = {hop->mac, hop->resolved, hop->mtu, hop->link};
      ++shard.set_next_hops;
    } else if (const auto* publish = std::get_if<PublishRoutes>(&command)) {
      shard.routes = publish->routes;
      shard.generation = publish->generation;
    } else {
      unexpected = true;
    }
  }
  void Transmit(const ClientLeg&, absl::Span<const uint8_t>) override { unexpected = true; }
  MeterReading ReadMeter(ShardId, AllocationId) const override { return {}; }
  void TransmitFrame(absl::Span<const uint8_t>) override { unexpected = true; }
  int Poll(EventSink&) override { return 0; }

  NextHopId LookUp(const std::string& destination, ShardId shard = 0) {
    return shards[shard].routes->LookUp(A(destination));
  }
  /// The hop of a destination that has one of its own.
  Hop HopOf(const std::string& destination, ShardId shard = 0) {
    const NextHopId id = LookUp(destination, shard);
    return id < kFirstNeighbour ? Hop{} : shards[shard].hops[id];
  }
  /// Where a packet would go: "none", "onlink", "hairpin", "waits" or the last byte of the MAC.
  std::string Fate(const std::string& destination, ShardId shard = 0) {
    const NextHopId id = LookUp(destination, shard);
    if (id == kNoRoute) return "none";
    if (id == kOnLink) return "onlink";
    if (id == kHairpin) return "hairpin";
    const Hop hop = shards[shard].hops[id];
    return hop.resolved ? std::to_string(hop.mac[5]) : "waits";
  }

  std::map<ShardId, Shard> shards;
  bool unexpected = false;
};

}  // namespace causeway::next_hop

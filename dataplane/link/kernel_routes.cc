#include "dataplane/link/kernel_routes.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <ctime>

#include "absl/strings/str_cat.h"

namespace causeway {
namespace {

constexpr int kMappedBits = 96;
constexpr size_t kMessageBytes = 512;
constexpr size_t kDumpBytes = 32768;

class Netlink {
 public:
  Netlink() : socket_(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)) {
    if (socket_ != nullptr && mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) < 0) Close();
  }
  ~Netlink() { Close(); }
  Netlink(const Netlink&) = delete;
  Netlink& operator=(const Netlink&) = delete;

  // Sends a request and feeds the replies to `each`. Returns 0 or an errno.
  int Do(nlmsghdr* request, mnl_cb_t each = nullptr, void* data = nullptr) {
    if (socket_ == nullptr) return ENOTCONN;
    request->nlmsg_seq = ++sequence_;
    if (mnl_socket_sendto(socket_, request, request->nlmsg_len) < 0) return errno;
    alignas(nlmsghdr) char buffer[kDumpBytes];
    for (;;) {
      const ssize_t size = mnl_socket_recvfrom(socket_, buffer, sizeof(buffer));
      if (size < 0) return errno;
      const int result = mnl_cb_run(buffer, static_cast<size_t>(size), sequence_,
                                    mnl_socket_get_portid(socket_), each, data);
      if (result == MNL_CB_STOP) return 0;
      if (result == MNL_CB_ERROR) return errno;
    }
  }

 private:
  void Close() {
    if (socket_ != nullptr) mnl_socket_close(socket_);
    socket_ = nullptr;
  }
  mnl_socket* socket_;
  unsigned sequence_ = 0;
};

struct Message {
  alignas(nlmsghdr) char bytes[kMessageBytes];
  nlmsghdr* header = mnl_nlmsg_put_header(bytes);
};

template <typename T>
T* Extra(Message& message) {
  return static_cast<T*>(mnl_nlmsg_put_extra_header(message.header, sizeof(T)));
}

unsigned char FamilyOf(const Prefix& prefix) { return prefix.address.IsV4() ? AF_INET : AF_INET6; }
unsigned char BitsOf(const Prefix& prefix) {
  return static_cast<unsigned char>(prefix.address.IsV4() ? prefix.length - kMappedBits
                                                          : prefix.length);
}

void PutAddress(Message& message, uint16_t attribute, const IpAddress& address) {
  if (address.IsV4()) {
    mnl_attr_put(message.header, attribute, 4, address.v4_bytes());
  } else {
    mnl_attr_put(message.header, attribute, 16, address.bytes());
  }
}

int ChangeRoute(Netlink& netlink, uint16_t type, int ifindex, const Prefix& prefix) {
  Message message;
  message.header->nlmsg_type = type;
  message.header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  if (type == RTM_NEWROUTE) message.header->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
  auto* route = Extra<rtmsg>(message);
  route->rtm_family = FamilyOf(prefix);
  route->rtm_dst_len = BitsOf(prefix);
  route->rtm_table = RT_TABLE_LOCAL;
  route->rtm_protocol = kRouteProtocol;
  route->rtm_type = RTN_LOCAL;
  route->rtm_scope = prefix.address.IsV4() ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  PutAddress(message, RTA_DST, prefix.address);
  mnl_attr_put_u32(message.header, RTA_OIF, static_cast<uint32_t>(ifindex));
  return netlink.Do(message.header);
}

struct StaleSearch {
  int ifindex;
  std::vector<Prefix> found;
};

struct RouteAttributes {
  uint32_t ifindex = 0;
  const void* destination = nullptr;
};

int CollectAttribute(const nlattr* attribute, void* data) {
  auto* attributes = static_cast<RouteAttributes*>(data);
  const uint16_t type = mnl_attr_get_type(attribute);
  if (type == RTA_OIF) attributes->ifindex = mnl_attr_get_u32(attribute);
  if (type == RTA_DST) attributes->destination = mnl_attr_get_payload(attribute);
  return MNL_CB_OK;
}

int CollectStale(const nlmsghdr* header, void* data) {
  auto* search = static_cast<StaleSearch*>(data);
  const auto* route = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(header));
  if (route->rtm_protocol != kRouteProtocol || route->rtm_table != RT_TABLE_LOCAL) return MNL_CB_OK;
  RouteAttributes attributes;
  mnl_attr_parse(header, sizeof(*route), &CollectAttribute, &attributes);
  if (attributes.ifindex != static_cast<uint32_t>(search->ifindex)) return MNL_CB_OK;
  if (attributes.destination == nullptr) return MNL_CB_OK;
  const bool v4 = route->rtm_family == AF_INET;
  search->found.push_back({v4 ? IpAddress::FromV4Bytes(attributes.destination)
                              : IpAddress::FromV6Bytes(attributes.destination),
                           static_cast<uint8_t>(route->rtm_dst_len + (v4 ? kMappedBits : 0))});
  return MNL_CB_OK;
}

void RemoveStale(Netlink& netlink, int ifindex) {
  StaleSearch search{ifindex, {}};
  for (const unsigned char family : {AF_INET, AF_INET6}) {
    Message message;
    message.header->nlmsg_type = RTM_GETROUTE;
    message.header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    Extra<rtmsg>(message)->rtm_family = family;
    netlink.Do(message.header, &CollectStale, &search);
  }
  for (const Prefix& prefix : search.found) ChangeRoute(netlink, RTM_DELROUTE, ifindex, prefix);
}

}  // namespace

absl::StatusOr<std::unique_ptr<KernelRoutes>> KernelRoutes::Add(int ifindex,
                                                                absl::Span<const Prefix> prefixes) {
  Netlink netlink;
  RemoveStale(netlink, ifindex);
  std::unique_ptr<KernelRoutes> routes(new KernelRoutes(ifindex, {}));
  for (const Prefix& prefix : prefixes) {
    const int error = ChangeRoute(netlink, RTM_NEWROUTE, ifindex, prefix);
    if (error == EEXIST) continue;
    if (error != 0) {
      return absl::ErrnoToStatus(
          error, absl::StrCat("cannot add the local route for ", prefix.ToString()));
    }
    routes->added_.push_back(prefix);
  }
  return routes;
}

KernelRoutes::~KernelRoutes() {
  if (added_.empty()) return;
  Netlink netlink;
  for (const Prefix& prefix : added_) ChangeRoute(netlink, RTM_DELROUTE, ifindex_, prefix);
}

absl::Status AddInterfaceAddress(int ifindex, const Prefix& with_length) {
  Netlink netlink;
  Message message;
  message.header->nlmsg_type = RTM_NEWADDR;
  message.header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  auto* address = Extra<ifaddrmsg>(message);
  address->ifa_family = FamilyOf(with_length);
  address->ifa_prefixlen = BitsOf(with_length);
  address->ifa_flags = with_length.address.IsV4() ? 0 : IFA_F_NODAD;
  address->ifa_index = static_cast<uint32_t>(ifindex);
  PutAddress(message, IFA_LOCAL, with_length.address);
  PutAddress(message, IFA_ADDRESS, with_length.address);
  const int error = netlink.Do(message.header);
  if (error == 0 || error == EEXIST) return absl::OkStatus();
  return absl::ErrnoToStatus(
      error, absl::StrCat("cannot give the mirror the address ", with_length.address.ToString()));
}

}  // namespace causeway

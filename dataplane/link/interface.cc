#include "dataplane/link/interface.h"

#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/link/unique_fd.h"

namespace causeway {
namespace {

constexpr const char* kVirtualDrivers[] = {"veth",
                                           "tun",
                                           "bridge",
                                           "virtio_net",
                                           "bonding",
                                           "team",
                                           "macvlan",
                                           "ipvlan",
                                           "dummy",
                                           "vmxnet3",
                                           "hv_netvsc",
                                           "vif",
                                           "802.1Q VLAN Support"};

// One ioctl on a named interface.
class Request {
 public:
  explicit Request(const std::string& name)
      : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    std::strncpy(ifr.ifr_name, name.c_str(), IFNAMSIZ - 1);
  }
  bool Do(unsigned long what) { return ioctl(socket_.get(), what, &ifr) == 0; }
  bool Ethtool(void* command) {
    ifr.ifr_data = static_cast<char*>(command);
    return Do(SIOCETHTOOL);
  }

  ifreq ifr = {};

 private:
  UniqueFd socket_;
};

std::optional<IpAddress> AddressOf(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof v4);
    return IpAddress::FromV4Bytes(&v4.sin_addr);
  }
  if (address->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6;
  std::memcpy(&v6, address, sizeof v6);
  return IpAddress::FromV6Bytes(&v6.sin6_addr);
}

std::string OtherInterfaces() {
  std::vector<std::string> names;
  if (struct if_nameindex* all = if_nameindex(); all != nullptr) {
    for (const auto* each = all; each->if_index != 0; ++each) {
      if (absl::string_view(each->if_name) != "lo") names.emplace_back(each->if_name);
    }
    if_freenameindex(all);
  }
  return names.empty() ? "there are none but lo" : "there are: " + absl::StrJoin(names, ", ");
}

void ReadQueues(Request& request, Interface& interface) {
  ethtool_channels channels = {};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (!request.Ethtool(&channels)) return;
  if (channels.max_combined > 0) interface.queues = std::max(1u, channels.combined_count);
  interface.receive_queues = std::max(1u, channels.combined_count + channels.rx_count);
}

void ReadRssTable(Request& request, Interface& interface) {
  ethtool_rxfh_indir size = {};
  size.cmd = ETHTOOL_GRXFHINDIR;
  if (!request.Ethtool(&size) || size.size == 0) return;
  std::vector<uint32_t> buffer(sizeof(size) / sizeof(uint32_t) + size.size);
  std::memcpy(buffer.data(), &size, sizeof(size));
  if (!request.Ethtool(buffer.data())) return;
  interface.rss_table.assign(buffer.begin() + sizeof(size) / sizeof(uint32_t), buffer.end());
}

void ReadDriver(Request& request, Interface& interface) {
  ethtool_drvinfo driver = {};
  driver.cmd = ETHTOOL_GDRVINFO;
  if (request.Ethtool(&driver)) interface.driver = driver.driver;
  const absl::string_view bus = driver.bus_info;
  const bool listed = std::find(std::begin(kVirtualDrivers), std::end(kVirtualDrivers),
                                interface.driver) != std::end(kVirtualDrivers);
  interface.is_virtual = bus.empty() || bus == "N/A" || listed;
}

}  // namespace

absl::StatusOr<Interface> ReadInterface(const std::string& name) {
  Interface interface;
  interface.name = name;
  Request request(name);
  if (name.size() >= IFNAMSIZ || !request.Do(SIOCGIFINDEX)) {
    return absl::NotFoundError(
        absl::StrCat("interface ", name, " does not exist; ", OtherInterfaces()));
  }
  interface.index = request.ifr.ifr_ifindex;
  if (request.Do(SIOCGIFFLAGS)) interface.up = (request.ifr.ifr_flags & IFF_UP) != 0;
  if (request.Do(SIOCGIFMTU)) interface.mtu = static_cast<unsigned>(request.ifr.ifr_mtu);
  if (request.Do(SIOCGIFHWADDR)) {
    interface.ethernet = request.ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER;
    std::memcpy(interface.mac.data(), request.ifr.ifr_hwaddr.sa_data, interface.mac.size());
  }
  ReadDriver(request, interface);
  ReadQueues(request, interface);
  ReadRssTable(request, interface);

  for (const HostAddress& each : ReadHostAddresses()) {
    if (each.interface == name) interface.addresses.push_back(each.address);
  }
  return interface;
}

std::vector<HostAddress> ReadHostAddresses() {
  std::vector<HostAddress> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, &freeifaddrs);
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    const std::optional<IpAddress> address = AddressOf(each->ifa_addr);
    if (!address.has_value()) continue;
    const absl::string_view label = each->ifa_name;  // the interface's name, or that and ":LABEL"
    addresses.push_back({*address, std::string(label.substr(0, label.find(':')))});
  }
  return addresses;
}

absl::Status CheckQueues(const Interface& interface, unsigned workers) {
  const std::string& name = interface.name;
  if (interface.queues < workers) {
    return absl::FailedPreconditionError(
        absl::StrCat("interface ", name, " has ", interface.queues, " queue(s) for ", workers,
                     " workers: use --workers ", interface.queues, ", or give it more (ethtool -L ",
                     name, " combined ", workers, ") if its driver can"));
  }
  // A veth's queues are not "combined" ones, and the driver serves the first alone.
  if (interface.queues == 1 && interface.receive_queues > 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        "interface ", name, " receives on ", interface.receive_queues,
        " queues, of which DPDK's AF_XDP driver serves 1: ethtool -L ", name, " rx 1"));
  }
  if (!interface.rss_table.empty()) {
    const uint32_t last = *std::max_element(interface.rss_table.begin(), interface.rss_table.end());
    if (last < workers) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "interface ", name, " spreads packets over ", last + 1, " queues, more than the ", workers,
        " worker(s) poll: ethtool -X ", name, " equal ", workers, ", or --workers ", last + 1));
  }
  if (interface.queues > workers) {
    return absl::FailedPreconditionError(
        absl::StrCat("interface ", name, " has ", interface.queues, " queues, more than the ",
                     workers, " worker(s) poll: ethtool -L ", name, " combined ", workers,
                     ", or --workers ", interface.queues));
  }
  return absl::OkStatus();
}

absl::Status ConfigureInterface(const std::string& name, const MacAddress& mac, unsigned mtu) {
  Request request(name);
  request.ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr.ifr_hwaddr.sa_data, mac.data(), mac.size());
  if (!request.Do(SIOCSIFHWADDR)) return absl::ErrnoToStatus(errno, "cannot set MAC of " + name);
  request.ifr.ifr_mtu = static_cast<int>(mtu);
  if (!request.Do(SIOCSIFMTU)) return absl::ErrnoToStatus(errno, "cannot set MTU of " + name);
  if (!request.Do(SIOCGIFFLAGS)) return absl::ErrnoToStatus(errno, "cannot read " + name);
  request.ifr.ifr_flags = static_cast<short>(request.ifr.ifr_flags | IFF_UP);
  if (!request.Do(SIOCSIFFLAGS)) return absl::ErrnoToStatus(errno, "cannot set up " + name);
  return absl::OkStatus();
}

}  // namespace causeway

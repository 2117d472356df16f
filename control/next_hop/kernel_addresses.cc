#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <vector>

#include "absl/strings/str_format.h"
#include "control/next_hop/netlink.h"
#include "control/next_hop/next_hops.h"
#include "control/next_hop/rtnetlink.h"

namespace causeway::next_hop {

absl::StatusOr<std::vector<IpAddress>> KernelAddresses(const std::string& interface_or_empty) {
  auto netlink = OpenNetlink();
  if (!netlink.ok()) return netlink.status();
  int index = 0;
  if (!interface_or_empty.empty()) {
    absl::Status status = (*netlink)->Dump(RTM_GETLINK, AF_UNSPEC, [&](const nlmsghdr& message) {
      const auto link = ParseLink(message);
      if (link && link->name == interface_or_empty) index = link->index;
    });
    if (!status.ok()) return status;
    if (index == 0) {
      return absl::NotFoundError(absl::StrFormat(
          "there is no network interface %s: `ip link` lists those there are", interface_or_empty));
    }
  }
  std::vector<IpAddress> addresses;
  absl::Status status = (*netlink)->Dump(RTM_GETADDR, AF_UNSPEC, [&](const nlmsghdr& message) {
    const auto address = ParseAddress(message);
    if (!address || (address->flags & IFA_F_DADFAILED) != 0) return;
    if (index == 0 || address->index == index) addresses.push_back(address->address);
  });
  if (!status.ok()) return status;
  return addresses;
}

}  // namespace causeway::next_hop

#include "dataplane/link/link_plan.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/link/interface.h"

namespace causeway {
namespace {

bool Has(const Interface& interface, const IpAddress& address) {
  return std::find(interface.addresses.begin(), interface.addresses.end(), address) !=
         interface.addresses.end();
}

std::optional<IpAddress> AddressOf(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof v4);
    return IpAddress::V4(ntohl(v4.sin_addr.s_addr));
  }
  if (address->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6;
  std::memcpy(&v6, address, sizeof v6);
  return IpAddress::FromV6Bytes(v6.sin6_addr.s6_addr);
}

// The interfaces that have them, of all that the host has but the loopback one.
absl::flat_hash_map<std::string, std::string> HostAddresses() {
  absl::flat_hash_map<std::string, std::string> holders;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return holders;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, &freeifaddrs);
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    const auto address = AddressOf(each->ifa_addr);
    if (address && (each->ifa_flags & IFF_LOOPBACK) == 0) {
      holders.emplace(address->ToString(), each->ifa_name);
    }
  }
  return holders;
}

absl::Status CheckRelay(const LinkConfig& node, const std::vector<std::string>& served) {
  const auto holders = HostAddresses();
  for (const Prefix& prefix : node.relay_prefixes) {
    if (prefix.length != 128) continue;
    const auto holder = holders.find(prefix.address.ToString());
    if (holder == holders.end()) continue;
    if (std::find(served.begin(), served.end(), holder->second) != served.end()) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("relay address ", prefix.address.ToString(), " is on interface ",
                     holder->second, ", which is not served: add --interface ", holder->second));
  }
  return absl::OkStatus();
}

absl::Status CheckListening(const LinkConfig& node, const std::vector<Interface>& interfaces,
                            const std::vector<std::string>& names) {
  for (const IpAddress& address : node.node.listen_addresses) {
    const bool served = std::any_of(interfaces.begin(), interfaces.end(),
                                    [&](const Interface& each) { return Has(each, address); });
    if (served) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("address ", address.ToString(), " is on none of the interfaces ",
                     absl::StrJoin(names, ", "), ": add the one that has it, or give it to one"));
  }
  return absl::OkStatus();
}

template <typename Item, typename Keep>
void KeepOnly(std::vector<Item>& items, const Keep& keep) {
  items.erase(
      std::remove_if(items.begin(), items.end(), [&](const Item& item) { return !keep(item); }),
      items.end());
}

LinkConfig PlanLink(const LinkConfig& node, const std::vector<Interface>& interfaces,
                    const Interface& own) {
  LinkConfig link = node;
  link.interface = own.name;
  KeepOnly(link.node.listen_addresses, [&](const IpAddress& a) { return Has(own, a); });
  KeepOnly(link.relay_prefixes, [&](const Prefix& prefix) {
    if (prefix.length != 128 || Has(own, prefix.address)) return true;
    return std::none_of(interfaces.begin(), interfaces.end(),
                        [&](const Interface& each) { return Has(each, prefix.address); });
  });
  KeepOnly(link.node.relay_addresses, [&](const IpAddress& address) {
    return std::any_of(link.relay_prefixes.begin(), link.relay_prefixes.end(),
                       [&](const Prefix& prefix) { return prefix.Contains(address); });
  });
  return link;
}

}  // namespace

absl::StatusOr<std::vector<LinkConfig>> PlanLinks(const LinkConfig& node,
                                                  const std::vector<std::string>& names) {
  if (names.empty()) return std::vector<LinkConfig>{node};
  std::vector<Interface> interfaces;
  for (const std::string& name : names) {
    absl::StatusOr<Interface> interface = ReadInterface(name);
    if (!interface.ok()) return interface.status();
    interfaces.push_back(*std::move(interface));
  }
  if (absl::Status status = CheckRelay(node, names); !status.ok()) return status;
  if (names.size() == 1) {
    LinkConfig link = node;
    link.interface = names[0];
    return std::vector<LinkConfig>{link};
  }
  if (absl::Status status = CheckListening(node, interfaces, names); !status.ok()) return status;
  std::vector<LinkConfig> links;
  for (const Interface& own : interfaces) links.push_back(PlanLink(node, interfaces, own));
  return links;
}

}  // namespace causeway

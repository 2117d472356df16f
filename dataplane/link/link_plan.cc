#include "dataplane/link/link_plan.h"

#include <algorithm>

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

// The interfaces that have them, of all that the host has but the loopback one.
absl::flat_hash_map<std::string, std::string> Holders() {
  absl::flat_hash_map<std::string, std::string> holders;
  for (const HostAddress& each : ReadHostAddresses()) {
    if (each.interface != "lo") holders.emplace(each.address.ToString(), each.interface);
  }
  return holders;
}

absl::Status CheckRelay(const LinkConfig& node, const std::vector<std::string>& served) {
  const auto holders = Holders();
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

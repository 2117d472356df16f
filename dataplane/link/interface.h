// A Linux network interface as the kernel describes it in this network namespace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/address.h"

namespace causeway {

struct Interface {
  std::string name;
  int index = 0;
  bool ethernet = false;
  bool up = false;
  MacAddress mac = {};
  unsigned mtu = 0;
  std::vector<IpAddress> addresses;
  /// ethtool's driver name, or empty.
  std::string driver;
  /// No wire behind it (veth, tun/tap, bridge, virtio ...): a local sender's UDP checksum may
  /// arrive unfinished.
  bool is_virtual = false;
  /// Combined queues, as DPDK's AF_XDP driver counts them (1 when the driver has none).
  unsigned queues = 1;
  /// Queues that frames may arrive on.
  unsigned receive_queues = 1;
  /// Receive queue of each RSS bucket; empty when the driver does not tell.
  std::vector<uint32_t> rss_table;
};

/// NotFoundError names the interfaces that there are.
absl::StatusOr<Interface> ReadInterface(const std::string& name);

struct HostAddress {
  IpAddress address;
  std::string interface;
};
/// All that the host has in this network namespace; none when the kernel does not say.
std::vector<HostAddress> ReadHostAddresses();

/// One line that says what to do when `workers` queues cannot take all of the interface's traffic:
/// too few queues, or traffic spread over more than the workers poll.
absl::Status CheckQueues(const Interface& interface, unsigned workers);

/// Sets what the kernel's own end of a link needs. The interface must exist.
absl::Status ConfigureInterface(const std::string& name, const MacAddress& mac, unsigned mtu);

}  // namespace causeway

// A DPDK Ethernet port, from device string to running queues. Internal to dataplane/link.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "dataplane/address.h"

struct rte_mempool;

namespace causeway {

struct Port {
  uint16_t id = 0;
  MacAddress mac = {};
  uint16_t mtu = 1500;
  std::string driver;
  bool rss = false;  // spreads UDP over its queues
};

/// Adds a virtual device ("net_ring0", or with arguments "net_memif0,role=client") and returns its
/// port. One line names what is missing.
absl::StatusOr<uint16_t> AddVirtualPort(const std::string& device);
/// The port of a PCI device that EAL has probed; else one line that says why it has not.
absl::StatusOr<uint16_t> FindPciPort(const std::string& address);
/// "0000:03:00.0" or "03:00.0".
bool IsPciAddress(const std::string& device);

/// How many queues of both kinds the port has; 1 or more.
absl::StatusOr<unsigned> PortQueues(uint16_t id);

/// Configures and starts a queue for each pool, both ways, with RSS on UDP when the port can. The
/// MTU is what is asked for or the most the port can. Buffers are of one segment.
/// UnavailableError names the interface and queue that another AF_XDP socket holds. After an error
/// a port of the AF_XDP driver cannot be removed: it would touch memory that it has freed.
absl::StatusOr<Port> StartPort(uint16_t id, uint16_t mtu, absl::Span<rte_mempool* const> pools);
/// Stops the port and removes its device.
void RemovePort(uint16_t id);

}  // namespace causeway

// Next hops from the kernel's own routes and neighbours, over netlink. Runs on the control thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/address.h"
#include "dataplane/commands.h"
#include "dataplane/node_config.h"

namespace causeway::next_hop {

struct NextHopsConfig {
  std::string interface;  // Link::kernel_interface()
  NodeConfig node;
  std::vector<Prefix> relay_prefixes;  // become kHairpin
};

/// Follows routes (main table) and neighbours of one interface, and keeps every shard's next-hop
/// table and route table up to date. Changes take effect as soon as the netlink message is read.
/// Shards read the route tables that this owns: it must outlive them. Needs CAP_NET_ADMIN, and
/// keeps needing it, to have the kernel resolve neighbours.
///
/// Every neighbour with a next hop counts as in use: gateways, on-link destinations that a shard
/// asked for and those that the kernel knows. On a link without neighbours (loopback, NOARP,
/// point-to-point) all routes share one next hop, with the link address that the kernel would use.
class NextHops {
 public:
  /// Dumps what the kernel has and publishes it to all shards before it returns. NotFoundError when
  /// there is no such interface, PermissionDeniedError without CAP_NET_ADMIN.
  static absl::StatusOr<std::unique_ptr<NextHops>> Create(const NextHopsConfig& config,
                                                          Dataplane& dataplane);
  virtual ~NextHops() = default;

  /// Poll this for reading, then call OnReadable.
  virtual int fd() const = 0;
  virtual void OnReadable(Deciseconds now) = 0;
  /// A shard holds a packet for this on-link destination: asks the kernel to resolve it.
  virtual void OnUnresolved(const IpAddress& destination, Deciseconds now) = 0;
  virtual void OnRoutesAdopted(ShardId shard, uint32_t generation) = 0;
  /// Once a second or so: has the kernel confirm the neighbours that are in use and try again those
  /// that did not answer; forgets on-link ones that have not answered for 30 s.
  virtual void Tick(Deciseconds now) = 0;
};

/// Addresses that the kernel holds: all of the host, or those of one interface.
absl::StatusOr<std::vector<IpAddress>> KernelAddresses(const std::string& interface_or_empty);

}  // namespace causeway::next_hop

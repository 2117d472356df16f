// Next hops from the kernel's own routes and neighbours, over netlink, on a thread of their own.
#pragma once

#include <atomic>
#include <chrono>
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
  std::vector<std::string> interfaces;  // Link::kernel_interface() of each link, by LinkId
  NodeConfig node;
  std::vector<Prefix> relay_prefixes;  // become kHairpin
};

/// Follows routes (main table) and neighbours of the node's links, and keeps every shard's next-hop
/// table and route table up to date. A thread of its own reads netlink, keeps the tables and frees
/// them; the control thread passes on what is ready, and never waits for that thread. A neighbour's
/// change takes effect as soon as its message is read. The first change of routes does so too;
/// those that follow are gathered (Pace). Shards read the route tables that this owns: it must
/// outlive them. Needs CAP_NET_ADMIN, and keeps needing it, to have the kernel resolve neighbours.
///
/// Every neighbour with a next hop counts as in use: gateways, on-link destinations that a shard
/// asked for and those that the kernel knows. On a link without neighbours (loopback, NOARP,
/// point-to-point) all routes share one next hop, with the link address that the kernel would use.
class NextHops {
 public:
  /// Dumps what the kernel has and submits it to all shards before it returns. NotFoundError when
  /// there is no such interface, PermissionDeniedError without CAP_NET_ADMIN. Control thread; so
  /// too below.
  static absl::StatusOr<std::unique_ptr<NextHops>> Create(const NextHopsConfig& config,
                                                          Dataplane& dataplane);
  /// Ends the thread.
  ~NextHops();
  NextHops(const NextHops&) = delete;
  NextHops& operator=(const NextHops&) = delete;

  /// Readable when commands wait for the shards: call Submit.
  int fd() const;
  /// Submits commands that wait, a bounded number; what is left keeps fd() readable.
  void Submit();
  /// A shard holds a packet for this on-link destination: has the kernel resolve it.
  void OnUnresolved(const IpAddress& destination);
  void OnRoutesAdopted(ShardId shard, uint32_t generation);

 private:
  class Follower;
  explicit NextHops(std::unique_ptr<Follower> follower);

  const std::unique_ptr<Follower> follower_;
};

/// Addresses that the kernel holds: all of the host, or those of one interface.
absl::StatusOr<std::vector<IpAddress>> KernelAddresses(const std::string& interface_or_empty);

}  // namespace causeway::next_hop

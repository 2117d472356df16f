// Brings peers' datagrams to the queue of the shard that owns the relay port, where a device can:
// what comes to another queue is handed off between shards, which costs half of a packet more. A
// client needs no steering: the shard that gets its Allocate becomes the owner.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/node_config.h"

struct rte_flow;

namespace causeway {

/// Datagrams whose destination port, masked, is `port` are for `queue`. Host order.
struct SteeringRule {
  uint16_t port;
  uint16_t mask;
  uint16_t queue;
};

/// The fewest rules that bring each relay port, and no other, to the queue of its owner. Left out
/// is the listening port: it may be a relay port, too, of other addresses, and its clients are
/// dealt to all queues.
std::vector<SteeringRule> SteeringRules(const NodeConfig& node);

/// Flow rules in a started port (rte_flow), until they go away.
class FlowRules {
 public:
  /// The rules for the families that the node relays in. An error is what the driver says of the
  /// first rule that it refuses; then the port has none of them.
  static absl::StatusOr<FlowRules> Create(uint16_t port_id, const NodeConfig& node);

  FlowRules() = default;
  FlowRules(FlowRules&& other) noexcept;
  FlowRules& operator=(FlowRules&& other) noexcept;
  /// The port still runs.
  ~FlowRules();

  size_t size() const { return flows_.size(); }

 private:
  uint16_t port_id_ = 0;
  std::vector<rte_flow*> flows_;
};

}  // namespace causeway

// The dataplane as a whole: shards on their lcores, the rings between them and control.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/commands.h"
#include "dataplane/counters.h"
#include "dataplane/link/eal.h"
#include "dataplane/link/link.h"
#include "dataplane/node_config.h"

namespace causeway {

struct EngineConfig {
  LinkConfig link;  // link.node is the node's configuration
  EalInfo eal;
};

/// Owns pools, rings, shards and the link. All methods are called on the control thread.
class Engine : public Dataplane {
 public:
  /// Bytes that pools and tables of this configuration will take: for EalConfig::memory_bytes, and
  /// for the line that the daemon says at start. `mtu` is Link::BufferMtu's.
  static uint64_t MemoryNeeded(const NodeConfig& node, uint16_t mtu = 1500);
  /// Of that, bytes per allocation of capacity: hot line, hash table share, permissions, channels.
  static double BytesPerAllocation(const NodeConfig& node);

  /// Opens the link, sets all memory aside, starts every shard on its lcore. Shards whose lcores
  /// share a CPU give it up early when idle. Waits up to two seconds for what an instance that is
  /// just ending holds.
  static absl::StatusOr<std::unique_ptr<Engine>> Start(const EngineConfig& config);
  /// Stops the shards (within milliseconds), then the link.
  ~Engine() override = default;

  virtual Link& link() = 0;
  virtual const Counters& counters(ShardId shard) const = 0;
  /// What control's own side of the dataplane counts (drop_no_buffer, drop_too_big). Read on the
  /// control thread.
  virtual const Counters& control_counters() const = 0;
  /// Of the workers' busy and idle cycles.
  virtual uint64_t CyclesPerSecond() const = 0;
  /// Time for both planes.
  virtual Deciseconds Now() const = 0;
};

}  // namespace causeway

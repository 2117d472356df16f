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
  NodeConfig node;
  std::vector<LinkConfig> links;  // by LinkId; one at least
  EalInfo eal;
};

/// Owns pools, rings, shards and the link. All methods are called on the control thread.
class Engine : public Dataplane {
 public:
  /// Bytes that pools and tables of this configuration will take: for EalConfig::memory_bytes, and
  /// for the line that the daemon says at start. `mtu` is the largest of Link::BufferMtu.
  static uint64_t MemoryNeeded(const NodeConfig& node, uint16_t mtu = 1500, size_t links = 1);
  /// Of that, bytes per allocation of capacity: hot line, hash table share, permissions, channels.
  static double BytesPerAllocation(const NodeConfig& node);

  /// Opens the links, sets all memory aside, starts every shard on its lcore. Shards whose lcores
  /// share a CPU give it up early when idle. Waits up to two seconds for what an instance that is
  /// just ending holds.
  static absl::StatusOr<std::unique_ptr<Engine>> Start(const EngineConfig& config);
  /// Stops the shards (within milliseconds), then the links.
  ~Engine() override = default;

  /// By LinkId.
  virtual const std::vector<std::unique_ptr<Link>>& links() const = 0;
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

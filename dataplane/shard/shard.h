// One worker's flows and the loop that serves them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/commands.h"
#include "dataplane/counters.h"
#include "dataplane/node_config.h"
#include "dataplane/shard/events.h"

struct rte_mempool;
struct rte_ring;

namespace causeway {

/// A link as a shard sees it: queue `id` of this port, both ways.
struct ShardLink {
  uint16_t port_id = 0;
  MacAddress mac = {};
  uint16_t mtu = 1500;
  bool partial_checksums = false;  // Link::partial_checksums
};

struct ShardConfig {
  NodeConfig node;
  ShardId id = 0;
  std::vector<ShardLink> links = {{}};  // by LinkId; at least one, at most kMaxLinks
  bool kernel_keeps_interface =
      false;  // Link::kernel_keeps_interface; else what is not ours is a kernel frame
  rte_mempool* pool = nullptr;        // packets
  rte_mempool* jumbo_pool = nullptr;  // a few buffers that hold a whole 65,535-byte datagram
  // Rings. The shard consumes `commands` and handoff[id], produces `events` and the other handoff
  // rings.
  rte_ring* commands =
      nullptr;  // elements of sizeof(Command) rounded up to 64, one producer, one consumer
  EventRings events = {};  // elements of 64 bytes holding an Event, one producer, one consumer
  std::vector<rte_ring*> handoff;  // [k]: mbuf pointers for shard k, many producers, one consumer
  uint64_t epoch_tsc = 0;          // TSC at Deciseconds 0
};

/// Owns its flow tables, allocations, permissions, channels and counters. After Create, everything
/// but counters() is called on the worker's lcore only (in tests: on one thread).
class Shard {
 public:
  /// Sets all memory aside. ResourceExhaustedError when DPDK's memory does not suffice.
  static absl::StatusOr<std::unique_ptr<Shard>> Create(const ShardConfig& config);
  virtual ~Shard() = default;

  /// One turn: commands, hand-off, received burst, held packets, transmit. Returns how many packets
  /// and commands it handled; 0 means idle. `now_tsc` is read once per turn by the caller.
  virtual unsigned Poll(uint64_t now_tsc) = 0;

  /// See Dataplane::ReadMeter; called on any thread.
  virtual MeterReading ReadMeter(AllocationId allocation) const = 0;

  virtual const Counters& counters() const = 0;
  virtual Counters& mutable_counters() = 0;  // for the loop's busy and idle cycles

  /// Bytes that Create sets aside for this configuration, and of that per allocation of capacity.
  static uint64_t MemoryNeeded(const NodeConfig& node);
  static double BytesPerAllocation(const NodeConfig& node);
};

}  // namespace causeway

// Shards with their allocations, on a port of rings of their own.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/route_table.h"
#include "dataplane/shard/shard.h"
#include "perf/core/bench_eal.h"
#include "perf/core/bench_frames.h"
#include "tests/dataplane/shard/shards_on_rings.h"

struct rte_mbuf;

namespace causeway::bench {

/// Frames that wait in a node's receive ring at most.
inline constexpr unsigned kInFlight = 4096;

/// What a node holds.
struct Population {
  uint32_t allocations = 1;
  unsigned channels = 1;  // that every allocation binds, each with a peer and a permission
  bool v6 = false;        // clients, relayed addresses and peers
  /// Two shards: frames arrive at the first, all allocations are the second's.
  bool handed_off = false;
  bool limited = false;        // every allocation has limits, far above what it is sent
  bool peers_resolved = true;  // the link address of the way to them is known
  uint16_t headroom = 128;     // before a frame in its buffer, as its driver leaves it
  auto operator<=>(const Population&) const = default;
};

class BenchNode : testing::ShardsOnRings {
 public:
  /// Every allocation has permissions and channels, nothing was relayed yet.
  BenchNode(const Population& population, const Pools& pools);
  ~BenchNode();
  BenchNode(const BenchNode&) = delete;
  BenchNode& operator=(const BenchNode&) = delete;

  /// Some datagrams of each kind for each allocation, so that nothing is met for the first time
  /// later.
  void Warm(const std::vector<Datagram>& kinds);
  /// Puts one frame for each of these allocations into the receive ring, the kinds in turn.
  void Arrive(const std::vector<Datagram>& kinds, const std::vector<uint32_t>& allocations);
  /// Moves frames from receive to transmit past the shards, until none arrives.
  void Bounce();
  /// Frees what was sent; returns how many.
  unsigned Drain();
  /// Polls until nothing is left to do, and drains.
  void Settle();

  std::vector<std::unique_ptr<Shard>>& shards() { return shards_; }
  Shard& shard() { return *shards_.front(); }
  uint16_t port() const { return port_->id(); }
  const Population& population() const { return population_; }
  ClientTuple TupleOf(uint32_t allocation) const { return {PartiesOf(allocation).client, 0}; }

 private:
  void WarmOnce(const Datagram& kind);
  void MakeShards();
  void Populate();
  void InstallOne(uint32_t allocation, ShardId owner);
  NodeConfig ConfigForNode() const;
  Parties PartiesOf(uint32_t allocation) const;
  RelayPort RelayOf(uint32_t allocation) const;
  void Obey();

  Population population_;
  Pools pools_;
  std::string name_;
  NodeConfig config_;
  std::vector<uint16_t> relay_ports_;  // of each relayed address, those of the owner
  std::unique_ptr<testing::RingPort> port_;
  RouteTable routes_;
  std::vector<rte_mbuf*> frames_;
};

}  // namespace causeway::bench

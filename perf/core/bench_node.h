// A shard with its allocations, on a port of rings of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dataplane/route_table.h"
#include "dataplane/shard/shard.h"
#include "perf/core/bench_frames.h"

struct rte_mbuf;

namespace causeway::bench {

/// Ends the process with "PROGRAM: WHAT: DPDK's reason" when not ok.
void Require(bool ok, const char* what);

/// CPUs that this process may run on, at most so many.
std::vector<int> UsableCpus(size_t most);
/// Starts EAL with lcore k on cpus[k], with hugepages as causewayd uses them when `megabytes` of
/// them are free, else with ordinary pages. Returns which: "hugepages", "ordinary 4 kB pages".
std::string StartEal(const char* program, const std::vector<int>& cpus, unsigned megabytes);

class BenchNode {
 public:
  /// `index` makes the names of ports and rings unique. `max_in_flight` is a power of two.
  BenchNode(unsigned index, unsigned max_in_flight);
  ~BenchNode();
  BenchNode(const BenchNode&) = delete;
  BenchNode& operator=(const BenchNode&) = delete;

  /// A new shard with this many allocations, each with a permission, with or without a channel; each
  /// has relayed a datagram either way. Nothing when the present one is so already.
  void Populate(uint32_t allocations, bool channels);
  /// Fills the receive ring with datagrams of random allocations.
  void Prepare(Way way, unsigned count);
  /// Frees what was sent; returns how many.
  unsigned Drain();

  Shard& shard() { return *shard_; }
  uint16_t port() const { return static_cast<uint16_t>(port_); }
  double bytes_per_allocation() const { return bytes_per_allocation_; }

 private:
  ShardConfig ConfigFor(uint32_t allocations) const;
  void Command(const causeway::Command& command);
  void Obey();
  void Warm(Way way);

  unsigned max_in_flight_;
  rte_mempool* pool_;
  rte_mempool* jumbo_;
  rte_ring* rx_;
  rte_ring* tx_;
  rte_ring* commands_;
  rte_ring* events_;
  rte_ring* handoff_;
  int port_ = -1;
  RouteTable routes_;
  std::unique_ptr<Shard> shard_;
  uint32_t allocations_ = 0;
  bool channels_ = false;
  double bytes_per_allocation_ = 0;
  std::vector<rte_mbuf*> frames_;
  std::minstd_rand random_{42};
};

}  // namespace causeway::bench

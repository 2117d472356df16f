// The dataplane's packet buffers.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/node_config.h"

struct rte_mempool;

namespace causeway {

/// Frees its pools, unless told to leave them.
class Pools {
 public:
  /// ResourceExhaustedError when DPDK's memory does not suffice.
  static absl::StatusOr<Pools> Create(const NodeConfig& node, uint16_t mtu, size_t links);
  static uint64_t MemoryNeeded(const NodeConfig& node, uint16_t mtu, size_t links);

  Pools(Pools&& other) noexcept { *this = std::move(other); }
  Pools& operator=(Pools&& other) noexcept;
  ~Pools();
  /// Something may still write into them.
  void Leave();

  const std::vector<rte_mempool*>& packets() const { return packets_; }
  rte_mempool* jumbo() const { return jumbo_; }
  rte_mempool* control() const { return control_; }

 private:
  Pools() = default;
  void Free();
  std::vector<rte_mempool*> packets_;  // one for each shard
  rte_mempool* jumbo_ = nullptr;       // whole datagrams of up to 64 kB, all shards
  rte_mempool* control_ = nullptr;     // what control sends
};

}  // namespace causeway

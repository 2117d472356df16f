// EAL and the buffers of the benchmarks of the shard.
#pragma once

#include <string>
#include <vector>

#include "tests/dataplane/require.h"

struct rte_mempool;

namespace causeway::bench {

using testing::Require;

/// CPUs that this process may run on, at most so many.
std::vector<int> UsableCpus(size_t most);
/// Starts EAL with lcore k on cpus[k], with hugepages as causewayd uses them when they may be used
/// and `megabytes` of them are free, else with ordinary pages. Returns which: "hugepages",
/// "ordinary 4 kB pages".
std::string StartEal(const std::vector<int>& cpus, unsigned megabytes, bool use_hugepages = true);

/// Packet buffers, and those that hold a whole datagram. They live as long as the process.
struct Pools {
  rte_mempool* packets;
  rte_mempool* jumbo;
};
/// `index` makes the names unique.
Pools MakePools(unsigned index, unsigned packets);

}  // namespace causeway::bench

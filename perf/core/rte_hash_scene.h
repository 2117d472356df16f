// The yardstick: what DPDK's own hash table takes to find the clients.
#pragma once

#include <memory>

#include "perf/core/scenes.h"

namespace causeway::bench {

/// rte_hash_lookup_bulk in bursts of 64 of the same clients in the same order as the other scenes:
/// frames are written as for them and received before the clock starts, and the keys lie ready.
/// All keys are there. The node's port must be free of frames.
std::unique_ptr<Scene> MakeRteHashScene(BenchNode& node);

}  // namespace causeway::bench

#include "dataplane/shard/state.h"

namespace causeway {

void LayOut(ShardState& state, Arena& arena) {
  const NodeConfig& node = state.config.node;
  state.block_shift = node.RelayBlockShift();
  state.flows.LayOut(node, arena);
  state.next_hops.LayOut(arena);
  state.identifications = arena.Take<uint16_t>(kIdentifications);
  state.addresses.Create(arena, node);
  state.v4_addresses.Create(arena, node);
  state.request_budget.Create(arena, node.requests_per_prefix);
}

}  // namespace causeway

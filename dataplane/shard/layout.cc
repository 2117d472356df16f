#include "dataplane/shard/state.h"

namespace causeway {

void LayOut(ShardState& state, Arena& arena) {
  const NodeConfig& node = state.config.node;
  const uint64_t allocations = node.allocations_per_shard;
  // As many clients may arrive here whose allocations live elsewhere as this shard has of its own.
  state.redirect_capacity = node.shards > 1 ? node.allocations_per_shard : 0;
  state.relay_ports = uint32_t{node.relay_port_last} - node.relay_port_first + 1;
  state.block_shift = node.RelayBlockShift();

  state.hot = arena.Take<HotLine>(allocations);
  state.cold = arena.Take<ColdLine>(allocations);
  state.permissions = arena.Take<PermissionEntry>(node.permissions_per_shard);
  state.channels = arena.Take<ChannelEntry>(node.channels_per_shard);
  state.redirects = arena.Take<RedirectEntry>(state.redirect_capacity);
  state.relay_slots = arena.Take<uint32_t>(node.relay_addresses.size() * state.relay_ports);
  state.next_hops = arena.Take<NextHop>(kMaxNextHops);
  state.identifications = arena.Take<uint16_t>(kIdentifications);
  state.addresses.Create(arena, node);
  state.v4_addresses.Create(arena, node);
  state.relay_v4 = arena.Take<uint32_t>(node.relay_addresses.size());
  state.listen_v4 = arena.Take<uint32_t>(node.listen_addresses.size());
  state.clients.Create(arena, allocations + state.redirect_capacity, BucketTable::kFast);
  state.permission_table.Create(arena, node.permissions_per_shard);
  state.channel_numbers.Create(arena, node.channels_per_shard);
  state.channel_peers.Create(arena, node.channels_per_shard);
  state.request_budget.Create(arena, node.requests_per_prefix);
}

}  // namespace causeway

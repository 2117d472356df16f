#include <algorithm>

#include "dataplane/shard/stages.h"

namespace causeway {
namespace {

// Applies one command. Identifiers beyond the pools cannot come from a sound control; they are
// ignored rather than trusted.
class CommandApplier {
 public:
  explicit CommandApplier(ShardState& state) : s_(state) {}

  void operator()(const InstallAllocation& c) {
    if (c.allocation >= s_.config.node.allocations_per_shard ||
        c.tuple.local_index >= s_.config.node.listen_addresses.size()) {
      return;
    }
    Uninstall(c.allocation);
    (*this)(RemoveClientRedirect{c.tuple});
    HotLine& line = s_.hot[c.allocation];
    line = HotLine{};
    line.client = c.tuple.client.address;
    line.client_port = c.tuple.client.port;
    line.local_index = c.tuple.local_index;
    if (IsRelay(c.relay_v4)) line.relay_v4 = c.relay_v4;
    if (IsRelay(c.relay_v6)) line.relay_v6 = c.relay_v6;
    line.flags = HotLine::kUsed;
    s_.cold[c.allocation] = {c.expiry, 0, 0};
    s_.clients.Insert(HashClient(s_.secret, c.tuple), c.allocation);
    SetRelay(c.relay_v4, c.allocation + 1);
    SetRelay(c.relay_v6, c.allocation + 1);
  }

  void operator()(const RefreshAllocation& c) {
    if (!IsInstalled(c.allocation)) return;
    s_.cold[c.allocation].expiry = c.expiry;
    UpdateInline(c.allocation);
  }

  void operator()(const RemoveAllocation& c) {
    if (!IsInstalled(c.allocation)) return;
    Uninstall(c.allocation);
    s_.cold[c.allocation].next_ended_plus_1 = s_.ended_plus_1;
    s_.ended_plus_1 = c.allocation + 1;
  }

  void operator()(const SetLimits&) {}
  void operator()(const SetMarking&) {}

  void operator()(const SetPermission& c) {
    if (c.permission >= s_.config.node.permissions_per_shard || !IsInstalled(c.allocation)) return;
    PermissionEntry& record = s_.permissions[c.permission];
    if (record.allocation_plus_1 != c.allocation + 1 || record.peer != c.peer) {
      (*this)(RemovePermission{c.permission});
      record = {c.peer, c.allocation + 1, c.expiry};
      s_.permission_table.Insert(HashPermission(s_.secret, c.allocation, c.peer), c.permission);
    }
    record.expiry = c.expiry;
    if (s_.hot[c.allocation].peer == c.peer) UpdateInline(c.allocation);
  }

  void operator()(const RemovePermission& c) {
    if (c.permission >= s_.config.node.permissions_per_shard) return;
    PermissionEntry& record = s_.permissions[c.permission];
    if (record.allocation_plus_1 == 0) return;
    const AllocationId allocation = record.allocation_plus_1 - 1;
    s_.permission_table.Remove(HashPermission(s_.secret, allocation, record.peer), c.permission);
    const IpAddress peer = record.peer;
    record = {};
    if (s_.hot[allocation].peer == peer) UpdateInline(allocation);
  }

  void operator()(const BindChannel& c) {
    if (c.channel >= s_.config.node.channels_per_shard || !IsInstalled(c.allocation)) return;
    ChannelEntry& record = s_.channels[c.channel];
    const bool refresh = record.number == c.number && record.allocation == c.allocation &&
                         record.peer == c.peer.address && record.peer_port == c.peer.port;
    if (!refresh) {
      (*this)(UnbindChannel{c.channel});
      record = {c.peer.address, c.allocation, c.expiry, c.peer.port, c.number, {}};
      s_.channel_numbers.Insert(HashChannelNumber(s_.secret, c.allocation, c.number), c.channel);
      s_.channel_peers.Insert(HashChannelPeer(s_.secret, c.allocation, c.peer), c.channel);
      ColdLine& cold = s_.cold[c.allocation];
      ++cold.channels;
      if (cold.inline_channel_plus_1 == 0) cold.inline_channel_plus_1 = c.channel + 1;
    }
    record.expiry = c.expiry;
    UpdateInline(c.allocation);
  }

  void operator()(const UnbindChannel& c) {
    if (c.channel >= s_.config.node.channels_per_shard) return;
    ChannelEntry& record = s_.channels[c.channel];
    if (record.number == 0) return;
    const AllocationId allocation = record.allocation;
    s_.channel_numbers.Remove(HashChannelNumber(s_.secret, allocation, record.number), c.channel);
    s_.channel_peers.Remove(HashChannelPeer(s_.secret, allocation, {record.peer, record.peer_port}),
                            c.channel);
    record = {};
    ColdLine& cold = s_.cold[allocation];
    if (cold.channels > 0) --cold.channels;
    if (cold.inline_channel_plus_1 == c.channel + 1) cold.inline_channel_plus_1 = 0;
    if (IsInstalled(allocation)) UpdateInline(allocation);
  }

  void operator()(const AddClientRedirect& c) {
    const uint64_t hash = HashClient(s_.secret, c.tuple);
    (*this)(RemoveClientRedirect{c.tuple});
    if (s_.free_redirect == 0 || s_.LookUpClient(hash, c.tuple) != BucketTable::kNone) return;
    const uint32_t index = s_.free_redirect - 1;
    s_.free_redirect = s_.redirects[index].next_free;
    s_.redirects[index] = {c.tuple, c.owner, 0};
    s_.clients.Insert(hash, s_.config.node.allocations_per_shard + index);
  }

  void operator()(const RemoveClientRedirect& c) {
    const uint64_t hash = HashClient(s_.secret, c.tuple);
    const uint32_t value = s_.LookUpClient(hash, c.tuple);
    if (value == BucketTable::kNone || value < s_.config.node.allocations_per_shard) return;
    s_.clients.Remove(hash, value);
    const uint32_t index = value - s_.config.node.allocations_per_shard;
    s_.redirects[index].next_free = s_.free_redirect;
    s_.free_redirect = index + 1;
  }

  void operator()(const SetNextHop& c) {
    if (c.next_hop < kFirstNeighbour || c.next_hop >= kMaxNextHops) return;
    const uint16_t mtu = c.mtu == 0 ? s_.config.mtu : std::min(c.mtu, s_.config.mtu);
    s_.next_hops[c.next_hop] = {c.mac, s_.config.mac, mtu, c.resolved};
    s_.held.retry = true;
  }

  void operator()(const PublishRoutes& c) {
    s_.routes = c.routes;
    s_.adopted_generation = c.generation;
    s_.routes_adopted_owed = true;
    if (++s_.route_generation == 0) s_.route_generation = 1;
    SweepStaleHops();
    s_.held.retry = true;
  }

  void operator()(const RelayIcmp& c) { SendIcmpIndication(s_, c); }
  void operator()(const TransmitBuffer& c) { SendForControl(s_, c); }

 private:
  bool IsInstalled(AllocationId allocation) const {
    return allocation < s_.config.node.allocations_per_shard &&
           (s_.hot[allocation].flags & HotLine::kUsed) != 0;
  }
  void Uninstall(AllocationId allocation) {
    if (!IsInstalled(allocation)) return;
    HotLine& line = s_.hot[allocation];
    const ClientTuple tuple = {{line.client, line.client_port}, line.local_index};
    s_.clients.Remove(HashClient(s_.secret, tuple), allocation);
    ClearRelay(line.relay_v4, allocation + 1);
    ClearRelay(line.relay_v6, allocation + 1);
    line = HotLine{};
    s_.cold[allocation] = {};
  }
  bool IsRelay(const RelayPort& relay) const {
    return relay.address_index < s_.config.node.relay_addresses.size() &&
           s_.InRelayRange(relay.port);
  }
  void SetRelay(const RelayPort& relay, uint32_t value) {
    if (IsRelay(relay)) *s_.RelaySlot(relay) = value;
  }
  void ClearRelay(const RelayPort& relay, uint32_t value) {
    if (IsRelay(relay) && *s_.RelaySlot(relay) == value) *s_.RelaySlot(relay) = 0;
  }

  // Copies into the hot line what it repeats of the inline channel and its permission.
  void UpdateInline(AllocationId allocation) {
    HotLine& line = s_.hot[allocation];
    const ColdLine& cold = s_.cold[allocation];
    const bool has_inline = cold.inline_channel_plus_1 != 0;
    const bool more = cold.channels > (has_inline ? 1u : 0u);
    line.flags = HotLine::kUsed | (more ? HotLine::kMoreChannels : uint8_t{0});
    if (!has_inline) {
      line.peer = IpAddress{};
      line.peer_port = line.channel = 0;
      line.channel_expiry = line.permission_expiry = 0;
      line.peer_hop = {};
      return;
    }
    const ChannelEntry& channel = s_.channels[cold.inline_channel_plus_1 - 1];
    if (line.peer != channel.peer) line.peer_hop = {};
    line.peer = channel.peer;
    line.peer_port = channel.peer_port;
    line.channel = channel.number;
    if (line.client.IsV4() && line.peer.IsV4() && line.relay_v4.IsSet()) {
      line.flags |= HotLine::kAllV4;
    }
    line.channel_expiry = std::min(channel.expiry, cold.expiry);
    const uint32_t permission = s_.LookUpPermission(allocation, channel.peer);
    line.permission_expiry = permission == BucketTable::kNone
                                 ? 0
                                 : std::min(s_.permissions[permission].expiry, cold.expiry);
  }

  // Generations are 16 bits. Before one comes round again, every line that still names it has been
  // met here.
  void SweepStaleHops() {
    const uint32_t lines = s_.config.node.allocations_per_shard;
    for (uint32_t n = lines / 16384 + 1; n > 0; --n) {
      s_.sweep_at = s_.sweep_at + 1 < lines ? s_.sweep_at + 1 : 0;
      Forget(s_.hot[s_.sweep_at].client_hop);
      Forget(s_.hot[s_.sweep_at].peer_hop);
    }
    const uint32_t channels = s_.config.node.channels_per_shard;
    for (uint32_t n = channels / 16384 + 1; n > 0 && channels > 0; --n) {
      s_.sweep_channel_at = s_.sweep_channel_at + 1 < channels ? s_.sweep_channel_at + 1 : 0;
      Forget(s_.channels[s_.sweep_channel_at].hop);
    }
  }
  void Forget(CachedHop& hop) const {
    if (hop.generation != s_.route_generation) hop = {};
  }

  ShardState& s_;
};

// While the event ring is full the slots wait, chained in their own cold lines.
void TellEnded(ShardState& state) {
  while (state.ended_plus_1 != 0) {
    const AllocationId allocation = state.ended_plus_1 - 1;
    if (!state.Raise(AllocationEndedEvent{allocation, {}})) return;
    state.ended_plus_1 = state.cold[allocation].next_ended_plus_1;
    state.cold[allocation] = {};
  }
}

constexpr unsigned kCommandBurst = 64;
constexpr unsigned kElementSize = 64;

}  // namespace

unsigned ApplyCommands(ShardState& state) {
  alignas(64) uint8_t elements[kCommandBurst][kElementSize];
  const unsigned count = rte_ring_sc_dequeue_burst_elem(state.config.commands, elements,
                                                        kElementSize, kCommandBurst, nullptr);
  CommandApplier applier(state);
  for (unsigned i = 0; i < count; ++i) {
    Command command;
    std::memcpy(static_cast<void*>(&command), elements[i], sizeof command);
    std::visit(applier, command);
  }
  TellEnded(state);
  if (state.routes_adopted_owed && state.Raise(RoutesAdoptedEvent{state.adopted_generation})) {
    state.routes_adopted_owed = false;
  }
  return count;
}

}  // namespace causeway

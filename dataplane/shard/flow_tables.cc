#include "dataplane/shard/flow_tables.h"

#include <algorithm>

namespace causeway {
namespace {

/// What the fast path wants to know of a line's client and inline peer.
uint8_t FastFlags(const HotLine& line) {
  const bool peer_is_v6 = !line.peer.IsV4();
  uint8_t flags = line.client.IsV4() ? uint8_t{0} : HotLine::kClientV6;
  if (line.peer != IpAddress{} && line.Relay(peer_is_v6).IsSet()) {
    flags |= HotLine::kFast | (peer_is_v6 ? HotLine::kPeerV6 : uint8_t{0});
  }
  return flags;
}

}  // namespace

void FlowTables::LayOut(const NodeConfig& node, Arena& arena) {
  allocations_ = node.allocations_per_shard;
  permission_capacity_ = node.permissions_per_shard;
  channel_capacity_ = node.channels_per_shard;
  // As many clients may arrive here whose allocations live elsewhere as this shard has of its own.
  redirect_capacity_ = node.shards > 1 ? allocations_ : 0;
  relay_ports_ = uint32_t{node.relay_port_last} - node.relay_port_first + 1;
  relay_port_first_ = node.relay_port_first;
  relay_addresses_ = node.relay_addresses.size();
  listen_addresses_ = node.listen_addresses.size();

  lines_ = arena.Take<FlowLine>(allocations_);
  cold_ = arena.Take<ColdLine>(allocations_);
  permissions_ = arena.Take<PermissionEntry>(permission_capacity_);
  channels_ = arena.Take<ChannelEntry>(channel_capacity_);
  redirects_ = arena.Take<RedirectEntry>(redirect_capacity_);
  relay_slots_ = arena.Take<uint32_t>(relay_addresses_ * relay_ports_);
  clients_.Create(arena, uint64_t{allocations_} + redirect_capacity_, BucketTable::kFast);
  permission_table_.Create(arena, permission_capacity_);
  channel_numbers_.Create(arena, channel_capacity_);
  channel_peers_.Create(arena, channel_capacity_);
}

void FlowTables::Start(const HashSecret& secret) {
  secret_ = secret;
  for (uint32_t i = redirect_capacity_; i-- > 0;) {
    redirects_[i].next_free_plus_1 = free_redirect_plus_1_;
    free_redirect_plus_1_ = i + 1;
  }
}

void FlowTables::Apply(const InstallAllocation& c) {
  const ClientTuple& client = c.leg.tuple;
  if (client.transport != Transport::kUdp || client.local_index >= listen_addresses_) return;
  if (c.allocation >= allocations_) return;
  if ((line(c.allocation).flags & HotLine::kEnded) != 0) return;
  if (IsInstalled(c.allocation)) {
    Uninstall(c.allocation);
  } else {
    meter(c.allocation).Apply(SetMarking{.allocation = c.allocation});
    cold_[c.allocation] = {};
  }
  Apply(RemoveClientRedirect{client});
  HotLine& line = this->line(c.allocation);
  line = HotLine{};
  line.client = client.client.address;
  line.client_port = client.client.port;
  line.local_index = client.local_index;
  if (IsRelay(c.relay_v4)) line.relay_v4 = c.relay_v4;
  if (IsRelay(c.relay_v6)) line.relay_v6 = c.relay_v6;
  line.flags = HotLine::kUsed;
  cold_[c.allocation].expiry = c.expiry;
  clients_.Insert(HashClient(secret_, client), c.allocation);
  SetRelay(c.relay_v4, c.allocation + 1);
  SetRelay(c.relay_v6, c.allocation + 1);
}

void FlowTables::Apply(const RefreshAllocation& c) {
  if (!IsInstalled(c.allocation)) return;
  cold_[c.allocation].expiry = c.expiry;
  UpdateInline(c.allocation);
}

void FlowTables::Apply(const RemoveAllocation& c) {
  if (!IsInstalled(c.allocation)) return;
  Uninstall(c.allocation);
  line(c.allocation).flags = HotLine::kEnded;
  cold_[c.allocation].next_ended_plus_1 = ended_plus_1_;
  ended_plus_1_ = c.allocation + 1;
}

void FlowTables::ReleaseEnded() {
  const AllocationId allocation = Ended();
  ended_plus_1_ = cold_[allocation].next_ended_plus_1;
  lines_[allocation] = {};
  cold_[allocation] = {};
}

void FlowTables::Apply(const SetLimits& c) {
  if (IsInstalled(c.allocation)) meter(c.allocation).Apply(c);
}

void FlowTables::Apply(const SetMarking& c) {
  if (IsInstalled(c.allocation)) meter(c.allocation).Apply(c);
}

MeterReading FlowTables::ReadMeter(AllocationId allocation) const {
  MeterReading reading;
  if (allocation >= allocations_) return reading;
  lines_[allocation].meter.Read(reading);
  const ColdLine& cold = cold_[allocation];
  reading.drops_rate_limit = MeterLine::Load(cold.drops_rate_limit);
  reading.drops_no_permission = MeterLine::Load(cold.drops_no_permission);
  reading.drops_other = MeterLine::Load(cold.drops_other);
  return reading;
}

void FlowTables::CountDrop(uint32_t value, Counter reason) {
  if (!IsAllocation(value)) return;
  ColdLine& cold = cold_[value];
  uint32_t& drops = reason == Counter::k_drop_rate_limit      ? cold.drops_rate_limit
                    : reason == Counter::k_drop_no_permission ? cold.drops_no_permission
                                                              : cold.drops_other;
  MeterLine::Store(drops, drops + 1);
}

void FlowTables::Apply(const SetPermission& c) {
  if (c.permission >= permission_capacity_ || !IsInstalled(c.allocation)) return;
  PermissionEntry& entry = permissions_[c.permission];
  if (entry.allocation_plus_1 != c.allocation + 1 || entry.peer != c.peer) {
    Apply(RemovePermission{c.permission});
    entry = {c.peer, c.allocation + 1, c.expiry};
    permission_table_.Insert(PermissionHash(c.allocation, c.peer), c.permission);
  }
  entry.expiry = c.expiry;
  if (line(c.allocation).peer == c.peer) UpdateInline(c.allocation);
}

void FlowTables::Apply(const RemovePermission& c) {
  if (c.permission >= permission_capacity_) return;
  PermissionEntry& entry = permissions_[c.permission];
  if (entry.allocation_plus_1 == 0) return;
  const AllocationId allocation = entry.allocation_plus_1 - 1;
  permission_table_.Remove(PermissionHash(allocation, entry.peer), c.permission);
  const IpAddress peer = entry.peer;
  entry = {};
  ColdLine& cold = cold_[allocation];
  if (cold.inline_permission_plus_1 == c.permission + 1) cold.inline_permission_plus_1 = 0;
  if (line(allocation).peer == peer) UpdateInline(allocation);
}

void FlowTables::Apply(const BindChannel& c) {
  if (c.channel >= channel_capacity_ || !IsInstalled(c.allocation)) return;
  ChannelEntry& entry = channels_[c.channel];
  const bool refresh = entry.number == c.number && entry.allocation == c.allocation &&
                       entry.peer == c.peer.address && entry.peer_port == c.peer.port;
  if (!refresh) {
    Apply(UnbindChannel{c.channel});
    entry = {c.peer.address, c.allocation, c.expiry, c.peer.port, c.number, {}};
    channel_numbers_.Insert(HashChannelNumber(secret_, c.allocation, c.number), c.channel);
    channel_peers_.Insert(HashChannelPeer(secret_, c.allocation, c.peer), c.channel);
    ColdLine& cold = cold_[c.allocation];
    ++cold.channels;
    if (cold.inline_channel_plus_1 == 0) cold.inline_channel_plus_1 = c.channel + 1;
  }
  entry.expiry = c.expiry;
  UpdateInline(c.allocation);
}

void FlowTables::Apply(const UnbindChannel& c) {
  if (c.channel >= channel_capacity_) return;
  ChannelEntry& entry = channels_[c.channel];
  if (entry.number == 0) return;
  const AllocationId allocation = entry.allocation;
  channel_numbers_.Remove(HashChannelNumber(secret_, allocation, entry.number), c.channel);
  channel_peers_.Remove(HashChannelPeer(secret_, allocation, {entry.peer, entry.peer_port}),
                        c.channel);
  entry = {};
  ColdLine& cold = cold_[allocation];
  if (cold.channels > 0) --cold.channels;
  if (cold.inline_channel_plus_1 == c.channel + 1) cold.inline_channel_plus_1 = 0;
  if (IsInstalled(allocation)) UpdateInline(allocation);
}

void FlowTables::Apply(const AddClientRedirect& c) {
  const uint64_t hash = HashClient(secret_, c.tuple);
  Apply(RemoveClientRedirect{c.tuple});
  if (free_redirect_plus_1_ == 0 || LookUpClient(hash, c.tuple) != kNone) return;
  const uint32_t index = free_redirect_plus_1_ - 1;
  free_redirect_plus_1_ = redirects_[index].next_free_plus_1;
  redirects_[index] = {c.tuple, c.owner, {c.allocation}};
  clients_.Insert(hash, allocations_ + index);
}

void FlowTables::Apply(const RemoveClientRedirect& c) {
  const uint64_t hash = HashClient(secret_, c.tuple);
  const uint32_t value = LookUpClient(hash, c.tuple);
  if (!IsRedirect(value)) return;
  clients_.Remove(hash, value);
  const uint32_t index = value - allocations_;
  redirects_[index].next_free_plus_1 = free_redirect_plus_1_;
  free_redirect_plus_1_ = index + 1;
}

uint32_t FlowTables::LookUpClient(uint64_t hash, const ClientTuple& tuple) const {
  return clients_.LookUp(hash, [&](uint32_t value) {
    if (value >= allocations_) return redirects_[value - allocations_].tuple == tuple;
    return line(value).Is(tuple);
  });
}

uint32_t FlowTables::LookUpPermission(uint64_t hash, AllocationId allocation,
                                      const IpAddress& peer) const {
  return permission_table_.LookUp(hash, [&](uint32_t id) {
    return permissions_[id].allocation_plus_1 == allocation + 1 && permissions_[id].peer == peer;
  });
}

bool FlowTables::IsPermitted(uint64_t hash, AllocationId allocation, const IpAddress& peer,
                             Deciseconds now) const {
  const HotLine& line = this->line(allocation);
  if (line.peer == peer) return line.permission_expiry > now;
  const uint32_t id = LookUpPermission(hash, allocation, peer);
  return id != kNone && permissions_[id].expiry > now && cold_[allocation].expiry > now;
}

bool FlowTables::IsPromotionDue(AllocationId allocation) {
  uint8_t& hits = meter(allocation).table_hits;
  if (++hits < kPromoteAfter) return false;
  hits = 0;
  return true;
}

bool FlowTables::UsePermission(uint64_t hash, AllocationId allocation, const IpAddress& peer,
                               Deciseconds now) {
  const HotLine& line = this->line(allocation);
  if (line.peer == peer) {
    UseInline(allocation);
    return line.permission_expiry > now;
  }
  const uint32_t id = LookUpPermission(hash, allocation, peer);
  if (id == kNone || permissions_[id].expiry <= now || cold_[allocation].expiry <= now)
    return false;
  if (IsPromotionDue(allocation)) {
    cold_[allocation].inline_channel_plus_1 = 0;
    cold_[allocation].inline_permission_plus_1 = id + 1;
    UpdateInline(allocation);
  }
  return true;
}

ChannelEntry* FlowTables::Use(ChannelId channel, AllocationId allocation, Deciseconds now) {
  if (!IsLive(channel, allocation, now)) return nullptr;
  if (IsPromotionDue(allocation)) {
    cold_[allocation].inline_channel_plus_1 = channel + 1;
    UpdateInline(allocation);
    line(allocation).peer_hop = channels_[channel].hop;
  }
  return &channels_[channel];
}

ChannelEntry* FlowTables::UseChannel(uint64_t hash, AllocationId allocation, uint16_t number,
                                     Deciseconds now) {
  const uint32_t id = channel_numbers_.LookUp(hash, [&](uint32_t each) {
    return channels_[each].allocation == allocation && channels_[each].number == number;
  });
  return Use(id, allocation, now);
}

ChannelEntry* FlowTables::UseChannel(uint64_t hash, AllocationId allocation, const Endpoint& peer,
                                     Deciseconds now) {
  const uint32_t id = channel_peers_.LookUp(hash, [&](uint32_t each) {
    const ChannelEntry& entry = channels_[each];
    return entry.allocation == allocation && entry.peer_port == peer.port &&
           entry.peer == peer.address;
  });
  return Use(id, allocation, now);
}

void FlowTables::SweepStaleHops(uint16_t current) {
  const auto forget = [current](CachedHop& hop) {
    if (hop.generation != current) hop = {};
  };
  for (uint32_t n = allocations_ / 16384 + 1; n > 0; --n) {
    sweep_at_ = sweep_at_ + 1 < allocations_ ? sweep_at_ + 1 : 0;
    forget(line(sweep_at_).client_hop);
    forget(line(sweep_at_).peer_hop);
  }
  for (uint32_t n = channel_capacity_ / 16384 + 1; n > 0 && channel_capacity_ > 0; --n) {
    sweep_channel_at_ = sweep_channel_at_ + 1 < channel_capacity_ ? sweep_channel_at_ + 1 : 0;
    forget(channels_[sweep_channel_at_].hop);
  }
}

void FlowTables::Uninstall(AllocationId allocation) {
  if (!IsInstalled(allocation)) return;
  HotLine& line = this->line(allocation);
  const ClientTuple tuple = {{line.client, line.client_port}, line.local_index};
  clients_.Remove(HashClient(secret_, tuple), allocation);
  ClearRelay(line.relay_v4, allocation + 1);
  ClearRelay(line.relay_v6, allocation + 1);
  line = HotLine{};
  cold_[allocation].expiry = 0;
  cold_[allocation].inline_channel_plus_1 = 0;
  cold_[allocation].inline_permission_plus_1 = 0;
  cold_[allocation].channels = 0;
}

bool FlowTables::IsRelay(const RelayPort& relay) const {
  return relay.address_index < relay_addresses_ && InRelayRange(relay.port);
}

void FlowTables::SetRelay(const RelayPort& relay, uint32_t value) {
  if (IsRelay(relay)) *const_cast<uint32_t*>(RelaySlot(relay)) = value;
}

void FlowTables::ClearRelay(const RelayPort& relay, uint32_t value) {
  if (IsRelay(relay) && *RelaySlot(relay) == value) SetRelay(relay, 0);
}

/// Copies into the hot line what it repeats of the inline channel, or else of the inline
/// permission.
void FlowTables::UpdateInline(AllocationId allocation) {
  HotLine& line = this->line(allocation);
  ColdLine& cold = cold_[allocation];
  const bool has_channel = cold.inline_channel_plus_1 != 0;
  const bool more = cold.channels > (has_channel ? 1u : 0u);
  line.flags = HotLine::kUsed | (more ? HotLine::kMoreChannels : uint8_t{0});
  const IpAddress before = line.peer;
  if (has_channel) {
    const ChannelEntry& channel = channels_[cold.inline_channel_plus_1 - 1];
    cold.inline_permission_plus_1 = 0;
    line.peer = channel.peer;
    line.peer_port = channel.peer_port;
    line.channel = channel.number;
    line.channel_expiry = std::min(channel.expiry, cold.expiry);
  } else {
    const uint32_t permission = cold.inline_permission_plus_1;
    line.peer = permission == 0 ? IpAddress{} : permissions_[permission - 1].peer;
    line.peer_port = line.channel = 0;
    line.channel_expiry = 0;
  }
  line.flags |= FastFlags(line);
  if (line.peer != before) line.peer_hop = {};
  const uint32_t permission =
      LookUpPermission(PermissionHash(allocation, line.peer), allocation, line.peer);
  line.permission_expiry =
      permission == kNone ? 0 : std::min(permissions_[permission].expiry, cold.expiry);
}

}  // namespace causeway

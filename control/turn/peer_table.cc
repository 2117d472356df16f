#include "control/turn/peer_table.h"

namespace causeway::turn {
namespace {

template <typename Record>
void PushFront(SlotPool<Record>& pool, uint32_t& head, uint32_t index) {
  pool[index].next = head;
  head = index;
}

template <typename Record>
void Unlink(SlotPool<Record>& pool, uint32_t& head, uint32_t index) {
  uint32_t* link = &head;
  while (*link != index) link = &pool[*link].next;
  *link = pool[index].next;
}

}  // namespace

PeerTable::PeerTable(const NodeConfig& node, const Limits& limits,
                     SlotPool<AllocationRecord>& allocations, Dataplane& dataplane,
                     ServerStats& stats, const Observers& observers)
    : limits_(limits),
      allocations_(allocations),
      dataplane_(dataplane),
      stats_(stats),
      observers_(observers),
      permissions_(node.shards, node.permissions_per_shard),
      channels_(node.shards, node.channels_per_shard),
      permission_timers_(permissions_.capacity()),
      channel_timers_(channels_.capacity()) {}

uint32_t PeerTable::LookUpPermission(uint32_t allocation, const IpAddress& peer) const {
  uint32_t i = allocations_[allocation].permissions;
  while (i != kNoRecord && permissions_[i].peer != peer) i = permissions_[i].next;
  return i;
}

uint32_t PeerTable::LookUpChannel(uint32_t allocation, uint16_t number) const {
  uint32_t i = allocations_[allocation].channels;
  while (i != kNoRecord && channels_[i].number != number) i = channels_[i].next;
  return i;
}

bool PeerTable::RoomForPermissions(uint32_t allocation, uint32_t wanted) const {
  return allocations_[allocation].permission_count + wanted <= limits_.permissions_per_allocation &&
         wanted <= permissions_.Free(allocations_.ShardOf(allocation));
}

bool PeerTable::RoomForChannel(uint32_t allocation) const {
  return allocations_[allocation].channel_count < limits_.channels_per_allocation &&
         channels_.Free(allocations_.ShardOf(allocation)) > 0;
}

void PeerTable::SetPermission(uint32_t allocation, const IpAddress& peer, Deciseconds now) {
  uint32_t permission = LookUpPermission(allocation, peer);
  if (permission == kNoRecord) {
    AllocationRecord& owner = allocations_[allocation];
    permission = permissions_.Take(allocations_.ShardOf(allocation));
    permissions_[permission].peer = peer;
    permissions_[permission].allocation = allocation;
    PushFront(permissions_, owner.permissions, permission);
    ++owner.permission_count;
    ++stats_.permissions;
    const PermissionInfo added = {peer, now + kPermissionLifetime};
    observers_.Notify([&](Observer& o) { o.OnPermissionAdded(owner.serial, added); });
  }
  permission_timers_.Schedule(permission, now + kPermissionLifetime);
  SubmitPermission(permission);
}

std::optional<Endpoint> PeerTable::PeerOfChannel(uint32_t allocation, uint16_t number) const {
  const uint32_t channel = LookUpChannel(allocation, number);
  if (channel == kNoRecord) return std::nullopt;
  return channels_[channel].peer;
}

std::optional<uint16_t> PeerTable::ChannelOfPeer(uint32_t allocation, const Endpoint& peer) const {
  for (uint32_t i = allocations_[allocation].channels; i != kNoRecord; i = channels_[i].next) {
    if (channels_[i].peer == peer) return channels_[i].number;
  }
  return std::nullopt;
}

void PeerTable::BindChannel(uint32_t allocation, uint16_t number, const Endpoint& peer,
                            Deciseconds now) {
  uint32_t channel = LookUpChannel(allocation, number);
  if (channel == kNoRecord) {
    AllocationRecord& owner = allocations_[allocation];
    channel = channels_.Take(allocations_.ShardOf(allocation));
    channels_[channel].number = number;
    channels_[channel].peer = peer;
    channels_[channel].allocation = allocation;
    PushFront(channels_, owner.channels, channel);
    ++owner.channel_count;
    ++stats_.channels;
    const ChannelInfo added = {number, peer, now + kChannelLifetime};
    observers_.Notify([&](Observer& o) { o.OnChannelAdded(owner.serial, added); });
  }
  channel_timers_.Schedule(channel, now + kChannelLifetime);
  SubmitChannel(channel);
}

void PeerTable::SubmitPermission(uint32_t permission) {
  const PermissionRecord& record = permissions_[permission];
  dataplane_.Submit(permissions_.ShardOf(permission),
                    causeway::SetPermission{permissions_.SlotOf(permission),
                                            allocations_.SlotOf(record.allocation), record.peer,
                                            permission_timers_.expiry(permission)});
}

void PeerTable::SubmitChannel(uint32_t channel) {
  const ChannelRecord& record = channels_[channel];
  dataplane_.Submit(
      channels_.ShardOf(channel),
      causeway::BindChannel{channels_.SlotOf(channel), allocations_.SlotOf(record.allocation),
                            record.number, record.peer, channel_timers_.expiry(channel)});
}

void PeerTable::RemovePermission(uint32_t permission) {
  AllocationRecord& owner = allocations_[permissions_[permission].allocation];
  dataplane_.Submit(permissions_.ShardOf(permission),
                    causeway::RemovePermission{permissions_.SlotOf(permission)});
  Unlink(permissions_, owner.permissions, permission);
  permission_timers_.Cancel(permission);
  permissions_.Release(permission);
  --owner.permission_count;
  --stats_.permissions;
}

void PeerTable::RemoveChannel(uint32_t channel) {
  AllocationRecord& owner = allocations_[channels_[channel].allocation];
  dataplane_.Submit(channels_.ShardOf(channel), UnbindChannel{channels_.SlotOf(channel)});
  Unlink(channels_, owner.channels, channel);
  channel_timers_.Cancel(channel);
  channels_.Release(channel);
  --owner.channel_count;
  --stats_.channels;
}

template <typename Match>
void PeerTable::RemoveIf(uint32_t allocation, Match match) {
  for (uint32_t i = allocations_[allocation].channels; i != kNoRecord;) {
    const uint32_t next = channels_[i].next;
    if (match(channels_[i].peer.address)) RemoveChannel(i);
    i = next;
  }
  for (uint32_t i = allocations_[allocation].permissions; i != kNoRecord;) {
    const uint32_t next = permissions_[i].next;
    if (match(permissions_[i].peer)) RemovePermission(i);
    i = next;
  }
}

void PeerTable::Describe(uint32_t allocation, std::vector<PermissionInfo>& permissions,
                         std::vector<ChannelInfo>& channels) const {
  const AllocationRecord& owner = allocations_[allocation];
  permissions.reserve(owner.permission_count);
  for (uint32_t i = owner.permissions; i != kNoRecord; i = permissions_[i].next) {
    permissions.push_back({permissions_[i].peer, permission_timers_.expiry(i)});
  }
  channels.reserve(owner.channel_count);
  for (uint32_t i = owner.channels; i != kNoRecord; i = channels_[i].next) {
    channels.push_back({channels_[i].number, channels_[i].peer, channel_timers_.expiry(i)});
  }
}

void PeerTable::RemoveAll(uint32_t allocation) {
  RemoveIf(allocation, [](const IpAddress&) { return true; });
}

void PeerTable::RemoveFamily(uint32_t allocation, Family family) {
  RemoveIf(allocation, [family](const IpAddress& peer) { return peer.family() == family; });
}

void PeerTable::RemoveDenied(uint32_t allocation, const access::PeerPolicies& policies) {
  const auth::Grant& grant = *allocations_[allocation].grant;
  RemoveIf(allocation, [&](const IpAddress& peer) {
    return policies.Check(grant, peer) == access::PeerVerdict::kDenied;
  });
}

void PeerTable::Withdraw(uint32_t allocation) {
  const AllocationRecord& owner = allocations_[allocation];
  const ShardId shard = allocations_.ShardOf(allocation);
  for (uint32_t i = owner.channels; i != kNoRecord; i = channels_[i].next) {
    dataplane_.Submit(shard, UnbindChannel{channels_.SlotOf(i)});
  }
  for (uint32_t i = owner.permissions; i != kNoRecord; i = permissions_[i].next) {
    dataplane_.Submit(shard, causeway::RemovePermission{permissions_.SlotOf(i)});
  }
}

void PeerTable::Reinstall(uint32_t allocation) {
  const AllocationRecord& owner = allocations_[allocation];
  for (uint32_t i = owner.permissions; i != kNoRecord; i = permissions_[i].next) {
    SubmitPermission(i);
  }
  for (uint32_t i = owner.channels; i != kNoRecord; i = channels_[i].next) SubmitChannel(i);
}

void PeerTable::Advance(Deciseconds now) {
  channel_timers_.Advance(now, [this](uint32_t channel) { RemoveChannel(channel); });
  permission_timers_.Advance(now, [this](uint32_t permission) { RemovePermission(permission); });
}

size_t PeerTable::bytes() const {
  return permissions_.bytes() + channels_.bytes() + permission_timers_.bytes() +
         channel_timers_.bytes();
}

}  // namespace causeway::turn

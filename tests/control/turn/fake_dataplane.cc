#include "tests/control/turn/fake_dataplane.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace causeway::turn {

void FakeDataplane::Submit(ShardId shard, const Command& command) {
  ASSERT_LT(shard, node_.shards);
  commands.push_back({shard, command});
  std::visit([&](const auto& c) { On(shard, c); }, command);
}

void FakeDataplane::Transmit(const ClientLeg& leg, absl::Span<const uint8_t> message) {
  if (leg.tuple.transport == Transport::kUdp) {
    ASSERT_LT(leg.route.front_end, node_.shards);
  }
  replies.push_back({leg, {message.begin(), message.end()}, commands.size()});
}

MeterReading FakeDataplane::ReadMeter(ShardId shard, AllocationId allocation) const {
  const auto found = meters.find(Slot(shard, allocation));
  return found == meters.end() ? MeterReading() : found->second;
}

int FakeDataplane::Poll(EventSink& sink) {
  if (hold_ended) return 0;
  const auto told = std::exchange(ended, {});
  for (const auto& [slot, totals] : told) sink.OnAllocationEnded(slot.first, slot.second, totals);
  return static_cast<int>(told.size());
}

void FakeDataplane::TakePort(ShardId shard, RelayPort relay, Family family) {
  if (!relay.IsSet()) return;
  ASSERT_LT(relay.address_index, node_.relay_addresses.size());
  EXPECT_EQ(node_.relay_addresses[relay.address_index].family(), family);
  EXPECT_GE(relay.port, node_.relay_port_first);
  EXPECT_LE(relay.port, node_.relay_port_last);
  EXPECT_EQ(node_.OwnerOfPort(relay.port), shard);
  EXPECT_TRUE(ports_.emplace(relay.address_index, relay.port).second) << relay.port << " is taken";
}

void FakeDataplane::On(ShardId shard, const InstallAllocation& c) {
  EXPECT_LT(c.allocation, node_.allocations_per_shard);
  EXPECT_TRUE(c.relay_v4.IsSet() || c.relay_v6.IsSet());
  const Slot slot(shard, c.allocation);
  EXPECT_FALSE(ended.contains(slot)) << "slot rests";
  if (c.leg.tuple.transport == Transport::kUdp) {
    EXPECT_EQ(c.leg.route, (ReplyRoute{shard, 0}));
  }
  // Installed anew, an allocation is the same client's.
  if (const auto found = allocations.find(slot); found != allocations.end()) {
    EXPECT_TRUE(found->second.leg == c.leg) << "slot in use";
    Forget(found);
  }
  for (const auto& [other_slot, other] : allocations) EXPECT_FALSE(other.leg.tuple == c.leg.tuple);
  allocations.emplace(slot, c);
  TakePort(shard, c.relay_v4, Family::kIpv4);
  TakePort(shard, c.relay_v6, Family::kIpv6);
}

void FakeDataplane::On(ShardId shard, const RefreshAllocation& c) {
  const auto found = allocations.find(Slot(shard, c.allocation));
  ASSERT_NE(found, allocations.end());
  found->second.expiry = c.expiry;
}

void FakeDataplane::On(ShardId shard, const RemoveAllocation& c) {
  const auto found = allocations.find(Slot(shard, c.allocation));
  ASSERT_NE(found, allocations.end());
  Forget(found);
  const Slot slot(shard, c.allocation);
  ended[slot] = ReadMeter(shard, c.allocation);
  meters.erase(slot);
}

void FakeDataplane::Forget(std::map<Slot, InstallAllocation>::iterator found) {
  const auto [shard, allocation] = found->first;
  for (const auto& [slot, p] : permissions) {
    EXPECT_FALSE(slot.first == shard && p.allocation == allocation) << "permission left behind";
  }
  for (const auto& [slot, ch] : channels) {
    EXPECT_FALSE(slot.first == shard && ch.allocation == allocation) << "channel left behind";
  }
  for (const RelayPort relay : {found->second.relay_v4, found->second.relay_v6}) {
    ports_.erase({relay.address_index, relay.port});
  }
  allocations.erase(found);
}

void FakeDataplane::On(ShardId shard, const SetLimits& c) {
  EXPECT_TRUE(allocations.contains(Slot(shard, c.allocation)));
}

void FakeDataplane::On(ShardId shard, const SetMarking& c) {
  EXPECT_TRUE(allocations.contains(Slot(shard, c.allocation)));
  for (const uint8_t mark : {c.to_peer, c.to_client}) {
    EXPECT_TRUE(mark < 64 || mark == SetMarking::kKeep);
  }
}

void FakeDataplane::On(ShardId shard, const SetPermission& c) {
  EXPECT_LT(c.permission, node_.permissions_per_shard);
  const auto owner = allocations.find(Slot(shard, c.allocation));
  ASSERT_NE(owner, allocations.end());
  const RelayPort relay = c.peer.IsV4() ? owner->second.relay_v4 : owner->second.relay_v6;
  EXPECT_TRUE(relay.IsSet()) << "no relayed address of the peer's family";
  for (const auto& [slot, p] : permissions) {
    const bool same_slot = slot == Slot(shard, c.permission);
    const bool same_key = slot.first == shard && p.allocation == c.allocation && p.peer == c.peer;
    EXPECT_EQ(same_slot, same_key);
  }
  permissions[Slot(shard, c.permission)] = c;
}

void FakeDataplane::On(ShardId shard, const RemovePermission& c) {
  EXPECT_EQ(permissions.erase(Slot(shard, c.permission)), 1u);
}

void FakeDataplane::On(ShardId shard, const BindChannel& c) {
  EXPECT_LT(c.channel, node_.channels_per_shard);
  EXPECT_NE(allocations.find(Slot(shard, c.allocation)), allocations.end());
  for (const auto& [slot, ch] : channels) {
    if (slot.first != shard) continue;
    const bool same_slot = slot.second == c.channel;
    const bool same_allocation = ch.allocation == c.allocation;
    EXPECT_EQ(same_slot, same_allocation && ch.number == c.number);
    EXPECT_EQ(same_slot, same_allocation && ch.peer == c.peer);
  }
  channels[Slot(shard, c.channel)] = c;
}

void FakeDataplane::On(ShardId shard, const UnbindChannel& c) {
  EXPECT_EQ(channels.erase(Slot(shard, c.channel)), 1u);
}

void FakeDataplane::On(ShardId shard, const AddClientRedirect& c) {
  EXPECT_NE(shard, c.owner);
  EXPECT_EQ(c.tuple.transport, Transport::kUdp);
  EXPECT_TRUE(std::any_of(allocations.begin(), allocations.end(), [&](const auto& entry) {
    return entry.first == Slot{c.owner, c.allocation} && entry.second.leg.tuple == c.tuple;
  }));
  EXPECT_TRUE(redirects.emplace(std::pair(shard, c.tuple.client), c.owner).second);
}

void FakeDataplane::On(ShardId shard, const RemoveClientRedirect& c) {
  EXPECT_EQ(redirects.erase(std::pair(shard, c.tuple.client)), 1u);
}

void FakeDataplane::On(ShardId, const SetNextHop&) { ADD_FAILURE() << "not the server's to send"; }
void FakeDataplane::On(ShardId, const PublishRoutes&) {
  ADD_FAILURE() << "not the server's to send";
}
void FakeDataplane::On(ShardId, const TransmitBuffer&) {
  ADD_FAILURE() << "not the server's to send";
}

}  // namespace causeway::turn

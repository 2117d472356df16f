#include "control/turn/allocation_table.h"

#include <algorithm>

namespace causeway::turn {
namespace {

Family Other(Family family) { return family == Family::kIpv4 ? Family::kIpv6 : Family::kIpv4; }

/// The DSCP of RFC 8837 section 5, those of real-time media.
uint8_t MarkOf(auth::Modality modality) {
  switch (modality) {
    case auth::Modality::kAudio:
      return 46;  // EF
    case auth::Modality::kVideo:
      return 34;  // AF41
    case auth::Modality::kSharing:
      return 18;  // AF21
    default:
      return SetMarking::kKeep;
  }
}

}  // namespace

AllocationTable::AllocationTable(const NodeConfig& node, const Limits& limits, Dataplane& dataplane,
                                 RelayPorts& ports, UserTable& users, ServerStats& stats)
    : dataplane_(dataplane),
      ports_(ports),
      users_(users),
      stats_(stats),
      records_(node.shards, node.allocations_per_shard),
      index_(records_, records_.capacity()),
      timers_(records_.capacity()),
      peers_(node, limits, records_, dataplane, stats) {}

AllocationTable::~AllocationTable() {
  records_.ForEachTouched([](AllocationRecord& record) {
    if (record.InUse()) auth::GrantRef::Adopt(record.grant);
  });
}

uint32_t AllocationTable::Create(ShardId shard, const NewAllocation& fresh) {
  const uint32_t allocation = records_.Take(shard);
  AllocationRecord& record = records_[allocation];
  record.tuple = fresh.tuple;
  record.transaction_id = fresh.transaction_id;
  record.grant = auth::GrantRef(&fresh.grant).Release();
  record.user = users_.AddAllocation(fresh.grant);
  record.relay_v4 = fresh.relay_v4;
  record.relay_v6 = fresh.relay_v6;
  record.expiry_v4 = record.expiry_v6 = fresh.expiry;
  record.reservation_token = fresh.reservation_token;
  record.missing = fresh.missing;
  index_.Insert(allocation);
  Reschedule(allocation);
  Install(allocation);
  if (fresh.grant.limits != auth::RateLimits()) SetLimits(allocation, fresh.grant.limits);
  if (fresh.grant.modality != auth::Modality::kUnknown) {
    SetModality(allocation, fresh.grant.modality);
  }
  ++stats_.allocations;
  ++stats_.allocated_total;
  return allocation;
}

Deciseconds AllocationTable::LastExpiry(const AllocationRecord& record) const {
  return std::max(record.Has(Family::kIpv4) ? record.expiry_v4 : 0,
                  record.Has(Family::kIpv6) ? record.expiry_v6 : 0);
}

void AllocationTable::Install(uint32_t allocation) {
  const AllocationRecord& record = records_[allocation];
  dataplane_.Submit(OwnerOf(allocation),
                    InstallAllocation{records_.SlotOf(allocation), record.tuple, record.relay_v4,
                                      record.relay_v6, LastExpiry(record)});
}

void AllocationTable::SetLimits(uint32_t allocation, const auth::RateLimits& limits) {
  dataplane_.Submit(
      OwnerOf(allocation),
      causeway::SetLimits{records_.SlotOf(allocation), limits.kbps, limits.packets_per_second});
}

void AllocationTable::SetModality(uint32_t allocation, auth::Modality modality) {
  const uint8_t mark = MarkOf(modality);
  dataplane_.Submit(OwnerOf(allocation), SetMarking{records_.SlotOf(allocation), mark, mark});
}

void AllocationTable::Reschedule(uint32_t allocation) {
  const AllocationRecord& record = records_[allocation];
  Deciseconds first = LastExpiry(record);
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    if (record.Has(family)) first = std::min(first, record.expiry(family));
  }
  timers_.Schedule(allocation, first);
}

void AllocationTable::Refresh(uint32_t allocation, Deciseconds expiry) {
  records_[allocation].expiry_v4 = records_[allocation].expiry_v6 = expiry;
  Reschedule(allocation);
  dataplane_.Submit(OwnerOf(allocation), RefreshAllocation{records_.SlotOf(allocation), expiry});
}

void AllocationTable::Refresh(uint32_t allocation, Family family, Deciseconds expiry) {
  records_[allocation].expiry(family) = expiry;
  Reschedule(allocation);
  dataplane_.Submit(OwnerOf(allocation), RefreshAllocation{records_.SlotOf(allocation),
                                                           LastExpiry(records_[allocation])});
}

void AllocationTable::Remove(uint32_t allocation) {
  peers_.RemoveAll(allocation);
  dataplane_.Submit(OwnerOf(allocation), RemoveAllocation{records_.SlotOf(allocation)});
  const AllocationRecord& record = records_[allocation];
  for (const ShardId shard : record.redirects) {
    if (shard == AllocationRecord::kNoShard) break;
    dataplane_.Submit(shard, RemoveClientRedirect{record.tuple});
  }
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    if (record.Has(family)) ports_.Release(record.relay(family));
  }
  timers_.Cancel(allocation);
  index_.Erase(allocation);
  users_.DropAllocation(record.user);
  auth::GrantRef::Adopt(record.grant);
  records_.Retire(allocation);
  --stats_.allocations;
}

void AllocationTable::RemoveFamily(uint32_t allocation, Family family) {
  peers_.RemoveFamily(allocation, family);
  peers_.Withdraw(allocation);
  RelayPort& relay = records_[allocation].relay(family);
  ports_.Release(relay);
  relay = RelayPort();
  Reschedule(allocation);
  Install(allocation);
  peers_.Reinstall(allocation);
}

void AllocationTable::Redirect(uint32_t allocation, ShardId arrival) {
  AllocationRecord& record = records_[allocation];
  auto& shards = record.redirects;
  if (arrival == OwnerOf(allocation)) return;
  if (std::find(shards.begin(), shards.end(), arrival) != shards.end()) return;
  if (shards.back() != AllocationRecord::kNoShard) {
    dataplane_.Submit(shards.back(), RemoveClientRedirect{record.tuple});
  }
  std::rotate(shards.begin(), shards.end() - 1, shards.end());
  shards.front() = arrival;
  dataplane_.Submit(arrival, AddClientRedirect{record.tuple, OwnerOf(allocation)});
}

void AllocationTable::Advance(Deciseconds now) {
  peers_.Advance(now);
  timers_.Advance(now, [this, now](uint32_t allocation) { Expire(allocation, now); });
}

void AllocationTable::Expire(uint32_t allocation, Deciseconds now) {
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    const AllocationRecord& record = records_[allocation];
    if (!record.Has(family) || record.expiry(family) > now) continue;
    const bool other_lives = record.Has(Other(family)) && record.expiry(Other(family)) > now;
    if (!other_lives) {
      Remove(allocation);
      ++stats_.expired_total;
      return;
    }
    RemoveFamily(allocation, family);
  }
}

}  // namespace causeway::turn

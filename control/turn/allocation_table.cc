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

template <Links AllocationRecord::*links>
void PushFront(SlotPool<AllocationRecord>& records, uint32_t& first, uint32_t index) {
  records[index].*links = {kNoRecord, first};
  if (first != kNoRecord) (records[first].*links).previous = index;
  first = index;
}

template <Links AllocationRecord::*links>
void TakeOut(SlotPool<AllocationRecord>& records, uint32_t& first, uint32_t index) {
  const Links around = records[index].*links;
  if (around.next != kNoRecord) (records[around.next].*links).previous = around.previous;
  (around.previous != kNoRecord ? (records[around.previous].*links).next : first) = around.next;
}

}  // namespace

AllocationTable::AllocationTable(const NodeConfig& node, const Limits& limits,
                                 uint64_t first_serial, Dataplane& dataplane, RelayPorts& ports,
                                 UserTable& users, ServerStats& stats, const Observers& observers)
    : node_(node),
      next_serial_(first_serial),
      dataplane_(dataplane),
      ports_(ports),
      users_(users),
      stats_(stats),
      observers_(observers),
      records_(node.shards, node.allocations_per_shard),
      by_tuple_(records_, records_.capacity()),
      by_serial_(records_, records_.capacity()),
      timers_(records_.capacity()),
      peers_(node, limits, records_, dataplane, stats, observers) {}

AllocationTable::~AllocationTable() {
  for (uint32_t i = NextTouched(0); i != kNoRecord; i = NextTouched(i + 1)) {
    auth::GrantRef::Adopt(records_[i].grant);
  }
}

uint32_t AllocationTable::Create(ShardId shard, const NewAllocation& fresh) {
  const uint32_t allocation = records_.Take(shard);
  AllocationRecord& record = records_[allocation];
  record.tuple = fresh.leg.tuple;
  record.connection = fresh.leg.route.connection;
  if (!record.IsUdp()) record.front_end = fresh.leg.route.front_end;
  record.transaction_id = fresh.transaction_id;
  record.grant = auth::GrantRef(&fresh.grant).Release();
  record.user = users_.AddAllocation(fresh.grant);
  record.relay_v4 = fresh.relay_v4;
  record.relay_v6 = fresh.relay_v6;
  record.expiry_v4 = record.expiry_v6 = fresh.expiry;
  record.reservation_token = fresh.reservation_token;
  record.missing = fresh.missing;
  record.created = fresh.created;
  record.serial = AllocationSerial{next_serial_++};
  by_tuple_.Insert(allocation);
  by_serial_.Insert(allocation);
  Link(allocation);
  Reschedule(allocation);
  Install(allocation);
  if (fresh.grant.limits != auth::RateLimits()) SetLimits(allocation, fresh.grant.limits);
  if (fresh.grant.modality != auth::Modality::kUnknown) {
    SetModality(allocation, fresh.grant.modality);
  }
  ++stats_.allocations;
  ++stats_.allocated_total;
  if (!observers_.empty()) {
    const AllocationInfo info = Describe(allocation);
    observers_.Notify([&](Observer& observer) { observer.OnCreated(info); });
  }
  return allocation;
}

void AllocationTable::Link(uint32_t allocation) {
  AllocationRecord& record = records_[allocation];
  PushFront<&AllocationRecord::of_user>(records_, record.user->first, allocation);
  PushFront<&AllocationRecord::of_tenant>(records_, record.user->tenant->first, allocation);
}

void AllocationTable::Unlink(uint32_t allocation) {
  const AllocationRecord& record = records_[allocation];
  TakeOut<&AllocationRecord::of_user>(records_, record.user->first, allocation);
  TakeOut<&AllocationRecord::of_tenant>(records_, record.user->tenant->first, allocation);
}

Deciseconds AllocationTable::LastExpiry(const AllocationRecord& record) const {
  return std::max(record.Has(Family::kIpv4) ? record.expiry_v4 : 0,
                  record.Has(Family::kIpv6) ? record.expiry_v6 : 0);
}

ClientLeg AllocationTable::LegOf(uint32_t allocation) const {
  const AllocationRecord& record = records_[allocation];
  const uint8_t front_end = record.IsUdp() ? OwnerOf(allocation) : record.front_end;
  return {record.tuple, {front_end, record.connection}};
}

void AllocationTable::Install(uint32_t allocation) {
  const AllocationRecord& record = records_[allocation];
  dataplane_.Submit(OwnerOf(allocation),
                    InstallAllocation{records_.SlotOf(allocation), LegOf(allocation),
                                      record.relay_v4, record.relay_v6, LastExpiry(record)});
}

void AllocationTable::SetLimits(uint32_t allocation, const auth::RateLimits& limits) {
  records_[allocation].limits = limits;
  dataplane_.Submit(
      OwnerOf(allocation),
      causeway::SetLimits{records_.SlotOf(allocation), limits.kbps, limits.packets_per_second});
}

void AllocationTable::SetModality(uint32_t allocation, auth::Modality modality) {
  records_[allocation].modality = modality;
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
  TellRefreshed(allocation);
}

void AllocationTable::Refresh(uint32_t allocation, Family family, Deciseconds expiry) {
  records_[allocation].expiry(family) = expiry;
  Reschedule(allocation);
  TellRefreshed(allocation);
}

void AllocationTable::EndBy(uint32_t allocation, Deciseconds latest) {
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    const AllocationRecord& record = records_[allocation];
    if (record.Has(family) && record.expiry(family) > latest) Refresh(allocation, family, latest);
  }
}

void AllocationTable::Renew(uint32_t allocation, const auth::GrantRef& grant) {
  AllocationRecord& record = records_[allocation];
  const auth::GrantRef before = auth::GrantRef::Adopt(record.grant);
  record.grant = auth::GrantRef(grant).Release();
  if (users_.LookUp(*grant) != record.user) {
    Unlink(allocation);
    users_.DropAllocation(record.user);
    record.user = users_.AddAllocation(*grant);
    Link(allocation);
  }
  if (grant->limits != before->limits) SetLimits(allocation, grant->limits);
  if (grant->modality != before->modality) SetModality(allocation, grant->modality);
}

void AllocationTable::TellRefreshed(uint32_t allocation) {
  const AllocationRecord& record = records_[allocation];
  const Deciseconds expiry = LastExpiry(record);
  dataplane_.Submit(OwnerOf(allocation), RefreshAllocation{records_.SlotOf(allocation), expiry});
  observers_.Notify([&](Observer& observer) { observer.OnRefreshed(record.serial, expiry); });
}

void AllocationTable::Remove(uint32_t allocation, EndReason reason) {
  peers_.RemoveAll(allocation);
  dataplane_.Submit(OwnerOf(allocation), RemoveAllocation{records_.SlotOf(allocation)});
  const AllocationRecord& record = records_[allocation];
  if (record.IsUdp()) RemoveRedirects(record);
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    if (record.Has(family)) ports_.Release(record.relay(family));
  }
  timers_.Cancel(allocation);
  by_tuple_.Erase(allocation);
  by_serial_.Erase(allocation);
  Unlink(allocation);
  users_.DropAllocation(record.user);
  AllocationRecord resting;
  resting.grant = record.grant;
  resting.serial = record.serial;
  resting.created = record.created;
  resting.end_reason = reason;
  records_[allocation] = resting;
  --stats_.allocations;
}

void AllocationTable::Ended(ShardId shard, AllocationId slot, const MeterReading& totals) {
  const uint32_t allocation = records_.IndexOf(shard, slot);
  const AllocationRecord& record = records_[allocation];
  const auth::GrantRef grant = auth::GrantRef::Adopt(record.grant);
  const EndedAllocation ended = {record.serial, *grant, record.end_reason, record.created, totals};
  observers_.Notify([&](Observer& observer) { observer.OnEnded(ended); });
  records_.Release(allocation);
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

void AllocationTable::Redirect(uint32_t allocation, const ReplyRoute& route) {
  AllocationRecord& record = records_[allocation];
  const ShardId arrival = route.front_end;
  if (!record.IsUdp() || arrival == OwnerOf(allocation)) return;
  auto& shards = record.redirects;
  if (std::find(shards.begin(), shards.end(), arrival) != shards.end()) return;
  if (shards.back() != AllocationRecord::kNoShard) {
    dataplane_.Submit(shards.back(), RemoveClientRedirect{record.tuple});
  }
  std::rotate(shards.begin(), shards.end() - 1, shards.end());
  shards.front() = arrival;
  dataplane_.Submit(
      arrival, AddClientRedirect{record.tuple, OwnerOf(allocation), records_.SlotOf(allocation)});
}

void AllocationTable::RemoveRedirects(const AllocationRecord& record) {
  for (const ShardId shard : record.redirects) {
    if (shard == AllocationRecord::kNoShard) break;
    dataplane_.Submit(shard, RemoveClientRedirect{record.tuple});
  }
}

void AllocationTable::Advance(Now now) {
  peers_.Advance(now.monotonic);
  timers_.Advance(now.monotonic, [this, now](uint32_t allocation) { Expire(allocation, now); });
}

void AllocationTable::Expire(uint32_t allocation, Now now) {
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    const AllocationRecord& record = records_[allocation];
    if (!record.Has(family) || record.expiry(family) > now.monotonic) continue;
    const bool other_lives =
        record.Has(Other(family)) && record.expiry(Other(family)) > now.monotonic;
    if (!other_lives) {
      const auth::Grant& grant = *record.grant;
      const bool credential =
          grant.on_expiry == auth::OnExpiry::kTerminate && grant.ExpiredAt(now.unix_seconds);
      Remove(allocation, credential ? EndReason::kCredentialExpired : EndReason::kExpired);
      ++stats_.expired_total;
      return;
    }
    RemoveFamily(allocation, family);
  }
}

}  // namespace causeway::turn

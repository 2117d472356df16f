// The flows of a shard: its allocations with their permissions, channels and relay ports, and the
// clients whose allocations live on other shards. Worker lcore only.
#pragma once

#include "dataplane/counters.h"
#include "dataplane/node_config.h"
#include "dataplane/shard/arena.h"
#include "dataplane/shard/bucket_table.h"
#include "dataplane/shard/hash.h"
#include "dataplane/shard/records.h"

namespace causeway {

/// Holds what control commands and answers what packets ask: one place for the rules of what is
/// live (RFC 8656 sections 7, 9 and 12) and of what the hot line repeats. Identifiers beyond the
/// pools cannot come from a sound control; they are ignored rather than trusted.
class FlowTables {
 public:
  /// So many datagrams in a row by other channels or permissions than the inline one make the last
  /// of them the inline one: a stream is fast, and two in turn do not chase each other.
  static constexpr uint8_t kPromoteAfter = 4;
  static constexpr uint32_t kNone = BucketTable::kNone;

  /// Takes the tables' memory from `arena`, or counts it. `node` outlives them.
  void LayOut(const NodeConfig& node, Arena& arena);
  /// Makes them ready; the arena has memory.
  void Start(const HashSecret& secret);

  // Commands.
  void Apply(const InstallAllocation& c);
  void Apply(const RefreshAllocation& c);
  void Apply(const RemoveAllocation& c);
  void Apply(const SetLimits& c);
  void Apply(const SetMarking& c);
  void Apply(const SetPermission& c);
  void Apply(const RemovePermission& c);
  void Apply(const BindChannel& c);
  void Apply(const UnbindChannel& c);
  void Apply(const AddClientRedirect& c);
  void Apply(const RemoveClientRedirect& c);

  /// Slots that rest until their end is told: the last one, or kNone.
  AllocationId Ended() const { return ended_plus_1_ - 1; }
  /// Any thread. Zeros for a slot not in use.
  MeterReading ReadMeter(AllocationId allocation) const;
  /// The last one's end has been told.
  void ReleaseEnded();

  /// Forgets next hops that were found under another generation than `current`, on a part of the
  /// lines each time. Generations are 16 bits: before one comes round again, every line that still
  /// names it has been met here.
  void SweepStaleHops(uint16_t current);

  HotLine& line(AllocationId allocation) { return lines_[allocation].hot; }
  const HotLine& line(AllocationId allocation) const { return lines_[allocation].hot; }
  MeterLine& meter(AllocationId allocation) { return lines_[allocation].meter; }
  void PrefetchLine(AllocationId allocation) const {
    __builtin_prefetch(&lines_[allocation].hot, 1);
    __builtin_prefetch(&lines_[allocation].meter, 1);
  }
  /// Counts a drop on the allocation whose packet it was; `value` may be none's.
  void CountDrop(uint32_t value, Counter reason);

  // Clients. A value is an allocation or a redirect.
  uint64_t ClientHash(const IpAddress& address, uint16_t port, uint8_t local_index) const {
    return HashAddress(secret_, address, ClientExtra(port, local_index));
  }
  void PrefetchClient(uint64_t hash) const { clients_.Prefetch(hash); }
  /// The first value whose tag matches, unverified, or kNone.
  uint32_t ClientCandidate(uint64_t hash) const { return clients_.Candidate(hash); }
  bool IsAllocation(uint32_t value) const { return value < allocations_; }
  bool IsRedirect(uint32_t value) const { return value >= allocations_ && value != kNone; }
  void PrefetchRedirect(uint32_t value) const { __builtin_prefetch(&Redirect(value)); }
  bool IsRedirectOf(uint32_t value, const ClientTuple& tuple) const {
    return IsRedirect(value) && Redirect(value).tuple == tuple;
  }
  const RedirectEntry& Redirect(uint32_t value) const { return redirects_[value - allocations_]; }
  /// The client's value, or kNone. Most often it is the candidate's.
  uint32_t VerifyClient(uint32_t candidate, uint64_t hash, const ClientTuple& tuple) const {
    if (IsAllocation(candidate) && line(candidate).Is(tuple)) [[likely]] {
      return candidate;
    }
    return candidate == kNone ? kNone : LookUpClient(hash, tuple);
  }

  // Relay ports.
  bool InRelayRange(uint16_t port) const {
    return static_cast<uint16_t>(port - relay_port_first_) < relay_ports_;
  }
  /// Where allocation + 1 stands, or 0; the port is in the relay range.
  const uint32_t* RelaySlot(const RelayPort& relay) const {
    return &relay_slots_[uint64_t{relay.address_index} * relay_ports_ +
                         static_cast<uint16_t>(relay.port - relay_port_first_)];
  }

  // Permissions (RFC 8656 section 9).
  uint64_t PermissionHash(AllocationId allocation, const IpAddress& peer) const {
    return HashPermission(secret_, allocation, peer);
  }
  /// Whether one that has not run out lets this peer through.
  bool IsPermitted(uint64_t hash, AllocationId allocation, const IpAddress& peer,
                   Deciseconds now) const;
  /// The same for a datagram without a channel: the permission may become the inline one.
  bool UsePermission(uint64_t hash, AllocationId allocation, const IpAddress& peer,
                     Deciseconds now);
  // IsPermitted for a burst: each step brings in what the next one reads.
  void PrefetchPermission(uint64_t hash, AllocationId allocation) const {
    permission_table_.Prefetch(hash);
    __builtin_prefetch(&cold_[allocation]);
  }
  void PrefetchPermissionEntry(uint64_t hash) const {
    const uint32_t id = permission_table_.Candidate(hash);
    if (id != kNone) __builtin_prefetch(&permissions_[id]);
  }

  // Channels that have not run out, nor their allocation (RFC 8656 section 12); nullptr for none.
  // A datagram uses it: it may become the inline one.
  ChannelEntry* UseChannel(uint64_t hash, AllocationId allocation, uint16_t number,
                           Deciseconds now);
  ChannelEntry* UseChannel(uint64_t hash, AllocationId allocation, const Endpoint& peer,
                           Deciseconds now);
  // UseChannel for a burst: each step brings in what the next one reads.
  uint64_t ChannelHash(AllocationId allocation, uint16_t number) const {
    return HashChannelNumber(secret_, allocation, number);
  }
  uint64_t ChannelHash(AllocationId allocation, const Endpoint& peer) const {
    return HashChannelPeer(secret_, allocation, peer);
  }
  void PrefetchChannelNumber(uint64_t hash, AllocationId allocation) const {
    channel_numbers_.Prefetch(hash);
    __builtin_prefetch(&cold_[allocation]);
  }
  void PrefetchChannelPeer(uint64_t hash) const { channel_peers_.Prefetch(hash); }
  void PrefetchNumberedChannel(uint64_t hash) const {
    PrefetchChannel(channel_numbers_.Candidate(hash));
  }
  void PrefetchChannelOfPeer(uint64_t hash) const {
    PrefetchChannel(channel_peers_.Candidate(hash));
  }
  /// A datagram of the inline peer came.
  void UseInline(AllocationId allocation) { meter(allocation).table_hits = 0; }

 private:
  bool IsInstalled(AllocationId allocation) const {
    return allocation < allocations_ && (line(allocation).flags & HotLine::kUsed) != 0;
  }
  bool IsLive(uint32_t channel, AllocationId allocation, Deciseconds now) const {
    return cold_[allocation].expiry > now && channel != kNone && channels_[channel].expiry > now;
  }
  void PrefetchChannel(ChannelId channel) const {
    if (channel != kNone) __builtin_prefetch(&channels_[channel]);
  }
  ChannelEntry* Use(ChannelId channel, AllocationId allocation, Deciseconds now);
  bool IsPromotionDue(AllocationId allocation);
  uint32_t LookUpClient(uint64_t hash, const ClientTuple& tuple) const;
  uint32_t LookUpPermission(uint64_t hash, AllocationId allocation, const IpAddress& peer) const;
  void Uninstall(AllocationId allocation);
  void SetRelay(const RelayPort& relay, uint32_t value);
  void ClearRelay(const RelayPort& relay, uint32_t value);
  void UpdateInline(AllocationId allocation);
  bool IsRelay(const RelayPort& relay) const;

  uint32_t allocations_ = 0;  // capacities
  uint32_t permission_capacity_ = 0;
  uint32_t channel_capacity_ = 0;
  uint32_t redirect_capacity_ = 0;
  uint32_t relay_ports_ = 0;  // per relay address
  uint16_t relay_port_first_ = 0;
  size_t relay_addresses_ = 0;
  size_t listen_addresses_ = 0;
  HashSecret secret_ = {};

  FlowLine* lines_ = nullptr;
  ColdLine* cold_ = nullptr;
  PermissionEntry* permissions_ = nullptr;
  ChannelEntry* channels_ = nullptr;
  RedirectEntry* redirects_ = nullptr;
  uint32_t* relay_slots_ = nullptr;  // [relay address][port - first]: allocation + 1
  BucketTable clients_;              // values from allocations_ on are redirects
  BucketTable permission_table_;
  BucketTable channel_numbers_;
  BucketTable channel_peers_;
  uint32_t free_redirect_plus_1_ = 0;
  uint32_t ended_plus_1_ = 0;
  uint32_t sweep_at_ = 0;  // next line whose cached hops are checked
  uint32_t sweep_channel_at_ = 0;
};

}  // namespace causeway

// The node's allocations, and the commands that keep the shards in step with them.
#pragma once

#include <cstdint>

#include "control/turn/allocation.h"
#include "control/turn/observer.h"
#include "control/turn/peer_table.h"
#include "control/turn/record_index.h"
#include "control/turn/relay_ports.h"
#include "control/turn/server.h"
#include "control/turn/slot_pool.h"
#include "control/turn/timer_wheel.h"
#include "control/turn/user_table.h"

namespace causeway::turn {

/// What an allocation starts with. Its relay ports are taken and belong to one shard.
struct NewAllocation {
  ClientLeg leg;
  stun::TransactionId transaction_id;
  const auth::Grant& grant;
  RelayPort relay_v4;
  RelayPort relay_v6;
  uint64_t reservation_token;
  MissingFamily missing;
  Deciseconds created;
  Deciseconds expiry;
};

/// Allocations are known by their index in records(). Used on the control thread only.
class AllocationTable {
 public:
  /// The references outlive this. The first allocation gets the serial `first_serial`, above 0.
  AllocationTable(const NodeConfig& node, const Limits& limits, uint64_t first_serial,
                  Dataplane& dataplane, RelayPorts& ports, UserTable& users, ServerStats& stats,
                  const Observers& observers);
  ~AllocationTable();
  AllocationTable(const AllocationTable&) = delete;
  AllocationTable& operator=(const AllocationTable&) = delete;

  /// The client's allocation, or kNoRecord.
  uint32_t LookUp(const ClientTuple& tuple) const { return by_tuple_.LookUp(tuple); }
  uint32_t LookUp(AllocationSerial serial) const { return by_serial_.LookUp(serial); }
  AllocationRecord& operator[](uint32_t allocation) { return records_[allocation]; }
  /// The first index from this one on where there was ever an allocation, or kNoRecord.
  uint32_t NextTouched(uint32_t index) const { return records_.NextTouched(index); }
  /// Calls `visit` with the index of each allocation of a user or tenant; it removes none.
  template <typename Visit>
  void ForEachOf(const User& user, Visit visit) const {
    for (uint32_t i = user.first; i != kNoRecord; i = records_[i].of_user.next) visit(i);
  }
  template <typename Visit>
  void ForEachOf(const TenantAccount& tenant, Visit visit) const {
    for (uint32_t i = tenant.first; i != kNoRecord; i = records_[i].of_tenant.next) visit(i);
  }
  Endpoint RelayedEndpoint(uint32_t allocation, Family family) const {
    return ports_.EndpointOf(records_[allocation].relay(family));
  }
  /// All that there is to say of an allocation.
  AllocationInfo Describe(uint32_t allocation) const;
  ShardId OwnerOf(uint32_t allocation) const { return records_.ShardOf(allocation); }
  PeerTable& peers() { return peers_; }
  const PeerTable& peers() const { return peers_; }

  /// Whether this shard can own one more.
  bool HasRoom(ShardId shard) const { return records_.Free(shard) > 0; }
  /// Puts an allocation in place; the shard has room.
  uint32_t Create(ShardId shard, const NewAllocation& fresh);
  /// Moves the expiry of both relayed addresses, or of one.
  void Refresh(uint32_t allocation, Deciseconds expiry);
  void Refresh(uint32_t allocation, Family family, Deciseconds expiry);
  /// Lets no relayed address outlive `latest`.
  void EndBy(uint32_t allocation, Deciseconds latest);
  /// Puts another grant of the same user name in the place of its own, with the limits of that if
  /// they are others than before.
  void Renew(uint32_t allocation, const auth::GrantRef& grant);
  void SetLimits(uint32_t allocation, const auth::RateLimits& limits);
  void SetModality(uint32_t allocation, auth::Modality modality);
  /// Takes an allocation away with all that belongs to it. Its slot rests until Ended.
  void Remove(uint32_t allocation, EndReason reason);
  /// The shard has left the allocation in this slot of its own.
  void Ended(ShardId shard, AllocationId slot, const MeterReading& totals);
  /// Takes one relayed address of a dual allocation away; the other one keeps its permissions and
  /// channels (RFC 8656 section 8.1). The shard gets the allocation anew.
  void RemoveFamily(uint32_t allocation, Family family);
  /// Whether the client is where this route leads. A UDP client is wherever its address is; a
  /// five-tuple that comes by another connection than before is another client's.
  bool IsReachedBy(uint32_t allocation, const ReplyRoute& route) const {
    return records_[allocation].IsUdp() || LegOf(allocation).route == route;
  }
  /// Makes the shard that a UDP client's packet came by hand them to the owner, if it is another
  /// one. The three shards where they came in last are remembered.
  void Redirect(uint32_t allocation, const ReplyRoute& route);

  /// Expires allocations, permissions and channels up to `now`.
  void Advance(Now now);
  /// Bytes that do not depend on the pools of permissions and channels.
  size_t bytes() const {
    return records_.bytes() + timers_.bytes() + by_tuple_.bytes() + by_serial_.bytes();
  }

 private:
  void Expire(uint32_t allocation, Now now);
  void Install(uint32_t allocation);
  /// With the route for what no request asked for.
  ClientLeg LegOf(uint32_t allocation) const;
  void RemoveRedirects(const AllocationRecord& record);
  void Link(uint32_t allocation);
  void Unlink(uint32_t allocation);
  void Reschedule(uint32_t allocation);
  void TellRefreshed(uint32_t allocation);
  Deciseconds LastExpiry(const AllocationRecord& record) const;

  const NodeConfig& node_;
  uint64_t next_serial_;
  Dataplane& dataplane_;
  RelayPorts& ports_;
  UserTable& users_;
  ServerStats& stats_;
  const Observers& observers_;
  SlotPool<AllocationRecord> records_;
  TupleIndex by_tuple_;
  SerialIndex by_serial_;
  TimerWheel timers_;  // the first expiry of an allocation's relayed addresses
  PeerTable peers_;
};

}  // namespace causeway::turn

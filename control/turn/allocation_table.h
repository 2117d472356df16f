// The node's allocations, and the commands that keep the shards in step with them.
#pragma once

#include <cstdint>

#include "control/turn/allocation.h"
#include "control/turn/peer_table.h"
#include "control/turn/relay_ports.h"
#include "control/turn/server.h"
#include "control/turn/slot_pool.h"
#include "control/turn/timer_wheel.h"
#include "control/turn/tuple_index.h"
#include "control/turn/user_table.h"

namespace causeway::turn {

/// What an allocation starts with. Its relay ports are taken and belong to one shard.
struct NewAllocation {
  ClientTuple tuple;
  stun::TransactionId transaction_id;
  const auth::Grant& grant;
  RelayPort relay_v4;
  RelayPort relay_v6;
  uint64_t reservation_token;
  MissingFamily missing;
  Deciseconds expiry;
};

/// Allocations are known by their index in records(). Used on the control thread only.
class AllocationTable {
 public:
  /// The references outlive this.
  AllocationTable(const NodeConfig& node, const Limits& limits, Dataplane& dataplane,
                  RelayPorts& ports, UserTable& users, ServerStats& stats);
  ~AllocationTable();
  AllocationTable(const AllocationTable&) = delete;
  AllocationTable& operator=(const AllocationTable&) = delete;

  /// The client's allocation, or kNoRecord.
  uint32_t LookUp(const ClientTuple& tuple) const { return index_.LookUp(tuple); }
  AllocationRecord& operator[](uint32_t allocation) { return records_[allocation]; }
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
  /// Takes an allocation away with all that belongs to it. Its slot rests until Ended.
  void Remove(uint32_t allocation);
  /// The shard has left the allocation in this slot of its own.
  void Ended(ShardId shard, AllocationId slot) { records_.Release(records_.IndexOf(shard, slot)); }
  /// Takes one relayed address of a dual allocation away; the other one keeps its permissions and
  /// channels (RFC 8656 section 8.1). The shard gets the allocation anew.
  void RemoveFamily(uint32_t allocation, Family family);
  /// Makes `arrival` hand this client's packets to the owner, if it is another shard. The three
  /// shards where they came in last are remembered.
  void Redirect(uint32_t allocation, ShardId arrival);

  /// Expires allocations, permissions and channels up to `now`.
  void Advance(Deciseconds now);
  /// Bytes that do not depend on the pools of permissions and channels.
  size_t bytes() const { return records_.bytes() + timers_.bytes() + index_.bytes(); }

 private:
  void Expire(uint32_t allocation, Deciseconds now);
  void Install(uint32_t allocation);
  void SetLimits(uint32_t allocation, const auth::RateLimits& limits);
  void SetModality(uint32_t allocation, auth::Modality modality);
  void Reschedule(uint32_t allocation);
  Deciseconds LastExpiry(const AllocationRecord& record) const;

  Dataplane& dataplane_;
  RelayPorts& ports_;
  UserTable& users_;
  ServerStats& stats_;
  SlotPool<AllocationRecord> records_;
  TupleIndex index_;
  TimerWheel timers_;  // the first expiry of an allocation's relayed addresses
  PeerTable peers_;
};

}  // namespace causeway::turn

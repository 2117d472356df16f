// What control remembers of an allocation, its permissions and channels (RFC 8656 section 6).
#pragma once

#include <array>
#include <cstdint>

#include "control/auth/grant.h"
#include "control/stun/types.h"
#include "control/turn/allocation_info.h"
#include "control/turn/slot_pool.h"
#include "control/turn/user_table.h"
#include "dataplane/commands.h"

namespace causeway::turn {

/// Why a dual allocation got one address only; repeated in retransmitted answers.
enum class MissingFamily : uint8_t { kNone, kNotSupported, kNoCapacity };

/// Neighbours in a list of allocations, kNoRecord at its ends.
struct Links {
  uint32_t previous = kNoRecord;
  uint32_t next = kNoRecord;
};

/// One of up to a million: kept small. Between its removal and the word of its shard that it has
/// ended, it rests: it keeps serial, grant, reason and creation time, and no user.
struct AllocationRecord {
  static constexpr ShardId kNoShard = 0xff;

  ClientTuple tuple;
  stun::TransactionId transaction_id = {};  // of the Allocate request: tells retransmissions
  const auth::Grant* grant = nullptr;       // a share of its own (auth::GrantRef::Release)
  User* user = nullptr;
  uint64_t reservation_token = 0;  // that the Allocate answer gave out; 0 is none
  AllocationSerial serial{};
  RelayPort relay_v4;
  RelayPort relay_v6;
  Deciseconds expiry_v4 = 0;  // a dual allocation's addresses are refreshed one by one or together
  Deciseconds expiry_v6 = 0;
  union {
    uint32_t next = kNoRecord;  // while free
    uint32_t permissions;       // head of a list
  };
  uint32_t channels = kNoRecord;  // head of a list
  Links of_user;
  Links of_tenant;
  Deciseconds created = 0;
  uint16_t permission_count = 0;
  uint16_t channel_count = 0;
  auth::RateLimits limits;  // that hold now
  uint32_t connection = 0;  // of the client's ReplyRoute
  union {
    std::array<ShardId, 3> redirects = {kNoShard, kNoShard, kNoShard};  // UDP; newest first
    uint8_t front_end;  // all else: of the client's ReplyRoute
  };
  MissingFamily missing : 2 = MissingFamily::kNone;
  auth::Modality modality : 3 = auth::Modality::kUnknown;
  EndReason end_reason : 3 = EndReason::kClient;  // once it rests

  bool InUse() const { return user != nullptr; }
  bool IsUdp() const { return tuple.transport == Transport::kUdp; }

  RelayPort& relay(Family family) { return family == Family::kIpv4 ? relay_v4 : relay_v6; }
  const RelayPort& relay(Family family) const {
    return family == Family::kIpv4 ? relay_v4 : relay_v6;
  }
  Deciseconds& expiry(Family family) { return family == Family::kIpv4 ? expiry_v4 : expiry_v6; }
  Deciseconds expiry(Family family) const {
    return family == Family::kIpv4 ? expiry_v4 : expiry_v6;
  }
  bool Has(Family family) const { return relay(family).IsSet(); }
};

static_assert(sizeof(AllocationRecord) <= 128);

struct PermissionRecord {
  IpAddress peer;
  uint32_t allocation = kNoRecord;
  uint32_t next = kNoRecord;  // in the allocation's list
};

struct ChannelRecord {
  Endpoint peer;
  uint16_t number = 0;
  uint32_t allocation = kNoRecord;
  uint32_t next = kNoRecord;  // in the allocation's list
};

}  // namespace causeway::turn

// What a shard knows of an allocation. The hot line is all that a ChannelData packet touches.
#pragma once

#include <cstdint>

#include "dataplane/commands.h"

namespace causeway {

/// A next hop found under one route generation. Generation 0 is never current.
struct CachedHop {
  NextHopId next_hop;
  uint16_t generation;
};

/// One cache line per allocation; both families alike (IPv4 is held mapped). Expiries here are
/// never later than the allocation's own.
struct alignas(64) HotLine {
  static constexpr uint8_t kUsed = 1;
  /// There are channels beside the inline one, or the inline one's place is empty.
  static constexpr uint8_t kMoreChannels = 2;

  IpAddress client;
  IpAddress peer;  // of the inline channel; :: when there is none
  uint16_t client_port;
  uint16_t peer_port;
  uint16_t channel;  // number of the inline channel, 0 for none
  RelayPort relay_v4;
  RelayPort relay_v6;
  uint8_t local_index;
  uint8_t flags;
  Deciseconds channel_expiry;
  Deciseconds permission_expiry;  // of the permission for `peer`
  CachedHop client_hop;
  CachedHop peer_hop;

  bool Is(const IpAddress& address, uint16_t port, uint8_t local) const {
    return client == address && client_port == port && local_index == local && (flags & kUsed) != 0;
  }
  const RelayPort& Relay(bool v6) const { return v6 ? relay_v6 : relay_v4; }
};
static_assert(sizeof(HotLine) == 64);

/// What commands need, and packets beside the inline channel.
struct ColdLine {
  Deciseconds expiry;
  uint32_t inline_channel_plus_1;  // ChannelId + 1, or 0
  uint32_t channels;               // bound, the inline one included
};

struct PermissionRecord {
  IpAddress peer;
  uint32_t allocation_plus_1;  // 0 for a free record
  Deciseconds expiry;
};
static_assert(sizeof(PermissionRecord) == 24);

struct ChannelRecord {
  IpAddress peer;
  AllocationId allocation;
  Deciseconds expiry;
  uint16_t peer_port;
  uint16_t number;  // 0 for a free record
  CachedHop hop;
};
static_assert(sizeof(ChannelRecord) == 32);

/// A client whose allocation lives on another shard.
struct RedirectRecord {
  ClientTuple tuple;
  ShardId owner;
  uint32_t next_free;
};

}  // namespace causeway

// What a shard knows of an allocation. The hot line is all that a ChannelData packet touches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/commands.h"
#include "dataplane/shard/meter.h"

namespace causeway {

/// A next hop found under one route generation. Generation 0 is never current.
struct CachedHop {
  NextHopId next_hop;
  uint16_t generation;
};

/// One cache line per allocation; both families alike (IPv4 is held mapped). It repeats what a
/// packet of the *inline* peer needs: the peer in use, with its channel when it has one. Expiries
/// here are never later than the allocation's own. What the fast path compares lies in eight bytes
/// each time: the end of `client` and what follows it, the end of `peer` and what follows it.
struct alignas(64) HotLine {
  static constexpr uint8_t kUsed = 1;
  /// There are channels beside the inline one, or the inline one's place is empty.
  static constexpr uint8_t kMoreChannels = 2;
  /// There is an inline peer, and a relayed address of its family: the fast path may take what goes
  /// to and fro. (A keyed leg will clear it: the fast path changes no payload.)
  static constexpr uint8_t kFast = 4;
  /// The allocation has ended; its slot rests until its totals are told.
  static constexpr uint8_t kEnded = 8;
  static constexpr uint8_t kClientV6 = 16;
  static constexpr uint8_t kPeerV6 = 32;  // the inline one, when kFast

  IpAddress client;
  uint16_t client_port;
  uint8_t local_index;
  uint8_t flags;
  CachedHop client_hop;
  Deciseconds channel_expiry;
  Deciseconds permission_expiry;  // of the permission for `peer`
  IpAddress peer;                 // of the inline channel, or of a permission alone; ::, none
  uint16_t peer_port;
  uint16_t channel;  // number of the inline channel, 0 for none
  CachedHop peer_hop;
  RelayPort relay_v4;
  RelayPort relay_v6;

  bool Is(const ClientTuple& tuple) const {
    return client == tuple.client.address && client_port == tuple.client.port &&
           local_index == tuple.local_index && (flags & kUsed) != 0;
  }
  bool HasMoreChannels() const { return (flags & kMoreChannels) != 0; }
  const RelayPort& Relay(bool v6) const { return v6 ? relay_v6 : relay_v4; }

  /// What FastClient() is for the client whose address ends in these four bytes (network order),
  /// when the line is kFast.
  static uint64_t FastClientKey(bool is_v6, uint32_t address_end, uint16_t port, uint8_t local) {
    const uint64_t flags = kUsed | kFast | (is_v6 ? kClientV6 : 0);
    return address_end | uint64_t{port} << 32 | uint64_t{local} << 48 | flags << 56;
  }
  uint64_t FastClient() const {
    return LoadAt(kClientEnd) & ~(uint64_t{kMoreChannels | kPeerV6} << 56);
  }
  /// The address's last four bytes (network order), port and channel number, from the lowest bit.
  uint64_t FastPeer() const { return LoadAt(kPeerEnd); }

 private:
  static constexpr size_t kClientEnd = 12;
  static constexpr size_t kPeerEnd = 44;
  uint64_t LoadAt(size_t offset) const {
    uint64_t word;
    std::memcpy(&word, reinterpret_cast<const uint8_t*>(this) + offset, 8);
    return word;
  }
};
static_assert(sizeof(HotLine) == 64 && offsetof(HotLine, client) == 0 &&
              offsetof(HotLine, client_port) == 16 && offsetof(HotLine, flags) == 19 &&
              offsetof(HotLine, peer) == 32 && offsetof(HotLine, peer_port) == 48);

/// What every packet of an allocation touches: two lines, which the processor fetches as a pair.
struct alignas(128) FlowLine {
  HotLine hot;
  MeterLine meter;
};
static_assert(sizeof(FlowLine) == 128);

/// What commands need, and packets beside the inline channel.
struct ColdLine {
  Deciseconds expiry;
  union {
    uint32_t inline_channel_plus_1;  // ChannelId + 1, or 0
    uint32_t next_ended_plus_1;      // of an allocation that has ended: the one before
  };
  uint32_t inline_permission_plus_1;  // without an inline channel: PermissionId + 1, or 0
  uint32_t channels;                  // bound, the inline one included
  // Of MeterReading.
  uint32_t drops_rate_limit;
  uint32_t drops_no_permission;
  uint32_t drops_other;
};

struct PermissionEntry {
  IpAddress peer;
  uint32_t allocation_plus_1;  // 0 for a free record
  Deciseconds expiry;
};
static_assert(sizeof(PermissionEntry) == 24);

struct ChannelEntry {
  IpAddress peer;
  AllocationId allocation;
  Deciseconds expiry;
  uint16_t peer_port;
  uint16_t number;  // 0 for a free record
  CachedHop hop;
};
static_assert(sizeof(ChannelEntry) == 32);

/// A client whose allocation lives on another shard.
struct alignas(32) RedirectEntry {
  ClientTuple tuple;
  ShardId owner;
  union {
    AllocationId allocation;    // of the owner's
    uint32_t next_free_plus_1;  // of a free one
  };
};
static_assert(sizeof(RedirectEntry) == 32);

}  // namespace causeway

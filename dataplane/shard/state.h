// All that a shard owns, and the small functions that every stage uses. Worker lcore only.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <memory>

#include "dataplane/counters.h"
#include "dataplane/ip/slow_path.h"
#include "dataplane/route_table.h"
#include "dataplane/shard/address_index.h"
#include "dataplane/shard/bucket_table.h"
#include "dataplane/shard/budgets.h"
#include "dataplane/shard/events.h"
#include "dataplane/shard/hold_queue.h"
#include "dataplane/shard/packet.h"
#include "dataplane/shard/records.h"
#include "dataplane/shard/shard.h"

namespace causeway {

/// A neighbour, laid out so that its first 12 bytes are the frame's.
struct NextHop {
  MacAddress destination;
  MacAddress source;
  uint16_t mtu;  // of link and route, the smaller
  bool resolved;
};
static_assert(sizeof(NextHop) == 16);

/// Counters of IPv4 identifications, shared by the allocations of a hash slot.
inline constexpr uint32_t kIdentifications = 4096;
/// Frames on their way within this shard: hairpin to itself, reassembled datagrams.
inline constexpr unsigned kLoopback = 256;
inline constexpr unsigned kTxStage = 64;

struct ShardState {
  explicit ShardState(const ShardConfig& shard_config)
      : config(shard_config), unknown_clients(1000, 1000), icmp_budget(100, 50) {}

  ShardConfig config;
  uint64_t now_tsc = 0;
  Deciseconds now = 0;
  uint64_t decisecond_factor = 0;  // 2^64 * 10 / TSC frequency
  HashSecret secret = {};
  uint64_t random_state[2] = {};

  HotLine* hot = nullptr;
  ColdLine* cold = nullptr;
  PermissionEntry* permissions = nullptr;
  ChannelEntry* channels = nullptr;
  RedirectEntry* redirects = nullptr;
  uint32_t free_redirect = 0;  // index + 1
  uint32_t redirect_capacity = 0;
  uint32_t* relay_slots = nullptr;  // [relay address][port - first]: allocation + 1
  uint32_t relay_ports = 0;         // ports per relay address
  unsigned data_offset = 0;         // from an mbuf of the pool to where frames begin
  unsigned block_shift = 0;         // NodeConfig::RelayBlockShift, worked out once
  NextHop* next_hops = nullptr;
  uint16_t* identifications = nullptr;
  AddressIndex addresses;
  V4AddressIndex v4_addresses;
  uint32_t* relay_v4 = nullptr;  // by index, as in a header; of IPv6 ones nothing that matters
  uint32_t* listen_v4 = nullptr;
  BucketTable clients;  // values from allocations_per_shard on are redirects
  BucketTable permission_table;
  BucketTable channel_numbers;
  BucketTable channel_peers;
  RequestBudget request_budget;

  const RouteTable* routes = nullptr;
  uint16_t route_generation = 1;
  uint32_t sweep_at = 0;  // next hot line whose caches are checked for staleness
  uint32_t sweep_channel_at = 0;
  uint32_t ended_plus_1 = 0;         // the last allocation whose end is not told yet, or 0
  bool routes_adopted_owed = false;  // the event ring was full
  uint32_t adopted_generation = 0;

  TokenBucket unknown_clients;
  TokenBucket icmp_budget;
  HoldQueue held;
  std::unique_ptr<Reassembler> reassembler;
  Deciseconds reassembler_expired_at = 0;

  rte_mbuf* tx[kTxStage];
  unsigned tx_count = 0;
  rte_mbuf* loopback[kLoopback];
  uint32_t loopback_head = 0;
  uint32_t loopback_tail = 0;

  Counters counters;

  void Count(Counter counter, uint64_t n = 1) { counters.Add(counter, n); }
  void Drop(rte_mbuf* mbuf, Counter reason) {
    Count(reason);
    rte_pktmbuf_free(mbuf);
  }
  void Drop(const Packet& packet, Counter reason) { Drop(packet.mbuf, reason); }
  /// A packet that has done its work by arriving.
  void Consume(const Packet& packet, Counter counter) { Drop(packet.mbuf, counter); }

  /// False when the ring is full: the event, and any buffer in it, stays with the caller.
  bool Raise(const Event& event) {
    alignas(64) uint8_t element[64] = {};
    std::memcpy(element, &event, sizeof event);
    return rte_ring_sp_enqueue_elem(config.events, element, sizeof element) == 0;
  }

  /// False when full; the frame stays with the caller. Bits of Packet::flags travel in hash.usr.
  bool LoopBack(rte_mbuf* frame) {
    if (loopback_tail - loopback_head == kLoopback) return false;
    loopback[loopback_tail++ % kLoopback] = frame;
    return true;
  }

  uint16_t NextIdentification(uint32_t key) {
    uint16_t& counter = identifications[key % kIdentifications];
    if (++counter == 0) counter = 1;
    return counter;
  }

  /// Unpredictable enough for transaction ids of indications (xoroshiro128+, seeded by the kernel).
  uint64_t Random() {
    const uint64_t a = random_state[0];
    uint64_t b = random_state[1];
    const uint64_t result = a + b;
    b ^= a;
    random_state[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
    random_state[1] = (b << 37) | (b >> 27);
    return result;
  }

  // Look-ups.
  uint32_t* RelaySlot(const RelayPort& relay) const {
    return &relay_slots[uint64_t{relay.address_index} * relay_ports +
                        static_cast<uint16_t>(relay.port - config.node.relay_port_first)];
  }
  bool InRelayRange(uint16_t port) const {
    return port >= config.node.relay_port_first && port <= config.node.relay_port_last;
  }
  ShardId OwnerOfPort(uint16_t port) const {
    return config.node.shards == 1
               ? ShardId{0}
               : static_cast<ShardId>((port >> block_shift) % config.node.shards);
  }
  uint32_t LookUpPermission(AllocationId allocation, const IpAddress& peer) const {
    return LookUpPermission(HashPermission(secret, allocation, peer), allocation, peer);
  }
  uint32_t LookUpPermission(uint64_t hash, AllocationId allocation, const IpAddress& peer) const {
    return permission_table.LookUp(hash, [&](uint32_t id) {
      return permissions[id].allocation_plus_1 == allocation + 1 && permissions[id].peer == peer;
    });
  }
  uint32_t LookUpChannel(AllocationId allocation, const Endpoint& peer) const {
    return channel_peers.LookUp(HashChannelPeer(secret, allocation, peer), [&](uint32_t id) {
      return channels[id].allocation == allocation && channels[id].peer_port == peer.port &&
             channels[id].peer == peer.address;
    });
  }
  uint32_t LookUpChannel(AllocationId allocation, uint16_t number) const {
    return channel_numbers.LookUp(HashChannelNumber(secret, allocation, number), [&](uint32_t id) {
      return channels[id].allocation == allocation && channels[id].number == number;
    });
  }
  uint32_t LookUpClient(uint64_t hash, const ClientTuple& tuple) const {
    return clients.LookUp(hash, [&](uint32_t value) {
      if (value >= config.node.allocations_per_shard) {
        return redirects[value - config.node.allocations_per_shard].tuple == tuple;
      }
      return hot[value].Is(tuple.client.address, tuple.client.port, tuple.local_index);
    });
  }
  /// Whether a permission that has not run out lets this peer through. RFC 8656 section 9.
  bool IsPermitted(AllocationId allocation, const IpAddress& peer) const {
    return IsPermitted(HashPermission(secret, allocation, peer), allocation, peer);
  }
  bool IsPermitted(uint64_t hash, AllocationId allocation, const IpAddress& peer) const {
    const HotLine& line = hot[allocation];
    if (line.peer == peer) return line.permission_expiry > now;
    const uint32_t id = LookUpPermission(hash, allocation, peer);
    return id != BucketTable::kNone && permissions[id].expiry > now &&
           cold[allocation].expiry > now;
  }
  // IsPermitted for a burst: each step brings in what the next one reads.
  void PrefetchPermission(Packet& packet, const IpAddress& peer) const {
    packet.hash = HashPermission(secret, packet.slot, peer);
    permission_table.Prefetch(packet.hash);
    __builtin_prefetch(&cold[packet.slot]);
  }
  void PrefetchPermissionRecord(const Packet& packet) const {
    const uint32_t id = permission_table.Candidate(packet.hash);
    if (id != BucketTable::kNone) __builtin_prefetch(&permissions[id]);
  }
  NextHopId LookUpRoute(const IpAddress& destination) const {
    const NextHopId id = routes == nullptr ? kNoRoute : routes->LookUp(destination);
    return id < kMaxNextHops ? id : kNoRoute;
  }
  NextHopId Resolve(CachedHop& cache, const IpAddress& destination) const {
    if (cache.generation != route_generation) [[unlikely]] {
      cache = {LookUpRoute(destination), route_generation};
    }
    return cache.next_hop;
  }
};

/// Brings in what of a received frame the first stage reads. Of an mbuf from elsewhere than the
/// shard's pool the data may lie elsewhere: then it is fetched for nothing.
inline void PrefetchFrame(const ShardState& state, const rte_mbuf* frame) {
  __builtin_prefetch(frame);
  __builtin_prefetch(reinterpret_cast<const uint8_t*>(frame) + state.data_offset);
}

/// Lays out the tables: the one place that knows how much memory a shard takes.
void LayOut(ShardState& state, Arena& arena);

}  // namespace causeway

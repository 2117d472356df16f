// All that a shard owns, and the small functions that every stage uses. Worker lcore only.
#pragma once

#include <rte_mbuf.h>

#include <memory>
#include <vector>

#include "dataplane/counters.h"
#include "dataplane/ip/slow_path.h"
#include "dataplane/shard/address_index.h"
#include "dataplane/shard/budgets.h"
#include "dataplane/shard/events.h"
#include "dataplane/shard/flow_tables.h"
#include "dataplane/shard/frame_prefetch.h"
#include "dataplane/shard/hold_queue.h"
#include "dataplane/shard/next_hop_table.h"
#include "dataplane/shard/packet.h"
#include "dataplane/shard/ring_element.h"
#include "dataplane/shard/shard.h"

namespace causeway {

/// Counters of IPv4 identifications, shared by the allocations of a hash slot.
inline constexpr uint32_t kIdentifications = 4096;
/// Frames on their way within this shard: hairpin to itself, reassembled datagrams.
inline constexpr unsigned kLoopback = 256;
inline constexpr unsigned kTxStage = 64;
/// The most frames that go into, or come from, a hand-off ring at a time.
inline constexpr unsigned kHandOffBurst = 64;

/// Frames gathered for one other shard.
struct HandOffBurst {
  rte_mbuf* frames[kHandOffBurst];
  unsigned count = 0;
};

struct ShardState {
  explicit ShardState(const ShardConfig& shard_config)
      : config(shard_config), unknown_clients(1000, 1000), icmp_budget(100, 50) {}

  ShardConfig config;
  uint64_t now_tsc = 0;
  Deciseconds now = 0;
  MeterTicks ticks = 0;
  uint64_t decisecond_factor = 0;  // 2^64 * 10 / TSC frequency
  uint64_t tick_factor = 0;        // 2^64 * ticks a second / TSC frequency
  HashSecret secret = {};
  uint64_t random_state[2] = {};

  FlowTables flows;
  NextHopTable next_hops;
  FramePrefetch prefetch;
  unsigned block_shift = 0;  // NodeConfig::RelayBlockShift, worked out once
  uint16_t* identifications = nullptr;
  AddressIndex addresses;
  V4AddressIndex v4_addresses;
  RequestBudget request_budget;
  bool routes_adopted_owed = false;  // the ring of events was full
  uint32_t adopted_generation = 0;

  TokenBucket unknown_clients;
  TokenBucket icmp_budget;
  HoldQueue held;
  std::unique_ptr<Reassembler> reassembler;
  Deciseconds reassembler_expired_at = 0;

  /// Whether a local sender of the link that is being served may leave checksums unfinished.
  bool partial_checksums = false;
  rte_mbuf* tx[kTxStage];  // their `port` is the LinkId by which they leave
  unsigned tx_count = 0;
  rte_mbuf* loopback[kLoopback];
  uint32_t loopback_head = 0;
  uint32_t loopback_tail = 0;
  std::vector<HandOffBurst> hand_offs;  // by destination
  bool hand_offs_wait = false;

  Counters counters;

  void Count(Counter counter, uint64_t n = 1) { counters.Add(counter, n); }
  void Drop(rte_mbuf* mbuf, Counter reason) {
    Count(reason);
    rte_pktmbuf_free(mbuf);
  }
  void Drop(const Packet& packet, Counter reason) {
    flows.CountDrop(packet.slot, reason);
    Drop(packet.mbuf, reason);
  }
  /// A packet that has done its work by arriving.
  void Consume(const Packet& packet, Counter counter) {
    Count(counter);
    rte_pktmbuf_free(packet.mbuf);
  }

  /// False when the ring of its class is full: the event, and any buffer in it, stays with the
  /// caller.
  bool Raise(EventClass event_class, const Event& event) {
    return EnqueueElement(config.events[static_cast<unsigned>(event_class)], event);
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

  ShardId OwnerOfPort(uint16_t port) const {
    return config.node.shards == 1
               ? ShardId{0}
               : static_cast<ShardId>((port >> block_shift) % config.node.shards);
  }
};

/// What the meter of a limited or marked allocation asks: false when a datagram of `size` bytes of
/// UDP payload is over a limit, else `tos` is as it leaves.
inline bool PassSpecials(const ShardState& state, MeterLine& meter, Way way, uint32_t size,
                         uint8_t& tos) {
  if ((meter.specials & MeterLine::kLimited) != 0 &&
      !meter.Admit(way, size, state.now, state.ticks)) {
    return false;
  }
  if ((meter.specials & MeterLine::kMarked) != 0) tos = meter.Mark(way, tos);
  return true;
}

/// Lays out the tables: the one place that knows how much memory a shard takes.
void LayOut(ShardState& state, Arena& arena);

}  // namespace causeway

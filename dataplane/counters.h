// Every packet that a shard takes in ends in one of these counters. Written by the shard alone;
// control reads them at any time (relaxed single-writer atomics: a plain load and store, no bus
// lock).
#pragma once

#include <atomic>
#include <cstdint>

namespace causeway {

// X(name, help). Traffic first, then the drops, whose names begin with drop_.
#define CAUSEWAY_COUNTERS(X)                                                              \
  X(rx_packets, "packets received from the link")                                         \
  X(rx_bytes, "bytes received from the link, Ethernet header included")                   \
  X(tx_packets, "packets handed to the link")                                             \
  X(tx_bytes, "bytes handed to the link, Ethernet header included")                       \
  X(channel_to_peer, "ChannelData relayed to a peer")                                     \
  X(send_to_peer, "Send indications relayed to a peer")                                   \
  X(channel_to_client, "peer datagrams relayed as ChannelData")                           \
  X(data_to_client, "peer datagrams relayed as Data indications")                         \
  X(icmp_to_client, "ICMP errors relayed as Data indications")                            \
  X(hairpin, "packets from one allocation of this node to another")                       \
  X(binding_answered, "STUN Binding requests answered by the shard")                      \
  X(punted, "STUN messages handed to control")                                            \
  X(keepalives, "STUN Binding indications, which need no answer")                         \
  X(replies_sent, "messages from control sent to clients")                                \
  X(kernel_frames, "frames handed to the kernel's mirror")                                \
  X(mirror_sent, "frames of the kernel's mirror sent")                                    \
  X(handed_off, "packets handed to the shard that owns them")                             \
  X(handoff_received, "packets received from another shard")                              \
  X(fragments_received, "IP fragments received")                                          \
  X(datagrams_reassembled, "datagrams put together from fragments")                       \
  X(datagrams_fragmented, "datagrams sent in fragments")                                  \
  X(checksums_completed, "unfinished UDP checksums of local senders completed")           \
  X(icmp_errors_sent, "ICMP errors sent: packet too big, time exceeded")                  \
  X(held, "packets held for a next hop's link address")                                   \
  X(busy_cycles, "TSC cycles of polls that found work")                                   \
  X(idle_cycles, "TSC cycles of polls that found none, sleeps included")                  \
  X(drop_malformed_ip, "drop: not a well-formed IP/UDP packet")                           \
  X(drop_not_ours, "drop: not for our addresses and ports, and no kernel to pass it to")  \
  X(drop_bad_address, "drop: impossible source or destination address or port")           \
  X(drop_zero_checksum_v6, "drop: IPv6 UDP without a checksum (RFC 8200 section 8.1)")    \
  X(drop_reassembly, "drop: fragments that did not become a datagram in time or room")    \
  X(drop_not_stun, "drop: first byte is neither STUN nor ChannelData (RFC 8656 table 3)") \
  X(drop_malformed_stun, "drop: garbled STUN message, or one that is never answered")     \
  X(drop_malformed_channel_data,                                                          \
    "drop: ChannelData longer than its datagram, or a reserved number")                   \
  X(drop_bad_checksum, "drop: STUN request whose UDP checksum is wrong")                  \
  X(drop_no_allocation, "drop: client without an allocation")                             \
  X(drop_no_channel, "drop: channel not bound")                                           \
  X(drop_no_permission, "drop: no permission for the peer")                               \
  X(drop_rate_limit, "drop: over the allocation's limit of bits or packets")              \
  X(drop_no_relay, "drop: peer datagram to a relay port without an allocation")           \
  X(drop_family, "drop: the allocation has no relayed address of the peer's family")      \
  X(drop_peer_denied, "drop: peer address or port that is never relayed to")              \
  X(drop_no_route, "drop: no route to the destination")                                   \
  X(drop_unresolved, "drop: the next hop's link address did not come in time or room")    \
  X(drop_too_big, "drop: larger than the outgoing link and not to be fragmented")         \
  X(drop_ttl, "drop: time to live ran out")                                               \
  X(drop_handoff_full, "drop: hand-off ring full")                                        \
  X(drop_client_punt_full, "drop: request of a known client, ring of events full")        \
  X(drop_stranger_punt_full, "drop: request of an unknown client, ring of events full")   \
  X(drop_punt_budget, "drop: request over its source prefix's budget")                    \
  X(drop_neighbour_full, "drop: ARP or ND for the kernel, ring of events full")           \
  X(drop_mirror_full, "drop: any other frame for the kernel, ring of events full")        \
  X(drop_tx_full, "drop: link's transmit ring full")                                      \
  X(drop_no_buffer, "drop: packet pool empty")

enum class Counter : uint8_t {
#define CAUSEWAY_COUNTER_ENUM(name, help) k_##name,
  CAUSEWAY_COUNTERS(CAUSEWAY_COUNTER_ENUM)
#undef CAUSEWAY_COUNTER_ENUM
      kCount
};
inline constexpr int kCounterCount = static_cast<int>(Counter::kCount);

/// The counter's name as operators see it, such as "drop_no_channel".
const char* CounterName(Counter counter);
/// One line of what it counts.
const char* CounterHelp(Counter counter);

/// One shard's counters. Cache-line aligned, so that shards do not share lines.
class alignas(64) Counters {
 public:
  void Add(Counter counter, uint64_t n = 1) {
    auto& value = values_[static_cast<int>(counter)];
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  uint64_t Get(Counter counter) const {
    return values_[static_cast<int>(counter)].load(std::memory_order_relaxed);
  }

 private:
  std::atomic<uint64_t> values_[kCounterCount] = {};
};

}  // namespace causeway

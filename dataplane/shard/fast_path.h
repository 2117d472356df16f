// The fast path of ordinary packets: all-IPv4 datagrams of an allocation's inline peer. Each stage
// works on a whole burst and touches nothing of a packet that it cannot take; such packets take the
// general path, which alone knows drops, events and all that is rare.
#pragma once

#include "dataplane/shard/outgoing.h"
#include "dataplane/shard/state.h"

namespace causeway {

// Where things are in an IPv4 frame without options.
inline constexpr unsigned kIpAt = kEthernetHeaderSize;
inline constexpr unsigned kUdpAt = kIpAt + kIpv4HeaderSize;
inline constexpr unsigned kDataAt = kUdpAt + kUdpHeaderSize;
inline constexpr unsigned kChannelHeaderSize = DataPrefix::kChannel;
// Where things are in a plain Send indication: XOR-PEER-ADDRESS of IPv4, then DATA, nothing else.
inline constexpr unsigned kSendPeerAt = kDataAt + wire::kHeaderSize;
inline constexpr unsigned kSendDataAt = kSendPeerAt + 12;
inline constexpr unsigned kSendHeaderSize = DataPrefix::kIndicationV4;

/// A client's ChannelData or Send indication.
struct FastClient {
  rte_mbuf* mbuf;
  uint8_t* frame;
  uint64_t hash;
  uint32_t slot;  // allocation
  uint8_t place;  // in the burst
  uint8_t local;  // index among listen_addresses
  bool is_send;
  bool found;
};

/// A datagram to a relay port of this shard.
struct FastPeer {
  rte_mbuf* mbuf;
  uint8_t* frame;
  const uint32_t* relay_slot;
  uint32_t slot;
  uint16_t relay;  // index among relay_addresses
  uint16_t port;
  uint8_t place;
  bool found;
};

/// Frames of one call, taken in chunks: while a chunk is relayed, the next one's hot lines and the
/// one after that's buckets are on their way from memory.
struct FastBurst {
  static constexpr unsigned kChunk = 4;
  static constexpr unsigned kChunks = kLinkBurst / kChunk;

  FastClient clients[kLinkBurst];
  FastPeer peers[kLinkBurst];
  unsigned client_ends[kChunks + 1] = {};  // where chunk i of `clients` begins, i + 1 ends
  unsigned peer_ends[kChunks + 1] = {};
  uint64_t others = 0;  // bit i: frame i goes through the general stages

  void Leave(unsigned place) { others |= uint64_t{1} << place; }
};
static_assert(kLinkBurst <= 64 && kLinkBurst % FastBurst::kChunk == 0);

/// Takes those frames of a chunk that look ordinary and brings in where their allocations are
/// found.
void FastClassify(const ShardState& state, rte_mbuf* const* frames, unsigned count, unsigned chunk,
                  FastBurst& burst);

}  // namespace causeway

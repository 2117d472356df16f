// The fast path of ordinary packets: datagrams of an allocation's inline peer, of either family on
// either leg. Each stage works on a whole burst and touches nothing of a packet that it cannot
// take; such packets take the general path, which alone knows drops, events and all that is rare.
#pragma once

#include "dataplane/shard/outgoing.h"
#include "dataplane/shard/state.h"

namespace causeway {

// Where things are after the UDP header of a ChannelData message, and of a plain Send indication:
// XOR-PEER-ADDRESS, then DATA, nothing else.
inline constexpr unsigned kChannelHeaderSize = DataPrefix::kChannel;
inline constexpr unsigned kSendPeerAt = wire::kHeaderSize;
template <bool kPeerV6>
inline constexpr unsigned kSendHeaderSize =
    kPeerV6 ? DataPrefix::kIndicationV6 : DataPrefix::kIndicationV4;
template <bool kPeerV6>
inline constexpr unsigned kSendDataAt = kSendHeaderSize<kPeerV6> - 4;

/// What a client's datagram is.
enum class FastForm : uint8_t { kChannelData, kSendToV4, kSendToV6 };

/// A client's ChannelData or Send indication.
struct FastClient {
  rte_mbuf* mbuf;
  uint8_t* udp;   // its UDP header
  uint64_t hash;  // of a frame that came by the link
  uint32_t slot;  // allocation, not verified yet
  uint8_t place;  // in the burst
  uint8_t local;  // index among listen_addresses
  bool is_v6;
  FastForm form;
  bool found;
};

/// A datagram to a relay port of this shard.
struct FastPeer {
  rte_mbuf* mbuf;
  uint8_t* udp;
  const uint32_t* relay_slot;
  uint32_t slot;
  uint8_t place;
  bool is_v6;
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
/// found. What another shard's relay port gets is handed off at once. Of frames that were handed
/// off to this shard it takes those whose Packet::kOrdinary says that they were looked at.
template <bool kHandedOver>
void FastClassify(ShardState& state, rte_mbuf* const* frames, unsigned count, unsigned chunk,
                  FastBurst& burst);

}  // namespace causeway

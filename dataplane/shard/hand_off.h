// Frames that belong to other shards: gathered by destination, put into the rings in bulk.
#pragma once

#include "dataplane/shard/state.h"

namespace causeway {

/// What the redirect of an ordinary client's datagram (Packet::kOrdinary) says of its allocation
/// travels with the frame, so that the owner need not look it up. It is a hint: the owner verifies
/// the client.
inline void SetAllocationAtOwner(rte_mbuf* frame, AllocationId allocation) {
  frame->hash.fdir.hi = allocation;
}
inline AllocationId AllocationAtOwner(const rte_mbuf* frame) { return frame->hash.fdir.hi; }

/// Puts what was gathered for one shard into its ring, in the order in which it came; what finds
/// the ring full is dropped and counted.
void FlushHandOff(ShardState& state, ShardId to);
/// The same for all shards.
void FlushHandOffs(ShardState& state);

/// Gives a frame that came by the link to another shard, which is not this one: at the end of this
/// turn, or when kHandOffBurst have come together for it. `flags` are bits of Packet::flags and
/// travel with it.
inline void GatherForOwner(ShardState& state, rte_mbuf* frame, ShardId owner, uint8_t flags) {
  frame->hash.usr = flags | Packet::kHandedOver;
  HandOffBurst& burst = state.hand_offs[owner];
  burst.frames[burst.count++] = frame;
  state.hand_offs_wait = true;
  if (burst.count == kHandOffBurst) FlushHandOff(state, owner);
}

/// The same for any frame and destination, whatever its flags. False when it was dropped (and
/// counted): one that was handed over before, so that two shards that disagree about an owner do
/// not play ball with it.
bool HandOff(ShardState& state, rte_mbuf* frame, ShardId to, uint8_t flags);

}  // namespace causeway

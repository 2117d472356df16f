// The stages of the packet path, in order; each works on a whole burst.
#pragma once

#include "dataplane/shard/outgoing.h"
#include "dataplane/shard/packet.h"
#include "dataplane/shard/state.h"

namespace causeway {

/// Frames received. Those of the next burst, if there is one, are brought in from memory meanwhile.
struct FrameBurst {
  rte_mbuf* frames[kLinkBurst];
  unsigned count = 0;
};

/// Relays what is ordinary of a burst received, or of one that other shards handed off: ChannelData
/// and plain Send indications of a client to its inline peer, and datagrams of that peer, whole, by
/// a next hop that is known. Hands off those that are another shard's. Leaves all else as it came,
/// in order, in `others` (room for kLinkBurst); returns how many. What it does to a frame is just
/// what the other stages would do.
unsigned FastRelay(ShardState& state, const FrameBurst& now, const FrameBurst& ahead,
                   bool handed_over, rte_mbuf** others);

/// Parses frames and sorts them: datagrams of clients and of peers of this shard go to `burst`, all
/// others are done with here (fragments, hand-off, the kernel's, drops). Frames that come from a
/// hand-off ring or from this shard have Packet::flags in mbuf->hash.usr: `with_flags`.
void Classify(ShardState& state, rte_mbuf* const* frames, unsigned count, bool with_flags,
              Burst& burst);

/// Finds the allocations of the clients' datagrams and sorts them into channel_data and stun.
void LookUpClients(ShardState& state, Burst& burst);
/// Finds the allocations of the peers' datagrams; those of none are dropped.
void LookUpPeers(ShardState& state, Burst& burst);

// These describe what is to be sent in `outgoing`; SendOutgoing sends it.

/// ChannelData of clients, to peers (RFC 8656 section 12.6).
void RelayChannelData(ShardState& state, const PacketList& packets, OutgoingList& outgoing);
/// STUN messages of clients: Send indications are relayed, Binding requests answered, other
/// requests punted, all else is dropped.
void HandleStun(ShardState& state, const PacketList& packets, OutgoingList& outgoing);
/// Datagrams of peers, to clients (RFC 8656 sections 11.3, 12.7).
void RelayFromPeers(ShardState& state, const PacketList& packets, OutgoingList& outgoing);

/// Applies up to a ring's burst of commands; returns how many.
unsigned ApplyCommands(ShardState& state);
/// A Data indication with an ICMP attribute for a client (RFC 8656 section 11.5).
void SendIcmpIndication(ShardState& state, const RelayIcmp& icmp);
}  // namespace causeway

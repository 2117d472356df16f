#include "dataplane/shard/hand_off.h"
#include "dataplane/shard/send.h"
#include "dataplane/shard/stages.h"

namespace causeway {
namespace {

constexpr uint16_t kSendIndication = 0x0016;

ClientTuple TupleOf(const Packet& packet) {
  return {{packet.source, packet.source_port}, static_cast<uint8_t>(packet.local)};
}

void Unknown(ShardState& state, const Packet& packet) {
  if (state.config.node.shards > 1 && !packet.Has(Packet::kHandedOver) &&
      state.unknown_clients.Take(state.now)) {
    state.Raise(EventClass::kStranger, UnknownClientEvent{TupleOf(packet)});
  }
  state.Drop(packet, Counter::k_drop_no_allocation);
}

// ChannelData and Send indications follow the allocation; requests are answered where they arrive.
void Sort(ShardState& state, Packet& packet, Burst& burst) {
  const uint8_t first = packet.payload_len == 0 ? uint8_t{0xff} : packet.payload[0];
  const bool is_channel_data = (first & 0xc0) == 0x40;
  if (!is_channel_data && first > 3) return state.Drop(packet, Counter::k_drop_not_stun);
  const bool is_data =
      is_channel_data || (packet.payload_len >= 2 && LoadBe16(packet.payload) == kSendIndication);
  if (is_data && packet.slot == FlowTables::kNone) return Unknown(state, packet);
  if (packet.slot != FlowTables::kNone) packet.flags |= Packet::kKnownClient;
  if (state.flows.IsRedirect(packet.slot)) [[unlikely]] {
    if (is_data) {
      HandOff(state, packet.mbuf, state.flows.Redirect(packet.slot).owner, packet.flags);
      return;
    }
    packet.slot = FlowTables::kNone;
  }
  (is_channel_data ? burst.channel_data : burst.stun).Push(&packet);
}

}  // namespace

void LookUpClients(ShardState& state, Burst& burst) {
  for (Packet* packet : burst.clients) {
    packet->slot = state.flows.ClientCandidate(packet->hash);
    if (state.flows.IsAllocation(packet->slot)) state.flows.PrefetchLine(packet->slot);
  }
  for (Packet* packet : burst.clients) {
    packet->slot = state.flows.VerifyClient(packet->slot, packet->hash, TupleOf(*packet));
    Sort(state, *packet, burst);
  }
}

void LookUpPeers(ShardState& state, Burst& burst) {
  unsigned kept = 0;
  for (Packet* packet : burst.peers) {
    const uint32_t slot_plus_1 = *state.flows.RelaySlot({packet->local, packet->destination_port});
    if (slot_plus_1 == 0) {
      state.Drop(*packet, Counter::k_drop_no_relay);
      continue;
    }
    packet->slot = slot_plus_1 - 1;
    state.flows.PrefetchLine(packet->slot);
    burst.peers.items[kept++] = packet;
  }
  burst.peers.count = kept;
}

}  // namespace causeway

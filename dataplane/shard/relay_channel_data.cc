#include "dataplane/shard/stages.h"

namespace causeway {
namespace {

constexpr unsigned kChannelHeaderSize = 4;

uint16_t NumberOf(const Packet& packet) { return LoadBe16(packet.payload); }
uint16_t LengthOf(const Packet& packet) { return LoadBe16(packet.payload + 2); }

void RelayTo(ShardState& state, Packet& packet, const IpAddress& peer, uint16_t peer_port,
             CachedHop& hop, OutgoingList& outgoing) {
  const RelayPort& relay = state.flows.line(packet.slot).Relay(!peer.IsV4());
  if (!relay.IsSet()) [[unlikely]] {
    return state.Drop(packet, Counter::k_drop_family);
  }
  Outgoing& datagram = outgoing.Add(packet, Way::kToPeer, Counter::k_channel_to_peer,
                                    packet.payload + kChannelHeaderSize, LengthOf(packet));
  datagram.leg = {state.config.node.relay_addresses[relay.address_index], peer, relay.port,
                  peer_port};
  datagram.next_hop = state.next_hops.LookUp(hop, peer);
  datagram.prefix.SetNone();
}

void RelayByTable(ShardState& state, Packet& packet, OutgoingList& outgoing) {
  ChannelEntry* channel =
      state.flows.UseChannel(packet.hash, packet.slot, NumberOf(packet), state.now);
  if (channel == nullptr) return state.Drop(packet, Counter::k_drop_no_channel);
  RelayTo(state, packet, channel->peer, channel->peer_port, channel->hop, outgoing);
}

void RelayInline(ShardState& state, Packet& packet, OutgoingList& outgoing) {
  HotLine& line = state.flows.line(packet.slot);
  if (line.channel_expiry <= state.now) [[unlikely]] {
    return state.Drop(packet, Counter::k_drop_no_channel);
  }
  state.flows.UseInline(packet.slot);
  RelayTo(state, packet, line.peer, line.peer_port, line.peer_hop, outgoing);
}

// Takes the header and what follows the data out of the sum. False when the message is longer than
// its datagram: then it is dropped.
bool Read(ShardState& state, Packet& packet) {
  const unsigned end = packet.payload_len < kChannelHeaderSize
                           ? kChannelHeaderSize
                           : kChannelHeaderSize + LengthOf(packet);
  if (end > packet.payload_len) [[unlikely]] {
    state.Drop(packet, Counter::k_drop_malformed_channel_data);
    return false;
  }
  packet.old_sum += LoadRaw32(packet.payload);
  if (end < packet.payload_len) [[unlikely]] {
    packet.old_sum += SumAt(packet.payload + end, packet.payload_len - end, (end & 1) != 0);
  }
  return true;
}

}  // namespace

void RelayChannelData(ShardState& state, const PacketList& packets, OutgoingList& outgoing) {
  PacketList others;
  for (Packet* packet : packets) {
    if (!Read(state, *packet)) continue;
    if (state.flows.line(packet->slot).channel == NumberOf(*packet)) [[likely]] {
      RelayInline(state, *packet, outgoing);
      continue;
    }
    packet->hash = state.flows.ChannelHash(packet->slot, NumberOf(*packet));
    state.flows.PrefetchChannelNumber(packet->hash, packet->slot);
    others.Push(packet);
  }
  for (const Packet* packet : others) state.flows.PrefetchNumberedChannel(packet->hash);
  for (Packet* packet : others) RelayByTable(state, *packet, outgoing);
}

}  // namespace causeway

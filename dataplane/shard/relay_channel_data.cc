#include "dataplane/shard/general_relay.h"
#include "dataplane/shard/stages.h"

namespace causeway {
namespace {

constexpr unsigned kChannelHeaderSize = 4;

void RelayTo(ShardState& state, Packet& packet, const IpAddress& peer, uint16_t peer_port,
             CachedHop& hop, uint16_t length) {
  const RelayPort& relay = state.flows.line(packet.slot).Relay(!peer.IsV4());
  if (!relay.IsSet()) [[unlikely]] {
    return state.Drop(packet, Counter::k_drop_family);
  }
  const Leg leg = {state.config.node.relay_addresses[relay.address_index], peer, relay.port,
                   peer_port};
  RelayEither(state, packet, {packet.payload + kChannelHeaderSize, length}, NoPrefix{}, leg,
              state.next_hops.LookUp(hop, peer), Way::kToPeer, Counter::k_channel_to_peer);
}

void RelayByTable(ShardState& state, Packet& packet, uint16_t number, uint16_t length) {
  ChannelEntry* channel = state.flows.LiveChannel(packet.slot, number, state.now);
  if (channel == nullptr) return state.Drop(packet, Counter::k_drop_no_channel);
  RelayTo(state, packet, channel->peer, channel->peer_port, channel->hop, length);
}

void RelayOne(ShardState& state, Packet& packet) {
  if (packet.payload_len < kChannelHeaderSize) [[unlikely]] {
    return state.Drop(packet, Counter::k_drop_malformed_channel_data);
  }
  const uint16_t number = LoadBe16(packet.payload);
  const uint16_t length = LoadBe16(packet.payload + 2);
  const unsigned end = kChannelHeaderSize + length;
  if (end > packet.payload_len) [[unlikely]] {
    return state.Drop(packet, Counter::k_drop_malformed_channel_data);
  }
  packet.old_sum += LoadRaw32(packet.payload);
  if (end < packet.payload_len) [[unlikely]] {
    packet.old_sum += SumAt(packet.payload + end, packet.payload_len - end, (end & 1) != 0);
  }
  HotLine& line = state.flows.line(packet.slot);
  if (line.channel != number) [[unlikely]] {
    return RelayByTable(state, packet, number, length);
  }
  if (line.channel_expiry <= state.now) [[unlikely]] {
    return state.Drop(packet, Counter::k_drop_no_channel);
  }
  RelayTo(state, packet, line.peer, line.peer_port, line.peer_hop, length);
}

}  // namespace

void RelayChannelData(ShardState& state, const PacketList& packets) {
  for (Packet* packet : packets) RelayOne(state, *packet);
}

}  // namespace causeway

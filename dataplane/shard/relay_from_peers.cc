#include "dataplane/shard/stages.h"
#include "dataplane/shard/stun_wire.h"

namespace causeway {
namespace {

// Address and port of the leg to a client.
Leg LegToClient(const ShardState& state, const HotLine& line) {
  return {state.config.node.listen_addresses[line.local_index], line.client,
          state.config.node.listen_port, line.client_port};
}

// `channel` 0: as a Data indication.
void RelayAs(ShardState& state, Packet& packet, uint16_t channel, OutgoingList& outgoing) {
  const uint16_t size = packet.payload_len;
  if (channel == 0 && size > 0xffff - 64) return state.Drop(packet, Counter::k_drop_too_big);
  Outgoing& datagram =
      outgoing.Add(packet, Way::kToClient,
                   channel == 0 ? Counter::k_data_to_client : Counter::k_channel_to_client,
                   packet.payload, size);
  if (channel == 0) {
    datagram.padding = static_cast<uint8_t>(-size & 3);
    datagram.prefix.SetDataIndication({packet.source, packet.source_port}, size, datagram.padding,
                                      NewTransactionId(state));
  } else {
    datagram.prefix.SetChannel(channel, size);
  }
  HotLine& line = state.flows.line(packet.slot);
  datagram.leg = LegToClient(state, line);
  datagram.next_hop = state.next_hops.LookUp(line.client_hop, line.client);
}

// False when it is not of the inline channel.
bool RelayInline(ShardState& state, Packet& packet, OutgoingList& outgoing) {
  const HotLine& line = state.flows.line(packet.slot);
  const bool is_inline = line.peer == packet.source && line.peer_port == packet.source_port &&
                         line.channel_expiry > state.now && line.permission_expiry > state.now;
  if (!is_inline) return false;
  state.flows.UseInline(packet.slot);
  RelayAs(state, packet, line.channel, outgoing);
  return true;
}

// A client's channels beside the inline one are asked first: what has a channel is that channel's
// use, not the permission's.
void RelayByTables(ShardState& state, Packet& packet, OutgoingList& outgoing) {
  const HotLine& line = state.flows.line(packet.slot);
  const ChannelEntry* channel = nullptr;
  if (line.HasMoreChannels()) {
    channel = state.flows.UseChannel(packet.channel_hash, packet.slot,
                                     {packet.source, packet.source_port}, state.now);
  }
  const bool permitted =
      channel == nullptr
          ? state.flows.UsePermission(packet.hash, packet.slot, packet.source, state.now)
          : state.flows.IsPermitted(packet.hash, packet.slot, packet.source, state.now);
  if (!permitted) return state.Drop(packet, Counter::k_drop_no_permission);
  RelayAs(state, packet, channel == nullptr ? uint16_t{0} : channel->number, outgoing);
}

void PrefetchTables(const ShardState& state, Packet& packet) {
  const HotLine& line = state.flows.line(packet.slot);
  // Both, for a packet of this burst may yet change what is inline.
  packet.hash = state.flows.PermissionHash(packet.slot, packet.source);
  packet.channel_hash =
      state.flows.ChannelHash(packet.slot, Endpoint{packet.source, packet.source_port});
  if (line.peer != packet.source || line.HasMoreChannels()) {
    state.flows.PrefetchPermission(packet.hash, packet.slot);
  }
  if (line.HasMoreChannels()) state.flows.PrefetchChannelPeer(packet.channel_hash);
}

void PrefetchEntries(const ShardState& state, const Packet& packet) {
  const HotLine& line = state.flows.line(packet.slot);
  if (line.peer != packet.source) state.flows.PrefetchPermissionEntry(packet.hash);
  if (line.HasMoreChannels()) state.flows.PrefetchChannelOfPeer(packet.channel_hash);
}

}  // namespace

void RelayFromPeers(ShardState& state, const PacketList& packets, OutgoingList& outgoing) {
  PacketList others;
  for (Packet* packet : packets) {
    if (RelayInline(state, *packet, outgoing)) continue;
    PrefetchTables(state, *packet);
    others.Push(packet);
  }
  for (const Packet* packet : others) PrefetchEntries(state, *packet);
  for (Packet* packet : others) {
    // Another packet of this burst may have made its channel the inline one.
    if (!RelayInline(state, *packet, outgoing)) RelayByTables(state, *packet, outgoing);
  }
}

void SendIcmpIndication(ShardState& state, const RelayIcmp& icmp) {
  if (icmp.relay.address_index >= state.config.node.relay_addresses.size() ||
      !state.flows.InRelayRange(icmp.relay.port)) {
    return state.Count(Counter::k_drop_no_relay);
  }
  const uint32_t slot_plus_1 = *state.flows.RelaySlot(icmp.relay);
  if (slot_plus_1 == 0) return state.Count(Counter::k_drop_no_relay);
  const uint32_t slot = slot_plus_1 - 1;
  const uint64_t hash = state.flows.PermissionHash(slot, icmp.peer.address);
  if (!state.flows.IsPermitted(hash, slot, icmp.peer.address, state.now)) {
    return state.Count(Counter::k_drop_no_permission);
  }
  const unsigned address = wire::XorAddressSize(icmp.peer.address);
  const auto size = static_cast<uint16_t>(wire::kHeaderSize + address + 12);
  rte_mbuf* mbuf = rte_pktmbuf_alloc(state.config.pool);
  if (mbuf == nullptr) return state.Count(Counter::k_drop_no_buffer);
  uint8_t transaction_id[12];
  std::memcpy(transaction_id, NewTransactionId(state).data(), 12);
  auto* message = rte_pktmbuf_mtod(mbuf, uint8_t*);
  wire::WriteHeader(message, wire::kDataIndication, static_cast<uint16_t>(address + 12),
                    transaction_id);
  wire::WriteXorAddress(message + wire::kHeaderSize, wire::kXorPeerAddress, icmp.peer,
                        transaction_id);
  uint8_t* attribute = message + wire::kHeaderSize + address;
  StoreBe16(attribute, wire::kIcmp);
  StoreBe16(attribute + 2, 8);
  StoreBe32(attribute + 4, uint32_t{icmp.type} << 8 | icmp.code);
  StoreBe32(attribute + 8, icmp.error_data);
  const Leg leg = LegToClient(state, state.flows.line(slot));
  if (SendOwn(state, mbuf, message, size, leg)) state.Count(Counter::k_icmp_to_client);
}

}  // namespace causeway

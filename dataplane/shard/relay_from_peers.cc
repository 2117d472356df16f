#include "dataplane/shard/general_relay.h"
#include "dataplane/shard/stages.h"
#include "dataplane/shard/stun_wire.h"

namespace causeway {
namespace {

/// STUN header, XOR-PEER-ADDRESS and the header of DATA (RFC 8656 section 11.3).
struct DataPrefix {
  DataPrefix(ShardState& state, const Endpoint& peer, uint16_t length, uint8_t padding) {
    uint8_t transaction_id[12];
    const uint64_t random[2] = {state.Random(), state.Random()};
    std::memcpy(transaction_id, random, 12);
    const unsigned address = wire::XorAddressSize(peer.address);
    size_ = wire::kHeaderSize + address + 4;
    wire::WriteHeader(bytes_, wire::kDataIndication,
                      static_cast<uint16_t>(address + 4u + length + padding), transaction_id);
    wire::WriteXorAddress(bytes_ + wire::kHeaderSize, wire::kXorPeerAddress, peer, transaction_id);
    StoreBe16(bytes_ + size_ - 4, wire::kData);
    StoreBe16(bytes_ + size_ - 2, length);
  }
  unsigned size() const { return size_; }
  void Write(uint8_t* at) const { std::memcpy(at, bytes_, size_); }
  ChecksumSum Sum() const { return SumBytes(bytes_, size_); }

 private:
  uint8_t bytes_[wire::kHeaderSize + 24 + 4];
  unsigned size_;
};

void RelayAsIndication(ShardState& state, Packet& packet, const Leg& leg, NextHopId hop) {
  const auto padding = static_cast<uint8_t>(-packet.payload_len & 3);
  if (packet.payload_len > 0xffff - 64) return state.Drop(packet, Counter::k_drop_too_big);
  const DataPrefix prefix(state, {packet.source, packet.source_port}, packet.payload_len, padding);
  RelayEither(state, packet, {packet.payload, packet.payload_len, padding}, prefix, leg, hop,
              Way::kToClient, Counter::k_data_to_client);
}

void RelayAs(ShardState& state, Packet& packet, uint16_t channel) {
  HotLine& line = state.flows.line(packet.slot);
  const Leg leg = {state.config.node.listen_addresses[line.local_index], line.client,
                   state.config.node.listen_port, line.client_port};
  const NextHopId hop = state.next_hops.LookUp(line.client_hop, line.client);
  if (channel == 0) return RelayAsIndication(state, packet, leg, hop);
  RelayEither(state, packet, {packet.payload, packet.payload_len},
              ChannelPrefix(channel, packet.payload_len), leg, hop, Way::kToClient,
              Counter::k_channel_to_client);
}

// False when it is not of the inline channel.
bool RelayInline(ShardState& state, Packet& packet) {
  const HotLine& line = state.flows.line(packet.slot);
  const bool is_inline = line.peer == packet.source && line.peer_port == packet.source_port &&
                         line.channel_expiry > state.now && line.permission_expiry > state.now;
  if (!is_inline) return false;
  state.flows.UseInline(packet.slot);
  RelayAs(state, packet, line.channel);
  return true;
}

// A client's channels beside the inline one are asked first: what has a channel is that channel's use,
// not the permission's.
void RelayByTables(ShardState& state, Packet& packet) {
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
  RelayAs(state, packet, channel == nullptr ? uint16_t{0} : channel->number);
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

void RelayFromPeers(ShardState& state, const PacketList& packets) {
  PacketList others;
  for (Packet* packet : packets) {
    if (RelayInline(state, *packet)) continue;
    PrefetchTables(state, *packet);
    others.Push(packet);
  }
  for (const Packet* packet : others) PrefetchEntries(state, *packet);
  for (Packet* packet : others) {
    // Another packet of this burst may have made its channel the inline one.
    if (!RelayInline(state, *packet)) RelayByTables(state, *packet);
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
  const uint64_t random[2] = {state.Random(), state.Random()};
  std::memcpy(transaction_id, random, 12);
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
  const HotLine& line = state.flows.line(slot);
  const Leg leg = {state.config.node.listen_addresses[line.local_index], line.client,
                   state.config.node.listen_port, line.client_port};
  if (SendOwn(state, mbuf, message, size, leg)) state.Count(Counter::k_icmp_to_client);
}

}  // namespace causeway

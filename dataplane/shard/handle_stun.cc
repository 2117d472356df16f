#include "dataplane/shard/stages.h"
#include "dataplane/shard/stun_wire.h"

namespace causeway {
namespace {

// To a peer (RFC 8656 section 11.2).
void RelaySend(ShardState& state, Packet& packet, const wire::Summary& message,
               OutgoingList& outgoing) {
  const Endpoint& peer = message.peer;
  const RelayPort& relay = state.flows.line(packet.slot).Relay(!peer.address.IsV4());
  if (!relay.IsSet()) return state.Drop(packet, Counter::k_drop_family);
  if (peer.port == 0) return state.Drop(packet, Counter::k_drop_peer_denied);
  if (!state.flows.UsePermission(packet.hash, packet.slot, peer.address, state.now)) {
    return state.Drop(packet, Counter::k_drop_no_permission);
  }
  const unsigned end = message.data + message.data_size;
  packet.old_sum += SumBytes(packet.payload, message.data) +
                    SumAt(packet.payload + end, packet.payload_len - end, (end & 1) != 0);
  HotLine& line = state.flows.line(packet.slot);
  Outgoing& datagram = outgoing.Add(packet, Way::kToPeer, Counter::k_send_to_peer,
                                    packet.payload + message.data, message.data_size);
  const bool same_family = packet.FromV6() != peer.address.IsV4();
  datagram.send_dont_fragment = message.dont_fragment && same_family;
  datagram.leg = {state.config.node.relay_addresses[relay.address_index], peer.address, relay.port,
                  peer.port};
  datagram.next_hop = line.peer == peer.address
                          ? state.next_hops.LookUp(line.peer_hop, peer.address)
                          : state.next_hops.LookUp(peer.address);
  datagram.prefix.SetNone();
}

bool ChecksumHolds(const Packet& packet) {
  if (packet.check == 0) return true;
  // `old_sum` has the UDP length twice, and neither checksum field nor protocol number.
  return FoldChecksum(packet.old_sum + kUdpProtocolWord + packet.check +
                      SumBytes(packet.payload, packet.payload_len)) == 0xffff;
}

void AnswerBinding(ShardState& state, Packet& packet, bool with_fingerprint) {
  uint8_t transaction_id[12];
  std::memcpy(transaction_id, packet.payload + 8, 12);
  const unsigned attributes = wire::XorAddressSize(packet.source) + (with_fingerprint ? 8u : 0u);
  const auto size = static_cast<uint16_t>(wire::kHeaderSize + attributes);
  uint8_t* reply = packet.payload;
  const auto* buffer_end =
      static_cast<const uint8_t*>(packet.mbuf->buf_addr) + packet.mbuf->buf_len;
  if (buffer_end - reply < size) {
    reply = Relocate(state, packet, packet.payload, packet.payload_len);
    if (reply == nullptr) return;
  }
  wire::WriteHeader(reply, wire::kBindingSuccess, static_cast<uint16_t>(attributes),
                    transaction_id);
  wire::WriteXorAddress(reply + wire::kHeaderSize, wire::kXorMappedAddress,
                        {packet.source, packet.source_port}, transaction_id);
  if (with_fingerprint) {
    uint8_t* at = reply + size - 8;
    StoreBe16(at, wire::kFingerprint);
    StoreBe16(at + 2, 4);
    StoreBe32(at + 4, wire::Fingerprint(reply, size - 8u));
  }
  const Leg leg = {packet.destination, packet.source, packet.destination_port, packet.source_port};
  if (SendOwn(state, packet.mbuf, reply, size, leg)) state.Count(Counter::k_binding_answered);
}

void Punt(ShardState& state, const Packet& packet) {
  rte_mbuf* mbuf = packet.mbuf;
  const auto* buffer = static_cast<const uint8_t*>(mbuf->buf_addr);
  mbuf->data_off = static_cast<uint16_t>(packet.payload - buffer);
  mbuf->data_len = packet.payload_len;
  mbuf->pkt_len = packet.payload_len;
  const RequestEvent event = {
      mbuf, {{packet.source, packet.source_port}, static_cast<uint8_t>(packet.local)}};
  const bool known = packet.Has(Packet::kKnownClient);
  if (!state.Raise(known ? EventClass::kClient : EventClass::kStranger, event)) {
    return state.Drop(
        packet, known ? Counter::k_drop_client_punt_full : Counter::k_drop_stranger_punt_full);
  }
  state.Count(Counter::k_punted);
}

bool IsRequestForControl(uint16_t type) {
  return type == wire::kBindingRequest || type == wire::kAllocateRequest ||
         type == wire::kRefreshRequest || type == wire::kCreatePermissionRequest ||
         type == wire::kChannelBindRequest;
}

void TakeRequest(ShardState& state, Packet& packet, const wire::Summary& message) {
  if (!IsRequestForControl(message.type)) {
    return state.Drop(packet, Counter::k_drop_malformed_stun);
  }
  if (!ChecksumHolds(packet)) return state.Drop(packet, Counter::k_drop_bad_checksum);
  const bool known = packet.Has(Packet::kKnownClient);
  if (!state.request_budget.Take(state.secret, packet.source, known, state.now)) {
    return state.Drop(packet, Counter::k_drop_punt_budget);
  }
  if (message.type == wire::kBindingRequest && message.only_optional) {
    return AnswerBinding(state, packet, message.has_fingerprint);
  }
  Punt(state, packet);
}

// True for a Send indication, which goes on to RelaySend; all else is done with here.
bool ReadOne(ShardState& state, Packet& packet, wire::Summary& message) {
  if (!wire::Read(packet.payload, packet.payload_len, message)) {
    state.Drop(packet, Counter::k_drop_malformed_stun);
    return false;
  }
  if (message.type == wire::kBindingIndication) {
    state.Consume(packet, Counter::k_keepalives);
    return false;
  }
  if (message.type != wire::kSendIndication) {
    TakeRequest(state, packet, message);
    return false;
  }
  if (!message.has_peer || !message.has_data || message.unknown_required) {
    state.Drop(packet, Counter::k_drop_malformed_stun);
    return false;
  }
  packet.hash = state.flows.PermissionHash(packet.slot, message.peer.address);
  if (state.flows.line(packet.slot).peer != message.peer.address) {
    state.flows.PrefetchPermission(packet.hash, packet.slot);
  }
  return true;
}

}  // namespace

void HandleStun(ShardState& state, const PacketList& packets, OutgoingList& outgoing) {
  wire::Summary messages[kBurst];
  PacketList sends;
  for (Packet* packet : packets) {
    messages[sends.count] = {};
    if (ReadOne(state, *packet, messages[sends.count])) sends.Push(packet);
  }
  for (unsigned i = 0; i < sends.count; ++i) {
    const Packet& packet = *sends.items[i];
    if (state.flows.line(packet.slot).peer == messages[i].peer.address) continue;
    state.flows.PrefetchPermissionEntry(packet.hash);
  }
  for (unsigned i = 0; i < sends.count; ++i)
    RelaySend(state, *sends.items[i], messages[i], outgoing);
}

}  // namespace causeway

#include "dataplane/shard/send.h"

#include <rte_ethdev.h>

#include <algorithm>

#include "dataplane/shard/hand_off.h"

namespace causeway {
namespace {

// The most fragments that one datagram may need: 65,535 bytes over a 576-byte link.
constexpr unsigned kMaxFragments = 128;

bool IsV6Frame(const rte_mbuf* frame) {
  return (rte_pktmbuf_mtod(frame, const uint8_t*)[14] >> 4) == 6;
}

void WriteLinkHeader(rte_mbuf* frame, const NextHop& hop) {
  std::memcpy(rte_pktmbuf_mtod(frame, uint8_t*), &hop, 12);
  frame->port = hop.link;
}

// To another allocation of this node: the frame comes in again, at the shard that owns it.
bool Hairpin(ShardState& state, rte_mbuf* frame, const IpAddress& destination, Cut cut) {
  const auto* udp = rte_pktmbuf_mtod(frame, const uint8_t*) + kEthernetHeaderSize +
                    (IsV6Frame(frame) ? kIpv6HeaderSize : kIpv4HeaderSize);
  const uint16_t port = LoadBe16(udp + 2);
  const LocalAddress* local = state.addresses.LookUp(destination);
  if (local == nullptr || local->relay == LocalAddress::kNone || !state.flows.InRelayRange(port)) {
    state.Drop(frame, Counter::k_drop_peer_denied);
    return false;
  }
  const MacAddress& mac = state.config.links[0].mac;
  const NextHop self = {mac, mac, 0, 0, true};
  WriteLinkHeader(frame, self);
  const uint8_t flags = Packet::kHairpin | (cut == Cut::kTo1280 ? Packet::kFragmented : uint8_t{0});
  state.Count(Counter::k_hairpin);
  const ShardId owner = state.OwnerOfPort(port);
  if (owner != state.config.id) return HandOff(state, frame, owner, flags);
  frame->hash.usr = flags;
  if (!state.LoopBack(frame)) {
    state.Drop(frame, Counter::k_drop_handoff_full);
    return false;
  }
  return true;
}

bool SendFragments(ShardState& state, rte_mbuf* frame, uint16_t mtu, uint32_t identification) {
  rte_mbuf* pieces[kMaxFragments];
  const unsigned count =
      FragmentFrame(frame, mtu, identification, state.config.pool, absl::MakeSpan(pieces));
  if (count == 0) {
    state.Drop(frame, Counter::k_drop_no_buffer);
    return false;
  }
  for (unsigned i = 0; i < count; ++i) {
    pieces[i]->port = frame->port;
    StageTx(state, pieces[i]);
  }
  rte_pktmbuf_free(frame);
  state.Count(Counter::k_datagrams_fragmented);
  return true;
}

bool CutAndSend(ShardState& state, rte_mbuf* frame, const NextHop& hop, Cut cut) {
  const uint32_t size = frame->pkt_len - kEthernetHeaderSize;
  const auto mtu = cut == Cut::kTo1280 ? std::min(hop.mtu, kIpv6MinimumMtu) : hop.mtu;
  if (size <= mtu) {
    StageTx(state, frame);
    return true;
  }
  if (cut == Cut::kNever) {
    state.Drop(frame, Counter::k_drop_too_big);
    return false;
  }
  const uint8_t* ip = rte_pktmbuf_mtod(frame, const uint8_t*) + kEthernetHeaderSize;
  const uint32_t identification =
      cut == Cut::kTo1280 ? static_cast<uint32_t>(state.Random()) : LoadBe16(ip + 4);
  return SendFragments(state, frame, mtu, identification);
}

void SendIcmp(ShardState& state, IcmpKind kind, const Packet& packet, uint16_t mtu) {
  if (packet.Has(Packet::kHairpin)) return;
  if (!state.icmp_budget.Take(state.now)) return;
  rte_mbuf* error = MakeIcmpError(kind, packet.mbuf, packet.destination, mtu, state.config.pool);
  if (error == nullptr) return;
  state.Count(Counter::k_icmp_errors_sent);
  error->port = packet.mbuf->port;  // back to where it came from
  StageTx(state, error);
}

}  // namespace

namespace {

void Transmit(ShardState& state, const ShardLink& link, rte_mbuf** frames, unsigned count) {
  uint32_t sizes[kTxStage];
  for (unsigned i = 0; i < count; ++i) sizes[i] = frames[i]->pkt_len;
  unsigned sent = 0;
  while (sent < count) {
    const uint16_t taken = rte_eth_tx_burst(link.port_id, state.config.id, frames + sent,
                                            static_cast<uint16_t>(count - sent));
    if (taken == 0) break;
    sent += taken;
  }
  uint64_t bytes = 0;
  for (unsigned i = 0; i < sent; ++i) bytes += sizes[i];
  state.Count(Counter::k_tx_packets, sent);
  state.Count(Counter::k_tx_bytes, bytes);
  for (unsigned i = sent; i < count; ++i) state.Drop(frames[i], Counter::k_drop_tx_full);
}

void TransmitByLink(ShardState& state) {
  const auto links = static_cast<LinkId>(state.config.links.size());
  for (LinkId link = 0; link < links; ++link) {
    rte_mbuf* frames[kTxStage];
    unsigned count = 0;
    for (unsigned i = 0; i < state.tx_count; ++i) {
      if (state.tx[i]->port == link) frames[count++] = state.tx[i];
    }
    Transmit(state, state.config.links[link], frames, count);
  }
}

}  // namespace

void FlushTx(ShardState& state) {
  if (state.tx_count == 0) return;
  if (state.config.links.size() == 1) [[likely]] {
    Transmit(state, state.config.links[0], state.tx, state.tx_count);
  } else {
    TransmitByLink(state);
  }
  state.tx_count = 0;
}

bool SendFrame(ShardState& state, rte_mbuf* frame, const IpAddress& destination, NextHopId hop_id,
               Cut cut) {
  if (hop_id == kHairpin) return Hairpin(state, frame, destination, cut);
  if (hop_id != kOnLink && hop_id < kFirstNeighbour) {
    state.Drop(frame, Counter::k_drop_no_route);
    return false;
  }
  const NextHop& hop = state.next_hops[hop_id];
  if (!hop.resolved) return Hold(state, frame, destination, hop_id, cut);
  WriteLinkHeader(frame, hop);
  return CutAndSend(state, frame, hop, cut);
}

bool SendOwn(ShardState& state, rte_mbuf* mbuf, uint8_t* payload, uint16_t size, const Leg& leg) {
  const bool v6 = !leg.destination.IsV4();
  const auto length = static_cast<uint16_t>(size + kUdpHeaderSize);
  HeaderFields fields = {length, 0, 0, kDefaultTtl, false, 0};
  const ChecksumSum data = SumBytes(payload, size) + kUdpProtocolWord;
  const NextHopId hop_id = state.next_hops.LookUp(leg.destination);
  const NextHop& hop = state.next_hops[hop_id];
  if (v6) {
    fields.check = UdpChecksumField(data + SumLeg<true>(leg, length));
    uint8_t* ip = WriteHeaders<true>(payload, leg, fields);
    FinishFrame<true>(mbuf, ip, payload + size, hop);
  } else {
    fields.check = UdpChecksumField(data + SumLeg<false>(leg, length));
    fields.identification = state.NextIdentification(leg.destination_port);
    uint8_t* ip = WriteHeaders<false>(payload, leg, fields);
    FinishFrame<false>(mbuf, ip, payload + size, hop);
  }
  return SendFrame(state, mbuf, leg.destination, hop_id, v6 ? Cut::kTo1280 : Cut::kToMtu);
}

void SendForControl(ShardState& state, const TransmitBuffer& message) {
  auto* mbuf = static_cast<rte_mbuf*>(message.buffer);
  if (message.is_frame) {
    state.Count(Counter::k_mirror_sent);
    mbuf->port = 0;  // a device is a node's only link
    return StageTx(state, mbuf);
  }
  if (message.tuple.local_index >= state.config.node.listen_addresses.size() ||
      rte_pktmbuf_headroom(mbuf) < kEthernetHeaderSize + kIpv6HeaderSize + kUdpHeaderSize) {
    return state.Drop(mbuf, Counter::k_drop_bad_address);
  }
  const Leg leg = {state.config.node.listen_addresses[message.tuple.local_index],
                   message.tuple.client.address, state.config.node.listen_port,
                   message.tuple.client.port};
  if (SendOwn(state, mbuf, rte_pktmbuf_mtod(mbuf, uint8_t*), mbuf->data_len, leg)) {
    state.Count(Counter::k_replies_sent);
  }
}

void DropExpired(ShardState& state, const Packet& packet) {
  SendIcmp(state, IcmpKind::kTimeExceeded, packet, 0);
  state.Drop(packet, Counter::k_drop_ttl);
}

void DropTooBig(ShardState& state, const Packet& packet, uint16_t mtu, bool to_v6,
                bool sender_is_peer) {
  SendIcmp(state, IcmpKind::kPacketTooBig, packet, ReportedMtu(packet, mtu, to_v6, sender_is_peer));
  state.Drop(packet, Counter::k_drop_too_big);
}

uint8_t* Relocate(ShardState& state, Packet& packet, const uint8_t* data, uint16_t size) {
  rte_mbuf* copy = rte_pktmbuf_alloc(state.config.jumbo_pool);
  constexpr unsigned kRoom = 64;
  if (copy == nullptr || copy->buf_len < RTE_PKTMBUF_HEADROOM + 2 * kRoom + size) {
    rte_pktmbuf_free(copy);
    state.Drop(packet, Counter::k_drop_no_buffer);
    return nullptr;
  }
  uint8_t* moved = static_cast<uint8_t*>(copy->buf_addr) + RTE_PKTMBUF_HEADROOM + kRoom;
  std::memcpy(moved, data, size);
  copy->port = packet.mbuf->port;
  rte_pktmbuf_free(packet.mbuf);
  packet.mbuf = copy;
  return moved;
}

}  // namespace causeway

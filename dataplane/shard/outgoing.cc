#include "dataplane/shard/outgoing.h"

namespace causeway {
namespace {

// False when it is dropped. Only what may leave is charged to its allocation.
template <bool kToV6>
bool Check(ShardState& state, Outgoing& outgoing) {
  Packet& packet = *outgoing.packet;
  if (packet.ttl <= 1) [[unlikely]] {
    DropExpired(state, packet);
    return false;
  }
  const uint16_t mtu = state.next_hops[outgoing.next_hop].mtu;
  const uint32_t size = (kToV6 ? kIpv6HeaderSize : kIpv4HeaderSize) + outgoing.UdpLength();
  outgoing.fragmentation = DecideFragmentation<kToV6>(packet, outgoing.send_dont_fragment, size);
  outgoing.whole = size <= LargestWhole<kToV6>(packet, mtu);
  if (!outgoing.whole && (outgoing.fragmentation.cut == Cut::kNever || size > 65535)) [[unlikely]] {
    DropTooBig(state, packet, mtu, kToV6, outgoing.way == Way::kToClient);
    return false;
  }
  MeterLine& meter = state.flows.meter(packet.slot);
  if (meter.specials != 0 && !PassSpecials(state, meter, outgoing.way, outgoing.size, packet.tos)) {
    state.Drop(packet, Counter::k_drop_rate_limit);
    return false;
  }
  return true;
}

// Makes sure of room for headers before the data and padding behind it. False when it is dropped.
template <bool kToV6>
bool MakeRoom(ShardState& state, Outgoing& outgoing) {
  constexpr unsigned kHeaders =
      (kToV6 ? kIpv6HeaderSize : kIpv4HeaderSize) + kUdpHeaderSize + kEthernetHeaderSize;
  const rte_mbuf* mbuf = outgoing.packet->mbuf;
  const auto* buffer = static_cast<const uint8_t*>(mbuf->buf_addr);
  const ptrdiff_t before = ptrdiff_t{outgoing.prefix.size()} + kHeaders;
  const ptrdiff_t after = outgoing.size + outgoing.padding;
  if (outgoing.data - buffer < before || buffer + mbuf->buf_len - outgoing.data < after)
      [[unlikely]] {
    outgoing.data = Relocate(state, *outgoing.packet, outgoing.data, outgoing.size);
  }
  return outgoing.data != nullptr;
}

// Writes all headers; the mbuf is then the frame to send.
template <bool kToV6>
void Write(ShardState& state, const Outgoing& outgoing) {
  const Packet& packet = *outgoing.packet;
  const auto length = static_cast<uint16_t>(outgoing.UdpLength());
  const bool dont_fragment = outgoing.fragmentation.dont_fragment;
  const HeaderFields fields = {.udp_length = length,
                               .check = UdpChecksumOf<kToV6>(outgoing, length),
                               .tos = packet.tos,
                               .ttl = static_cast<uint8_t>(packet.ttl - 1),
                               .dont_fragment = dont_fragment,
                               .identification = !kToV6 && !dont_fragment
                                                     ? state.NextIdentification(packet.slot)
                                                     : uint16_t{0}};
  uint8_t* payload = outgoing.data - outgoing.prefix.size();
  outgoing.prefix.Write(payload);
  uint8_t* end = outgoing.data + outgoing.size;
  for (unsigned i = 0; i < outgoing.padding; ++i) *end++ = 0;
  uint8_t* ip = WriteHeaders<kToV6>(payload, outgoing.leg, fields);
  FinishFrame<kToV6>(packet.mbuf, ip, end, state.next_hops[outgoing.next_hop]);
}

template <bool kToV6>
void WriteAndSend(ShardState& state, Outgoing& outgoing) {
  if (!MakeRoom<kToV6>(state, outgoing)) return;
  Write<kToV6>(state, outgoing);
  const Packet& packet = *outgoing.packet;
  if (outgoing.whole && state.next_hops[outgoing.next_hop].resolved) [[likely]] {
    StageTx(state, packet.mbuf);
  } else if (!SendFrame(state, packet.mbuf, outgoing.leg.destination, outgoing.next_hop,
                        outgoing.fragmentation.cut)) {
    return state.flows.CountDrop(packet.slot, Counter::k_drop_no_route);
  }
  state.Count(outgoing.relayed);
  state.flows.meter(packet.slot).Count(outgoing.way, outgoing.size, state.now);
}

// Leaves in the list, in order, what passes.
void CheckAll(ShardState& state, OutgoingList& list) {
  Outgoing* kept = list.begin();
  for (Outgoing& outgoing : list) {
    const bool passes = outgoing.leg.destination.IsV4() ? Check<false>(state, outgoing)
                                                        : Check<true>(state, outgoing);
    if (!passes) [[unlikely]] {
      continue;
    }
    if (kept != &outgoing) [[unlikely]] {
      *kept = outgoing;
    }
    ++kept;
  }
  list.Truncate(kept);
}

}  // namespace

void SendOutgoing(ShardState& state, OutgoingList& list) {
  CheckAll(state, list);
  // The stage of keyed legs (SRTP) has its place here: it turns the data of those datagrams that
  // are a keyed leg's into other data and sets payload_changed, for the whole burst at once.
  for (Outgoing& outgoing : list) {
    if (outgoing.leg.destination.IsV4()) {
      WriteAndSend<false>(state, outgoing);
    } else {
      WriteAndSend<true>(state, outgoing);
    }
  }
}

}  // namespace causeway

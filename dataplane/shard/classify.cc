#include <cstring>

#include "dataplane/shard/hand_off.h"
#include "dataplane/shard/send.h"
#include "dataplane/shard/stages.h"

namespace causeway {
namespace {

constexpr uint16_t kEtherTypeV4 = 0x0800;
constexpr uint16_t kEtherTypeV6 = 0x86dd;
constexpr uint16_t kEtherTypeArp = 0x0806;
// ICMPv6 types of neighbour discovery, the first and the last.
constexpr uint8_t kRouterSolicitation = 133;
constexpr uint8_t kRedirect = 137;
// What mbuf->hash.usr carries between stages and shards.
constexpr uint8_t kTravellingFlags = Packet::kFragmented | Packet::kHandedOver | Packet::kHairpin;

// ARP, or a message of neighbour discovery (RFC 4861 section 4).
bool IsNeighbourFrame(const rte_mbuf* frame) {
  const auto* ethernet = rte_pktmbuf_mtod(frame, const uint8_t*);
  const uint16_t type = LoadBe16(ethernet + 12);
  if (type == kEtherTypeArp) return true;
  const uint8_t* ip = ethernet + kEthernetHeaderSize;
  constexpr unsigned kSmallest = kEthernetHeaderSize + kIpv6HeaderSize + 1;
  if (type != kEtherTypeV6 || frame->data_len < kSmallest || ip[6] != kProtocolIcmpV6) return false;
  const uint8_t message = ip[kIpv6HeaderSize];
  return message >= kRouterSolicitation && message <= kRedirect;
}

void NotOurs(ShardState& state, rte_mbuf* frame, bool internal) {
  if (internal || state.config.kernel_keeps_interface) {
    return state.Drop(frame, Counter::k_drop_not_ours);
  }
  const bool neighbour = IsNeighbourFrame(frame);
  if (!state.Raise(neighbour ? EventClass::kNeighbour : EventClass::kKernel,
                   KernelFrameEvent{frame})) {
    return state.Drop(frame,
                      neighbour ? Counter::k_drop_neighbour_full : Counter::k_drop_mirror_full);
  }
  state.Count(Counter::k_kernel_frames);
}

// Source addresses that nobody can have: "this network", loopback, multicast, class E, broadcast.
bool IsBadV4Source(const uint8_t* address) {
  return address[0] == 0 || address[0] == 127 || address[0] >= 224;
}

// Multicast, ::, ::1 and mapped addresses (of which no packet may bring any in).
bool IsBadV6Source(const IpAddress& address) {
  if (address.bytes()[0] == 0xff || address.IsV4()) return true;
  const auto [high, low] = address.words();
  return high == 0 && (low & ~(uint64_t{1} << 56)) == 0;
}

void TakeFragment(ShardState& state, rte_mbuf* fragment) {
  state.Count(Counter::k_fragments_received);
  unsigned dropped = 0;
  rte_mbuf* whole = state.reassembler->Add(fragment, state.now_tsc, &dropped);
  state.Count(Counter::k_drop_reassembly, dropped);
  if (whole == nullptr) return;
  state.Count(Counter::k_datagrams_reassembled);
  whole->hash.usr = Packet::kFragmented;
  if (!state.LoopBack(whole)) state.Drop(whole, Counter::k_drop_handoff_full);
}

// A driver's chain of buffers becomes one.
rte_mbuf* Linearise(ShardState& state, rte_mbuf* frame) {
  const uint32_t size = frame->pkt_len;
  rte_mbuf* copy = rte_pktmbuf_alloc(state.config.jumbo_pool);
  char* room = copy == nullptr || size > 0xffff - RTE_PKTMBUF_HEADROOM
                   ? nullptr
                   : rte_pktmbuf_append(copy, static_cast<uint16_t>(size));
  if (room == nullptr) {
    rte_pktmbuf_free(copy);
    state.Drop(frame, Counter::k_drop_no_buffer);
    return nullptr;
  }
  const void* bytes = rte_pktmbuf_read(frame, 0, size, room);
  if (bytes != room) std::memcpy(room, bytes, size);
  copy->hash.usr = frame->hash.usr;
  copy->port = frame->port;
  rte_pktmbuf_free(frame);
  return copy;
}

// RFC 8656 says nothing of it, but Linux senders on the same machine do it: the field holds the
// folded sum of the pseudo-header, and the rest was left to a network card that is not there.
void CompleteChecksum(ShardState& state, Packet& packet, uint8_t* udp) {
  if (packet.check == 0) return;
  const ChecksumSum ports_and_length =
      ChecksumSum{LoadRaw16(udp)} + LoadRaw16(udp + 2) + LoadRaw16(udp + 4);
  const ChecksumSum pseudo = packet.old_sum - ports_and_length + kUdpProtocolWord;
  if (FoldChecksum(pseudo) != packet.check) return;
  packet.check =
      UdpChecksumField(pseudo + ports_and_length + SumBytes(packet.payload, packet.payload_len));
  std::memcpy(udp + 6, &packet.check, 2);
  state.Count(Counter::k_checksums_completed);
}

enum class Verdict { kUdp, kFragment, kNotOurs, kMalformed, kBadAddress };

struct Parsed {
  const LocalAddress* local;
  uint8_t* udp;
  uint32_t udp_room;  // bytes from `udp` to the end of the IP packet
};

Verdict ParseV4(const ShardState& state, uint8_t* ip, uint32_t room, Packet& packet,
                Parsed& parsed) {
  if (room < kIpv4HeaderSize) return Verdict::kMalformed;
  packet.destination = LoadV4(ip + 16);
  parsed.local = state.addresses.LookUp(packet.destination);
  if (parsed.local == nullptr || ip[9] != kProtocolUdp) return Verdict::kNotOurs;
  const uint32_t header = (ip[0] & 15u) * 4;
  const uint32_t total = LoadBe16(ip + 2);
  if (ip[0] >> 4 != 4 || header < kIpv4HeaderSize || total < header || total > room) {
    return Verdict::kMalformed;
  }
  ChecksumSum sum = ChecksumSum{LoadRaw32(ip)} + LoadRaw32(ip + 4) + LoadRaw32(ip + 8) +
                    LoadRaw32(ip + 12) + LoadRaw32(ip + 16);
  if (header > kIpv4HeaderSize) sum += SumBytes(ip + 20, header - kIpv4HeaderSize);
  if (FoldChecksum(sum) != 0xffff) return Verdict::kMalformed;
  if (IsBadV4Source(ip + 12)) return Verdict::kBadAddress;
  const uint16_t fragment = LoadBe16(ip + 6);
  if ((fragment & (kIpv4MoreFragments | kIpv4OffsetMask)) != 0) return Verdict::kFragment;
  packet.source = LoadV4(ip + 12);
  packet.tos = ip[1];
  packet.ttl = ip[8];
  if ((fragment & 0x4000) != 0) packet.flags |= Packet::kDontFragment;
  packet.old_sum = ChecksumSum{LoadRaw32(ip + 12)} + LoadRaw32(ip + 16);
  parsed.udp = ip + header;
  parsed.udp_room = total - header;
  return Verdict::kUdp;
}

Verdict ParseV6(const ShardState& state, uint8_t* ip, uint32_t room, Packet& packet,
                Parsed& parsed) {
  if (room < kIpv6HeaderSize) return Verdict::kMalformed;
  packet.destination = LoadV6(ip + 24);
  if (packet.destination.IsV4()) return Verdict::kBadAddress;
  parsed.local = state.addresses.LookUp(packet.destination);
  if (parsed.local == nullptr) return Verdict::kNotOurs;
  const uint32_t total = kIpv6HeaderSize + LoadBe16(ip + 4);
  if (ip[0] >> 4 != 6 || total > room) return Verdict::kMalformed;
  uint32_t offset = kIpv6HeaderSize;
  uint8_t next = ip[6];
  while (next != kProtocolUdp) {
    if (next == kProtocolFragment) break;
    const bool known = (next == kProtocolHopByHop && offset == kIpv6HeaderSize) ||
                       next == kProtocolRouting || next == kProtocolDestinationOptions;
    if (!known) return Verdict::kNotOurs;
    if (total - offset < 8) return Verdict::kMalformed;
    if (next == kProtocolRouting && ip[offset + 3] != 0) return Verdict::kMalformed;
    next = ip[offset];
    offset += (ip[offset + 1] + 1u) * 8;
    if (offset > total) return Verdict::kMalformed;
  }
  packet.source = LoadV6(ip + 8);
  if (IsBadV6Source(packet.source)) return Verdict::kBadAddress;
  if (next == kProtocolFragment) return Verdict::kFragment;
  packet.tos = static_cast<uint8_t>(LoadBe16(ip) >> 4);
  packet.ttl = ip[7];
  packet.flags |= Packet::kFromV6;
  packet.old_sum = SumAddressV6(ip + 8) + SumAddressV6(ip + 24);
  parsed.udp = ip + offset;
  parsed.udp_room = total - offset;
  return Verdict::kUdp;
}

// Reads the UDP header; kUdp when the datagram is for a port of ours.
Verdict ParseUdp(const ShardState& state, const Parsed& parsed, Packet& packet, bool* from_client) {
  if (parsed.udp_room < kUdpHeaderSize) return Verdict::kMalformed;
  const uint8_t* udp = parsed.udp;
  packet.destination_port = LoadBe16(udp + 2);
  *from_client = packet.destination_port == state.config.node.listen_port &&
                 parsed.local->listen != LocalAddress::kNone;
  if (!*from_client && (parsed.local->relay == LocalAddress::kNone ||
                        !state.flows.InRelayRange(packet.destination_port))) {
    return Verdict::kNotOurs;
  }
  const uint32_t length = LoadBe16(udp + 4);
  if (length < kUdpHeaderSize || length > parsed.udp_room) return Verdict::kMalformed;
  packet.source_port = LoadBe16(udp);
  if (packet.source_port == 0) return Verdict::kBadAddress;
  packet.local = *from_client ? parsed.local->listen : parsed.local->relay;
  packet.check = LoadRaw16(udp + 6);
  packet.payload = parsed.udp + kUdpHeaderSize;
  packet.payload_len = static_cast<uint16_t>(length - kUdpHeaderSize);
  packet.old_sum +=
      ChecksumSum{LoadRaw16(udp)} + LoadRaw16(udp + 2) + 2 * ChecksumSum{LoadRaw16(udp + 4)};
  return Verdict::kUdp;
}

void DivertOrDrop(ShardState& state, rte_mbuf* frame, Verdict verdict, bool internal) {
  switch (verdict) {
    case Verdict::kFragment:
      return TakeFragment(state, frame);
    case Verdict::kNotOurs:
      return NotOurs(state, frame, internal);
    case Verdict::kBadAddress:
      return state.Drop(frame, Counter::k_drop_bad_address);
    default:
      return state.Drop(frame, Counter::k_drop_malformed_ip);
  }
}

bool IsUnicast(const uint8_t* ethernet) { return (ethernet[0] & 1) == 0; }

void ClassifyOne(ShardState& state, rte_mbuf* frame, bool with_flags, Burst& burst,
                 unsigned* used) {
  if (frame->nb_segs > 1) [[unlikely]] {
    frame = Linearise(state, frame);
    if (frame == nullptr) return;
  }
  auto* ethernet = rte_pktmbuf_mtod(frame, uint8_t*);
  if (frame->data_len < kEthernetHeaderSize) {
    return state.Drop(frame, Counter::k_drop_malformed_ip);
  }
  Packet& packet = burst.packets[*used];
  packet.mbuf = frame;
  packet.slot = FlowTables::kNone;
  packet.flags = with_flags ? static_cast<uint8_t>(frame->hash.usr & kTravellingFlags) : uint8_t{0};
  const bool internal = packet.HasAny(Packet::kHandedOver | Packet::kHairpin);
  const uint32_t room = frame->data_len - kEthernetHeaderSize;
  uint8_t* ip = ethernet + kEthernetHeaderSize;
  const uint16_t type = LoadBe16(ethernet + 12);
  Parsed parsed = {};
  Verdict verdict = Verdict::kNotOurs;
  if (type == kEtherTypeV4) {
    verdict = ParseV4(state, ip, room, packet, parsed);
  } else if (type == kEtherTypeV6) {
    verdict = ParseV6(state, ip, room, packet, parsed);
  }
  bool from_client = false;
  if (verdict == Verdict::kUdp) verdict = ParseUdp(state, parsed, packet, &from_client);
  if (verdict == Verdict::kUdp && !IsUnicast(ethernet)) verdict = Verdict::kBadAddress;
  if (verdict != Verdict::kUdp) [[unlikely]] {
    return DivertOrDrop(state, frame, verdict, internal);
  }
  if (packet.FromV6() && packet.check == 0) [[unlikely]] {
    return state.Drop(frame, Counter::k_drop_zero_checksum_v6);
  }
  if (state.partial_checksums && !internal) {
    CompleteChecksum(state, packet, parsed.udp);
  }
  if (from_client) {
    packet.hash = state.flows.ClientHash(packet.source, packet.source_port,
                                         static_cast<uint8_t>(packet.local));
    state.flows.PrefetchClient(packet.hash);
    burst.clients.Push(&packet);
  } else {
    const ShardId owner = state.OwnerOfPort(packet.destination_port);
    if (owner != state.config.id) {
      HandOff(state, frame, owner, packet.flags);
      return;
    }
    __builtin_prefetch(state.flows.RelaySlot({packet.local, packet.destination_port}));
    __builtin_prefetch(ethernet - 64, 1);  // what goes to a client grows to the front
    burst.peers.Push(&packet);
  }
  ++*used;
}

}  // namespace

void Classify(ShardState& state, rte_mbuf* const* frames, unsigned count, bool with_flags,
              Burst& burst) {
  for (unsigned i = 0; i < count; ++i) __builtin_prefetch(rte_pktmbuf_mtod(frames[i], void*));
  unsigned used = 0;
  for (unsigned i = 0; i < count; ++i) ClassifyOne(state, frames[i], with_flags, burst, &used);
}

}  // namespace causeway

#include <algorithm>

#include "dataplane/shard/fast_path.h"
#include "dataplane/shard/fast_rewrite.h"
#include "dataplane/shard/hand_off.h"
#include "dataplane/shard/stages.h"

namespace causeway {
namespace {

// Each pair of families gets code of its own, as if written by hand: hence always_inline. Calls
// between these cost a seventh more instructions a packet.

template <bool kV6>
inline const uint8_t* BytesOf(const IpAddress& address) {
  return kV6 ? address.bytes() : address.v4_bytes();
}

// Whether these bytes are the address, whose family is known to be this.
template <bool kV6>
inline bool IsAddress(const IpAddress& address, const uint8_t* bytes) {
  if constexpr (!kV6) return LoadRaw32(address.v4_bytes()) == LoadRaw32(bytes);
  return address == LoadV6(bytes);
}

// The neighbour that a packet of `udp_length` leaves by, or nullptr.
template <bool kFromV6, bool kToV6>
[[gnu::always_inline]] inline const NextHop* HopFor(const ShardState& state, CachedHop& cached,
                                                    const IpAddress& destination,
                                                    const uint8_t* udp, uint32_t udp_length) {
  const NextHop& hop = state.next_hops[state.next_hops.LookUp(cached, destination)];
  const uint32_t largest = LargestWholeOnFastPath<kFromV6, kToV6>(udp, hop.mtu);
  return hop.resolved && udp_length + kIpSize<kToV6> <= largest ? &hop : nullptr;
}

// Whether the datagram's checksum can be carried over: what came without one from IPv4 needs one in
// IPv6, over all of its data.
template <bool kFromV6, bool kToV6>
inline bool HasChecksumToCarry(const uint8_t* udp) {
  return kFromV6 || !kToV6 || LoadRaw16(udp + 6) != 0;
}

// Lets a datagram of `size` bytes of UDP payload pass its allocation's limits, counts and marks it.
template <bool kFromV6>
[[gnu::always_inline]] inline bool Pass(ShardState& state, uint32_t slot, Way way, uint32_t size,
                                        uint8_t* udp) {
  MeterLine& meter = state.flows.meter(slot);
  if (meter.specials != 0) [[unlikely]] {
    uint8_t tos = TosBefore<kFromV6>(udp);
    if (!PassSpecials(state, meter, way, size, tos)) return false;
    SetTosBefore<kFromV6>(udp, tos);
  }
  meter.Count(way, size, state.now);
  meter.table_hits = 0;
  return true;
}

// Whether the packet is of this line's client, and the fast path may take it.
template <bool kFromV6>
[[gnu::always_inline]] inline bool IsOf(const HotLine& line, const FastClient& packet) {
  const uint8_t* source = SourceBefore<kFromV6>(packet.udp);
  const uint8_t* end = source + kAddressSize<kFromV6> - 4;
  if (line.FastClient() !=
      HotLine::FastClientKey(kFromV6, LoadRaw32(end), LoadBe16(packet.udp), packet.local)) {
    return false;
  }
  return !kFromV6 || line.client == LoadV6(source);
}

// Sends what a client's datagram has for the inline peer: `size` bytes of data at `data`. `removed`
// is the sum of what stands around them.
template <bool kFromV6, bool kToV6>
[[gnu::always_inline]] inline bool ToPeer(ShardState& state, const FastClient& packet,
                                          uint8_t* data, uint32_t size, uint16_t port,
                                          ChecksumSum removed) {
  HotLine& line = state.flows.line(packet.slot);
  const uint32_t udp_length = size + kUdpHeaderSize;
  const NextHop* hop =
      HopFor<kFromV6, kToV6>(state, line.peer_hop, line.peer, packet.udp, udp_length);
  constexpr int kGrowth = static_cast<int>(kIpSize<kToV6>) - static_cast<int>(kIpSize<kFromV6>);
  if (hop == nullptr || !HasChecksumToCarry<kFromV6, kToV6>(packet.udp) ||
      packet.mbuf->data_off < kGrowth ||
      !Pass<kFromV6>(state, packet.slot, Way::kToPeer, size, packet.udp)) [[unlikely]] {
    return false;
  }
  const RelayPort& relay = line.Relay(kToV6);
  NewHeaders headers;
  headers.hop = hop;
  headers.source = BytesOf<kToV6>(state.config.node.relay_addresses[relay.address_index]);
  headers.destination = BytesOf<kToV6>(line.peer);
  headers.ports = PortsInMemory(relay.port, port);
  headers.udp_length = static_cast<uint16_t>(udp_length);
  headers.identification =
      kToV6 ? uint16_t{0} : IdentificationOf<kFromV6>(state, packet.udp, udp_length, packet.slot);
  headers.removed = removed;
  headers.added = 0;
  Rewrite<kFromV6, kToV6>(packet.mbuf, packet.udp, data, headers);
  return true;
}

template <bool kFromV6>
bool ChannelDataToPeer(ShardState& state, const FastClient& packet) {
  const HotLine& line = state.flows.line(packet.slot);
  uint8_t* message = packet.udp + kUdpHeaderSize;
  const uint64_t peer = line.FastPeer();
  if (!IsOf<kFromV6>(line, packet) || peer >> 48 != LoadBe16(message) ||
      line.channel_expiry <= state.now) [[unlikely]] {
    return false;
  }
  uint8_t* data = message + kChannelHeaderSize;
  const uint32_t size = LoadBe16(message + 2);
  const auto port = static_cast<uint16_t>(peer >> 32);
  const ChecksumSum removed = LoadRaw32(message);
  return (line.flags & HotLine::kPeerV6) == 0
             ? ToPeer<kFromV6, false>(state, packet, data, size, port, removed)
             : ToPeer<kFromV6, true>(state, packet, data, size, port, removed);
}

// Whether a Send indication's XOR-PEER-ADDRESS has this address (RFC 8489 section 14.2).
template <bool kPeerV6>
inline bool IsSentTo(const uint8_t* message, const IpAddress& peer) {
  const uint8_t* address = message + kSendPeerAt + 8;
  const uint8_t* mask = message + 4;  // the cookie and, for IPv6, the transaction id
  if constexpr (!kPeerV6) {
    return (LoadRaw32(address) ^ LoadRaw32(mask)) == LoadRaw32(peer.v4_bytes());
  }
  const auto [high, low] = peer.words();
  return (LoadRaw64(address) ^ LoadRaw64(mask)) == high &&
         (LoadRaw64(address + 8) ^ LoadRaw64(mask + 8)) == low;
}

// Sum of what a plain Send indication has before and behind its data.
template <bool kPeerV6>
inline ChecksumSum SumAroundSendData(const uint8_t* message, uint32_t size) {
  ChecksumSum sum = 0;
  for (unsigned at = 0; at < kSendHeaderSize<kPeerV6>; at += 4) sum += LoadRaw32(message + at);
  const unsigned padding = -size & 3;
  if (padding == 0) return sum;
  return sum + SumAt(message + kSendHeaderSize<kPeerV6> + size, padding, (size & 1) != 0);
}

template <bool kFromV6, bool kToV6>
bool SendToPeer(ShardState& state, const FastClient& packet) {
  const HotLine& line = state.flows.line(packet.slot);
  uint8_t* message = packet.udp + kUdpHeaderSize;
  const auto port =
      static_cast<uint16_t>(LoadBe16(message + kSendPeerAt + 6) ^ wire::kCookie >> 16);
  if (!IsOf<kFromV6>(line, packet) || ((line.flags & HotLine::kPeerV6) != 0) != kToV6 ||
      !IsSentTo<kToV6>(message, line.peer) || port == 0 || line.permission_expiry <= state.now)
      [[unlikely]] {
    return false;
  }
  const uint32_t size = LoadBe16(message + kSendDataAt<kToV6> + 2);
  return ToPeer<kFromV6, kToV6>(state, packet, message + kSendHeaderSize<kToV6>, size, port,
                                SumAroundSendData<kToV6>(message, size));
}

// Sends a peer's data, of `size` bytes, to the line's client, with `prefix` before it and `padding`
// zero bytes behind it.
template <bool kFromV6, bool kToV6, unsigned kPrefix, typename Describe>
[[gnu::always_inline]] inline bool ToClient(ShardState& state, const FastPeer& packet,
                                            uint32_t size, uint32_t padding,
                                            const Describe& describe) {
  HotLine& line = state.flows.line(packet.slot);
  rte_mbuf* mbuf = packet.mbuf;
  const uint32_t udp_length = kUdpHeaderSize + kPrefix + size + padding;
  const NextHop* hop =
      HopFor<kFromV6, kToV6>(state, line.client_hop, line.client, packet.udp, udp_length);
  constexpr int kGrowth =
      static_cast<int>(kPrefix + kIpSize<kToV6>) - static_cast<int>(kIpSize<kFromV6>);
  uint8_t* data = packet.udp + kUdpHeaderSize;
  const auto* buffer = static_cast<const uint8_t*>(mbuf->buf_addr);
  if (hop == nullptr || !HasChecksumToCarry<kFromV6, kToV6>(packet.udp) ||
      mbuf->data_off < kGrowth ||
      (padding != 0 && data + size + padding > buffer + mbuf->buf_len) ||
      !Pass<kFromV6>(state, packet.slot, Way::kToClient, size, packet.udp)) [[unlikely]] {
    return false;
  }
  DataPrefix prefix;
  describe(prefix);
  NewHeaders headers;
  headers.hop = hop;
  headers.source = BytesOf<kToV6>(state.config.node.listen_addresses[line.local_index]);
  headers.destination = BytesOf<kToV6>(line.client);
  headers.ports = PortsInMemory(state.config.node.listen_port, line.client_port);
  headers.udp_length = static_cast<uint16_t>(udp_length);
  headers.identification =
      kToV6 ? uint16_t{0} : IdentificationOf<kFromV6>(state, packet.udp, udp_length, packet.slot);
  headers.removed = 0;
  headers.added = prefix.sum();
  Rewrite<kFromV6, kToV6>(mbuf, packet.udp, data - kPrefix, headers);
  prefix.Write(data - kPrefix);
  for (unsigned i = 0; i < padding; ++i) data[size + i] = 0;
  return true;
}

template <bool kFromV6, bool kToV6>
bool ChannelDataToClient(ShardState& state, const FastPeer& packet) {
  const HotLine& line = state.flows.line(packet.slot);
  if (line.channel_expiry <= state.now) [[unlikely]] {
    return false;
  }
  const uint32_t size = LoadBe16(packet.udp + 4) - kUdpHeaderSize;
  return ToClient<kFromV6, kToV6, DataPrefix::kChannel>(
      state, packet, size, 0,
      [&](DataPrefix& prefix) { prefix.SetChannel(line.channel, static_cast<uint16_t>(size)); });
}

// Of the inline permission, when no channel can be the peer's.
template <bool kFromV6, bool kToV6>
bool DataToClient(ShardState& state, const FastPeer& packet) {
  const HotLine& line = state.flows.line(packet.slot);
  if (line.channel != 0 || line.HasMoreChannels()) [[unlikely]] {
    return false;
  }
  const uint32_t size = LoadBe16(packet.udp + 4) - kUdpHeaderSize;
  const auto padding = static_cast<uint8_t>(-size & 3);
  const Endpoint peer = {line.peer, LoadBe16(packet.udp)};
  return ToClient<kFromV6, kToV6, kSendHeaderSize<kFromV6>>(
      state, packet, size, padding, [&](DataPrefix& prefix) {
        prefix.SetDataIndication(peer, static_cast<uint16_t>(size), padding,
                                 NewTransactionId(state));
      });
}

enum class Relayed { kNot, kAsChannelData, kAsIndication };

template <bool kFromV6, bool kToV6>
Relayed FromInlinePeer(ShardState& state, const FastPeer& packet) {
  const HotLine& line = state.flows.line(packet.slot);
  if (line.peer_port == LoadBe16(packet.udp)) [[likely]] {
    return ChannelDataToClient<kFromV6, kToV6>(state, packet) ? Relayed::kAsChannelData
                                                              : Relayed::kNot;
  }
  return DataToClient<kFromV6, kToV6>(state, packet) ? Relayed::kAsIndication : Relayed::kNot;
}

template <bool kFromV6>
Relayed FromPeer(ShardState& state, const FastPeer& packet) {
  constexpr uint8_t kFamily = HotLine::kFast | HotLine::kPeerV6;
  const HotLine& line = state.flows.line(packet.slot);
  if ((line.flags & kFamily) != (kFromV6 ? kFamily : HotLine::kFast) ||
      !IsAddress<kFromV6>(line.peer, SourceBefore<kFromV6>(packet.udp)) ||
      line.permission_expiry <= state.now) [[unlikely]] {
    return Relayed::kNot;
  }
  return (line.flags & HotLine::kClientV6) == 0 ? FromInlinePeer<kFromV6, false>(state, packet)
                                                : FromInlinePeer<kFromV6, true>(state, packet);
}

void LookUpFastClients(const ShardState& state, unsigned chunk, FastBurst& burst) {
  for (unsigned i = burst.client_ends[chunk]; i < burst.client_ends[chunk + 1]; ++i) {
    FastClient& packet = burst.clients[i];
    packet.slot = state.flows.ClientCandidate(packet.hash);
    packet.found = state.flows.IsAllocation(packet.slot);
    if (packet.found) [[likely]] {
      state.flows.PrefetchLine(packet.slot);
    } else if (state.flows.IsRedirect(packet.slot)) {
      state.flows.PrefetchRedirect(packet.slot);
    }
  }
}

void LookUpFastPeers(const ShardState& state, unsigned chunk, FastBurst& burst) {
  for (unsigned i = burst.peer_ends[chunk]; i < burst.peer_ends[chunk + 1]; ++i) {
    FastPeer& packet = burst.peers[i];
    packet.slot = *packet.relay_slot - 1;
    packet.found = *packet.relay_slot != 0;
    if (packet.found) state.flows.PrefetchLine(packet.slot);
  }
}

template <bool kFromV6>
bool RelayClient(ShardState& state, const FastClient& packet) {
  switch (packet.form) {
    case FastForm::kChannelData:
      return ChannelDataToPeer<kFromV6>(state, packet);
    case FastForm::kSendToV4:
      return SendToPeer<kFromV6, false>(state, packet);
    default:
      return SendToPeer<kFromV6, true>(state, packet);
  }
}

// A datagram of a client whose allocation another shard has.
bool HandOffToOwner(ShardState& state, const FastClient& packet) {
  const uint8_t* source =
      packet.udp - (packet.is_v6 ? 2 * kAddressSize<true> : 2 * kAddressSize<false>);
  const ClientTuple tuple = {{packet.is_v6 ? LoadV6(source) : LoadV4(source), LoadBe16(packet.udp)},
                             packet.local};
  if (!state.flows.IsRedirectOf(packet.slot, tuple)) return false;
  const RedirectEntry& redirect = state.flows.Redirect(packet.slot);
  SetAllocationAtOwner(packet.mbuf, redirect.allocation);
  HandOff(state, packet.mbuf, redirect.owner, Packet::kOrdinary | Packet::kKnownClient);
  return true;
}

void RelayClients(ShardState& state, unsigned chunk, bool handed_over, FastBurst& burst) {
  unsigned channel_data = 0;
  unsigned sends = 0;
  for (unsigned i = burst.client_ends[chunk]; i < burst.client_ends[chunk + 1]; ++i) {
    const FastClient& packet = burst.clients[i];
    const bool relayed = packet.found && (packet.is_v6 ? RelayClient<true>(state, packet)
                                                       : RelayClient<false>(state, packet));
    if (!relayed) [[unlikely]] {
      if (handed_over || !HandOffToOwner(state, packet)) burst.Leave(packet.place);
      continue;
    }
    StageTx(state, packet.mbuf);
    ++(packet.form == FastForm::kChannelData ? channel_data : sends);
  }
  if (channel_data != 0) state.Count(Counter::k_channel_to_peer, channel_data);
  if (sends != 0) state.Count(Counter::k_send_to_peer, sends);
}

void RelayPeers(ShardState& state, unsigned chunk, FastBurst& burst) {
  unsigned channel_data = 0;
  unsigned indications = 0;
  for (unsigned i = burst.peer_ends[chunk]; i < burst.peer_ends[chunk + 1]; ++i) {
    const FastPeer& packet = burst.peers[i];
    const Relayed relayed = !packet.found  ? Relayed::kNot
                            : packet.is_v6 ? FromPeer<true>(state, packet)
                                           : FromPeer<false>(state, packet);
    if (relayed == Relayed::kNot) [[unlikely]] {
      burst.Leave(packet.place);
      continue;
    }
    StageTx(state, packet.mbuf);
    ++(relayed == Relayed::kAsIndication ? indications : channel_data);
  }
  if (channel_data != 0) state.Count(Counter::k_channel_to_client, channel_data);
  if (indications != 0) state.Count(Counter::k_data_to_client, indications);
}

}  // namespace

unsigned FastRelay(ShardState& state, const FrameBurst& now, const FrameBurst& ahead,
                   bool handed_over, rte_mbuf** others) {
  FastBurst burst;
  const unsigned chunks = (now.count + FastBurst::kChunk - 1) / FastBurst::kChunk;
  for (unsigned step = 0; step < chunks + 2; ++step) {
    if (step < chunks) {
      (handed_over ? FastClassify<true> : FastClassify<false>)(state, now.frames, now.count, step,
                                                               burst);
    }
    if (step >= 1 && step - 1 < chunks) {
      // Of what was handed off FastClassify has found the clients.
      if (!handed_over) LookUpFastClients(state, step - 1, burst);
      LookUpFastPeers(state, step - 1, burst);
    }
    const unsigned end = std::min((step + 1) * FastBurst::kChunk, ahead.count);
    for (unsigned i = step * FastBurst::kChunk; i < end; ++i) state.prefetch(ahead.frames[i]);
    if (step < 2) continue;
    RelayClients(state, step - 2, handed_over, burst);
    RelayPeers(state, step - 2, burst);
  }
  unsigned left = 0;
  for (uint64_t rest = burst.others; rest != 0; rest &= rest - 1) {
    others[left++] = now.frames[std::countr_zero(rest)];
  }
  return left;
}

}  // namespace causeway

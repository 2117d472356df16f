#include <algorithm>

#include "dataplane/shard/fast_path.h"
#include "dataplane/shard/fast_rewrite.h"
#include "dataplane/shard/hand_off.h"

namespace causeway {
namespace {

constexpr unsigned kIpAt = kEthernetHeaderSize;
constexpr uint32_t kV4WithoutOptions = 0x00450008;  // EtherType, version and length as in memory
constexpr uint32_t kV4TosMask = 0xff000000;
// The word of flags, offset, TTL and protocol, as in memory.
constexpr uint32_t kFragmentMask = 0x0000ffbf;
constexpr uint32_t kProtocolMask = 0xff000000;
constexpr uint32_t kUdpInWord = uint32_t{kProtocolUdp} << 24;
constexpr uint32_t kTtlAboveOne = 0x00fe0000;
constexpr uint32_t kV6Version = 0x0060dd86;  // EtherType and version as in memory
constexpr uint32_t kV6VersionMask = 0x00f0ffff;

// Zero, loopback, multicast and above: as IsBadV4Source of the general stage.
bool IsPlainV4Source(uint8_t first) {
  return static_cast<uint8_t>(first - 1) < 223 && first != 127;
}

// More than IsBadV6Source leaves to the general stage: all of ::/16, where mapped addresses are.
bool IsPlainV6Source(const uint8_t* address) {
  return LoadRaw16(address) != 0 && address[0] != 0xff;
}

// A whole UDP datagram with nothing before, between or after that would have to be thought about.
// `size` is that of the frame.
template <bool kV6>
bool IsOrdinary(const uint8_t* frame, uint32_t size) {
  constexpr unsigned kUdpAt = kIpAt + kIpSize<kV6>;
  if (size < kUdpAt + kUdpHeaderSize) return false;
  const uint8_t* ip = frame + kIpAt;
  const uint8_t* udp = frame + kUdpAt;
  const uint32_t udp_length = LoadBe16(udp + 4);
  if ((frame[0] & 1) != 0 || udp_length < kUdpHeaderSize || kUdpAt + udp_length > size ||
      LoadRaw16(udp) == 0) {
    return false;
  }
  if constexpr (kV6) {
    return (LoadRaw32(frame + 12) & kV6VersionMask) == kV6Version &&
           LoadBe16(ip + 4) == udp_length && ip[6] == kProtocolUdp && ip[7] > 1 &&
           IsPlainV6Source(ip + 8) && !LoadV6(ip + 24).IsV4();
  }
  const uint32_t middle = LoadRaw32(ip + 6);
  return (LoadRaw32(frame + 12) & ~kV4TosMask) == kV4WithoutOptions &&
         (middle & (kFragmentMask | kProtocolMask)) == kUdpInWord && (middle & kTtlAboveOne) != 0 &&
         LoadBe16(ip + 2) == udp_length + kIpv4HeaderSize && IsPlainV4Source(ip[12]);
}

// The checksum of the IPv4 header is right, that of UDP finished; IPv6 has one.
template <bool kV6>
bool HasOrdinaryChecksums(const uint8_t* udp, bool partial_checksums) {
  const uint8_t* addresses = udp - 2 * kAddressSize<kV6>;
  const uint16_t check = LoadRaw16(udp + 6);
  if (kV6 && check == 0) return false;
  if constexpr (!kV6) {
    const ChecksumSum sum = ChecksumSum{LoadRaw32(addresses)} + LoadRaw32(addresses + 4) +
                            LoadRaw32(addresses - 12) + LoadRaw32(addresses - 8) +
                            LoadRaw32(addresses - 4);
    if (FoldChecksum(sum) != 0xffff) return false;
  }
  if (!partial_checksums) return true;
  const ChecksumSum pseudo = SumAddress<kV6>(addresses) +
                             SumAddress<kV6>(addresses + kAddressSize<kV6>) + LoadRaw16(udp + 4) +
                             kUdpProtocolWord;
  return FoldChecksum(pseudo) != check;
}

bool IsChannelData(const uint8_t* udp) {
  const uint8_t* message = udp + kUdpHeaderSize;
  return (message[0] & 0xc0) == 0x40 &&
         LoadBe16(message + 2) + kChannelHeaderSize + kUdpHeaderSize == LoadBe16(udp + 4);
}

// FINGERPRINT, DONT-FRAGMENT or any other order of attributes is for the general stages.
template <bool kPeerV6>
bool IsPlainSend(const uint8_t* udp) {
  const uint8_t* message = udp + kUdpHeaderSize;
  const uint32_t size = LoadBe16(udp + 4) - kUdpHeaderSize;
  constexpr Family kFamily = kPeerV6 ? Family::kIpv6 : Family::kIpv4;
  constexpr uint32_t kLength = 4 + kAddressSize<kPeerV6>;
  if (size < kSendHeaderSize<kPeerV6>) return false;
  const uint32_t padded = (LoadBe16(message + kSendDataAt<kPeerV6> + 2) + 3u) & ~3u;
  return LoadBe32(message) ==
             (uint32_t{wire::kSendIndication} << 16 | (size - wire::kHeaderSize)) &&
         LoadBe32(message + 4) == wire::kCookie &&
         LoadBe32(message + kSendPeerAt) == (uint32_t{wire::kXorPeerAddress} << 16 | kLength) &&
         message[kSendPeerAt + 5] == static_cast<uint8_t>(kFamily) &&
         LoadBe16(message + kSendDataAt<kPeerV6>) == wire::kData &&
         padded + kSendHeaderSize<kPeerV6> == size;
}

// False when it is none of the forms.
[[gnu::always_inline]] inline bool ReadForm(const uint8_t* udp, FastForm& form) {
  const bool channel_data = IsChannelData(udp);
  const bool to_v4 = !channel_data && IsPlainSend<false>(udp);
  form = channel_data ? FastForm::kChannelData : to_v4 ? FastForm::kSendToV4 : FastForm::kSendToV6;
  return channel_data || to_v4 || IsPlainSend<true>(udp);
}

// Where the next ones go.
struct Room {
  FastClient* client;
  FastPeer* peer;
};

/// Where an address stands among the node's; kNone twice for one that is not ours.
struct Places {
  uint16_t relay;
  uint16_t listen;
};

template <bool kV6>
[[gnu::always_inline]] inline Places PlacesOf(const ShardState& state, const uint8_t* destination) {
  if constexpr (kV6) {
    const LocalAddress* local = state.addresses.LookUp(LoadV6(destination));
    if (local == nullptr) return {LocalAddress::kNone, LocalAddress::kNone};
    return {local->relay, local->listen};
  }
  const V4AddressIndex::Entry& local = state.v4_addresses.LookUp(LoadRaw32(destination));
  return {local.relay, local.listen};
}

// False when the frame is for the general stages.
template <bool kHandedOver, bool kV6>
bool TakeUdp(ShardState& state, rte_mbuf* mbuf, uint8_t place, Room& room) {
  auto* frame = rte_pktmbuf_mtod(mbuf, uint8_t*);
  if (!kHandedOver && !IsOrdinary<kV6>(frame, mbuf->data_len)) return false;
  uint8_t* udp = frame + kIpAt + kIpSize<kV6>;
  const uint8_t* source = SourceBefore<kV6>(udp);
  const Places local = PlacesOf<kV6>(state, source + kAddressSize<kV6>);
  const uint16_t port = LoadBe16(udp + 2);
  if (port == state.config.node.listen_port && local.listen != LocalAddress::kNone) {
    FastForm form;
    if (LoadBe16(udp + 4) < kUdpHeaderSize + kChannelHeaderSize || !ReadForm(udp, form) ||
        (!kHandedOver && !HasOrdinaryChecksums<kV6>(udp, state.partial_checksums))) {
      return false;
    }
    const auto listen = static_cast<uint8_t>(local.listen);
    if constexpr (kHandedOver) {
      const AllocationId slot = AllocationAtOwner(mbuf);
      const bool found = state.flows.IsAllocation(slot);
      if (found) state.flows.PrefetchLine(slot);
      *room.client++ = {mbuf, udp, 0, slot, place, listen, kV6, form, found};
      return true;
    }
    const uint64_t hash =
        state.flows.ClientHash(kV6 ? LoadV6(source) : LoadV4(source), LoadBe16(udp), listen);
    state.flows.PrefetchClient(hash);
    *room.client++ = {mbuf, udp, hash, 0, place, listen, kV6, form, false};
    return true;
  }
  if (local.relay == LocalAddress::kNone || !state.flows.InRelayRange(port) ||
      (!kHandedOver && !HasOrdinaryChecksums<kV6>(udp, state.partial_checksums))) {
    return false;
  }
  if constexpr (!kHandedOver) {
    const ShardId owner = state.OwnerOfPort(port);
    if (owner != state.config.id) {
      GatherForOwner(state, mbuf, owner, Packet::kOrdinary);
      return true;
    }
  }
  const uint32_t* slot = state.flows.RelaySlot({local.relay, port});
  __builtin_prefetch(slot);
  __builtin_prefetch(frame - 64, 1);  // what goes to a client grows to the front
  *room.peer++ = {mbuf, udp, slot, 0, place, kV6, false};
  return true;
}

template <bool kHandedOver>
bool Take(ShardState& state, rte_mbuf* mbuf, unsigned place, Room& room) {
  if (kHandedOver ? (mbuf->hash.usr & Packet::kOrdinary) == 0
                  : mbuf->nb_segs != 1 || mbuf->data_len < kEthernetHeaderSize) {
    return false;
  }
  const uint16_t type = LoadRaw16(rte_pktmbuf_mtod(mbuf, const uint8_t*) + 12);
  const auto number = static_cast<uint8_t>(place);
  return type == static_cast<uint16_t>(kV4WithoutOptions)
             ? TakeUdp<kHandedOver, false>(state, mbuf, number, room)
             : TakeUdp<kHandedOver, true>(state, mbuf, number, room);
}

}  // namespace

template <bool kHandedOver>
void FastClassify(ShardState& state, rte_mbuf* const* frames, unsigned count, unsigned chunk,
                  FastBurst& burst) {
  const unsigned begin = chunk * FastBurst::kChunk;
  const unsigned end = std::min(begin + FastBurst::kChunk, count);
  Room room = {burst.clients + burst.client_ends[chunk], burst.peers + burst.peer_ends[chunk]};
  for (unsigned i = begin; i < end; ++i) {
    if (!Take<kHandedOver>(state, frames[i], i, room)) [[unlikely]] {
      burst.Leave(i);
    }
  }
  burst.client_ends[chunk + 1] = static_cast<unsigned>(room.client - burst.clients);
  burst.peer_ends[chunk + 1] = static_cast<unsigned>(room.peer - burst.peers);
}

template void FastClassify<false>(ShardState& state, rte_mbuf* const* frames, unsigned count,
                                  unsigned chunk, FastBurst& burst);
template void FastClassify<true>(ShardState& state, rte_mbuf* const* frames, unsigned count,
                                 unsigned chunk, FastBurst& burst);

}  // namespace causeway

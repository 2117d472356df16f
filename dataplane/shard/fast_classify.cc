#include <algorithm>

#include "dataplane/shard/fast_path.h"

namespace causeway {
namespace {

constexpr uint32_t kV4WithoutOptions = 0x00450008;  // EtherType, version and length as in memory
constexpr uint32_t kTosMask = 0xff000000;
// The word of flags, offset, TTL and protocol, as in memory.
constexpr uint32_t kFragmentMask = 0x0000ffbf;
constexpr uint32_t kProtocolMask = 0xff000000;
constexpr uint32_t kUdpInWord = uint32_t{kProtocolUdp} << 24;
constexpr uint32_t kTtlAboveOne = 0x00fe0000;

// Zero, loopback, multicast and above: as IsBadV4Source of the general stage.
bool IsPlainSource(uint8_t first) { return static_cast<uint8_t>(first - 1) < 223 && first != 127; }

// A whole IPv4 UDP datagram with nothing before, between or after that would have to be thought
// about. `size` is that of the frame.
bool IsOrdinary(const uint8_t* frame, uint32_t size) {
  if (size < kDataAt) return false;
  const uint32_t middle = LoadRaw32(frame + kIpAt + 6);
  const uint32_t total = LoadBe16(frame + kIpAt + 2);
  const uint32_t udp_length = LoadBe16(frame + kUdpAt + 4);
  return (LoadRaw32(frame + 12) & ~kTosMask) == kV4WithoutOptions && (frame[0] & 1) == 0 &&
         (middle & (kFragmentMask | kProtocolMask)) == kUdpInWord && (middle & kTtlAboveOne) != 0 &&
         udp_length >= kUdpHeaderSize && total == udp_length + kIpv4HeaderSize &&
         total + kEthernetHeaderSize <= size && IsPlainSource(frame[kIpAt + 12]) &&
         LoadRaw16(frame + kUdpAt) != 0;
}

// The checksum of the IP header is right, that of UDP is there and finished.
bool HasOrdinaryChecksums(const uint8_t* frame, bool partial_checksums) {
  const uint8_t* ip = frame + kIpAt;
  const ChecksumSum addresses = ChecksumSum{LoadRaw32(ip + 12)} + LoadRaw32(ip + 16);
  const ChecksumSum sum = addresses + LoadRaw32(ip) + LoadRaw32(ip + 4) + LoadRaw32(ip + 8);
  const uint16_t check = LoadRaw16(frame + kUdpAt + 6);
  if (FoldChecksum(sum) != 0xffff || check == 0) return false;
  if (!partial_checksums) return true;
  return FoldChecksum(addresses + LoadRaw16(frame + kUdpAt + 4) + kUdpProtocolWord) != check;
}

bool IsChannelData(const uint8_t* frame) {
  return (frame[kDataAt] & 0xc0) == 0x40 &&
         LoadBe16(frame + kDataAt + 2) + kChannelHeaderSize + kUdpHeaderSize ==
             LoadBe16(frame + kUdpAt + 4);
}

// Its FINGERPRINT, DONT-FRAGMENT or any other order of attributes is for the general stages.
bool IsPlainSend(const uint8_t* frame) {
  const uint32_t size = LoadBe16(frame + kUdpAt + 4) - kUdpHeaderSize;
  if (size < kSendHeaderSize) return false;
  const uint32_t padded = (LoadBe16(frame + kSendDataAt + 2) + 3u) & ~3u;
  return LoadBe32(frame + kDataAt) ==
             (uint32_t{wire::kSendIndication} << 16 | (size - wire::kHeaderSize)) &&
         LoadBe32(frame + kDataAt + 4) == wire::kCookie &&
         LoadBe32(frame + kSendPeerAt) == (uint32_t{wire::kXorPeerAddress} << 16 | 8) &&
         frame[kSendPeerAt + 5] == static_cast<uint8_t>(Family::kIpv4) &&
         LoadBe16(frame + kSendDataAt) == wire::kData && padded + kSendHeaderSize == size;
}

// Where the next ones go.
struct Room {
  FastClient* client;
  FastPeer* peer;
};

// False when the frame is for the general stages.
bool Take(const ShardState& state, rte_mbuf* mbuf, unsigned place, Room& room) {
  auto* frame = rte_pktmbuf_mtod(mbuf, uint8_t*);
  if (mbuf->nb_segs != 1 || !IsOrdinary(frame, mbuf->data_len)) return false;
  const V4AddressIndex::Entry& local = state.v4_addresses.LookUp(LoadRaw32(frame + kIpAt + 16));
  const uint16_t port = LoadBe16(frame + kUdpAt + 2);
  if (port == state.config.node.listen_port && local.listen != LocalAddress::kNone) {
    if (mbuf->data_len < kDataAt + kChannelHeaderSize) return false;
    const bool is_send = !IsChannelData(frame);
    if ((is_send && !IsPlainSend(frame)) ||
        !HasOrdinaryChecksums(frame, state.config.partial_checksums)) {
      return false;
    }
    const uint64_t hash = state.flows.ClientHash(
        LoadV4(frame + kIpAt + 12), LoadBe16(frame + kUdpAt), static_cast<uint8_t>(local.listen));
    state.flows.PrefetchClient(hash);
    *room.client++ = {
        mbuf,    frame, hash, 0, static_cast<uint8_t>(place), static_cast<uint8_t>(local.listen),
        is_send, false};
    return true;
  }
  if (local.relay == LocalAddress::kNone || !state.flows.InRelayRange(port) ||
      state.OwnerOfPort(port) != state.config.id ||
      !HasOrdinaryChecksums(frame, state.config.partial_checksums)) {
    return false;
  }
  const uint32_t* slot = state.flows.RelaySlot({local.relay, port});
  __builtin_prefetch(slot);
  __builtin_prefetch(frame - 64, 1);  // what goes to a client grows to the front
  *room.peer++ = {mbuf, frame, slot, 0, local.relay, port, static_cast<uint8_t>(place), false};
  return true;
}

}  // namespace

void FastClassify(const ShardState& state, rte_mbuf* const* frames, unsigned count, unsigned chunk,
                  FastBurst& burst) {
  const unsigned begin = chunk * FastBurst::kChunk;
  const unsigned end = std::min(begin + FastBurst::kChunk, count);
  Room room = {burst.clients + burst.client_ends[chunk], burst.peers + burst.peer_ends[chunk]};
  for (unsigned i = begin; i < end; ++i) {
    if (!Take(state, frames[i], i, room)) [[unlikely]] {
      burst.Leave(i);
    }
  }
  burst.client_ends[chunk + 1] = static_cast<unsigned>(room.client - burst.clients);
  burst.peer_ends[chunk + 1] = static_cast<unsigned>(room.peer - burst.peers);
}

}  // namespace causeway

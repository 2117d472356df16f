#include <emmintrin.h>

#include <algorithm>

#include "dataplane/shard/fast_path.h"
#include "dataplane/shard/stages.h"

namespace causeway {
namespace {

/// What the new headers say. All but the ports' order is as in memory.
struct NewHeaders {
  const NextHop* hop;
  uint32_t source;
  uint32_t destination;
  uint32_t ports;
  uint32_t identification;  // 0 when DF is 1
};

inline uint32_t PortsInMemory(uint16_t source, uint16_t destination) {
  return __builtin_bswap16(source) | uint32_t{__builtin_bswap16(destination)} << 16;
}

inline void StoreRaw64(uint8_t* at, uint64_t value) { std::memcpy(at, &value, 8); }

// Turns the datagram of `frame` into one that begins kMoved bytes further on, `udp_length` long.
// What was taken out from before or behind its data sums up to `removed`, what comes before it now
// to `added`: the caller writes that.
template <int kMoved>
inline uint8_t* Rewrite(rte_mbuf* mbuf, uint8_t* frame, const NewHeaders& h, uint16_t udp_length,
                        ChecksumSum removed, ChecksumSum added) {
  const uint8_t* ip = frame + kIpAt;
  const uint8_t* udp = frame + kUdpAt;
  // Ones-complement: a multiple of 0xffff, larger than all that is taken away, keeps it positive.
  constexpr uint64_t kPositive = uint64_t{0xffff} << 40;
  const uint64_t length = __builtin_bswap16(udp_length);
  const uint64_t old_sum = uint64_t{LoadRaw32(ip + 12)} + LoadRaw32(ip + 16) + LoadRaw32(udp) +
                           2 * uint64_t{LoadRaw16(udp + 4)} + removed;
  const uint64_t addresses = uint64_t{h.source} + h.destination;
  const uint64_t new_sum = addresses + h.ports + 2 * length + added;
  const uint16_t check =
      UdpChecksumField(static_cast<uint16_t>(~LoadRaw16(udp + 6)) + kPositive + new_sum - old_sum);
  const uint32_t total = __builtin_bswap16(static_cast<uint16_t>(udp_length + kIpv4HeaderSize));
  const uint32_t first = (LoadRaw32(ip) & 0xffff) | total << 16;
  const uint32_t second = h.identification | uint32_t{LoadRaw16(ip + 6)} << 16;
  const uint32_t third = (LoadRaw32(ip + 8) & 0xffff) - 1;  // time to live and protocol
  const auto ip_check = static_cast<uint16_t>(~FoldChecksum(addresses + first + second + third));

  uint8_t* out = frame + kMoved;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                   _mm_load_si128(reinterpret_cast<const __m128i*>(h.hop)));
  StoreRaw64(out + 12, 0x0008u | uint64_t{first} << 16 | uint64_t{second} << 48);
  StoreRaw64(out + 20, second >> 16 | third << 16 | uint64_t{ip_check} << 32);
  StoreRaw64(out + 26, h.source | uint64_t{h.destination} << 32);
  StoreRaw64(out + kUdpAt, h.ports | length << 32 | uint64_t{check} << 48);
  mbuf->data_off = static_cast<uint16_t>(mbuf->data_off + kMoved);
  mbuf->data_len = static_cast<uint16_t>(kUdpAt + udp_length);
  mbuf->pkt_len = kUdpAt + udp_length;
  return out;
}

// The neighbour that a packet of `udp_length` leaves by, or nullptr.
inline const NextHop* HopFor(const ShardState& state, CachedHop& cached,
                             const IpAddress& destination, uint32_t udp_length) {
  const NextHop& hop = state.next_hops[state.next_hops.LookUp(cached, destination)];
  return hop.resolved && udp_length + kIpv4HeaderSize <= hop.mtu ? &hop : nullptr;
}

inline uint32_t IdentificationFor(ShardState& state, const uint8_t* frame, uint32_t slot) {
  const bool dont_fragment = (frame[kIpAt + 6] & 0x40) != 0;
  return dont_fragment ? 0u : __builtin_bswap16(state.NextIdentification(slot));
}

// Lets a datagram of `size` bytes of UDP payload pass its allocation's limits, counts and marks it.
inline bool Pass(ShardState& state, uint32_t slot, Way way, uint32_t size, uint8_t* frame) {
  MeterLine& meter = state.flows.meter(slot);
  if (meter.specials != 0) [[unlikely]] {
    uint8_t& tos = frame[kIpAt + 1];
    if (!PassSpecials(state, meter, way, size, tos)) return false;
  }
  meter.Count(way, size, state.now);
  meter.table_hits = 0;
  return true;
}

// Whether the packet is of this line's client; both families' IPv4.
inline bool IsOf(const HotLine& line, const FastClient& packet) {
  const uint8_t* frame = packet.frame;
  return line.FastClient() == HotLine::FastClientKey(LoadRaw32(frame + kIpAt + 12),
                                                     LoadBe16(frame + kUdpAt), packet.local);
}

bool ChannelDataToPeer(ShardState& state, const FastClient& packet) {
  HotLine& line = state.flows.line(packet.slot);
  uint8_t* frame = packet.frame;
  const uint64_t peer = line.FastPeer();
  if (!IsOf(line, packet) || peer >> 48 != LoadBe16(frame + kDataAt) ||
      line.channel_expiry <= state.now) [[unlikely]] {
    return false;
  }
  const auto udp_length = static_cast<uint16_t>(LoadBe16(frame + kDataAt + 2) + kUdpHeaderSize);
  const NextHop* hop = HopFor(state, line.peer_hop, line.peer, udp_length);
  if (hop == nullptr || !Pass(state, packet.slot, Way::kToPeer, udp_length - kUdpHeaderSize, frame))
      [[unlikely]] {
    return false;
  }
  const NewHeaders headers = {hop, state.relay_v4[line.relay_v4.address_index],
                              static_cast<uint32_t>(peer),
                              PortsInMemory(line.relay_v4.port, static_cast<uint16_t>(peer >> 32)),
                              IdentificationFor(state, frame, packet.slot)};
  Rewrite<kChannelHeaderSize>(packet.mbuf, frame, headers, udp_length, LoadRaw32(frame + kDataAt),
                              0);
  return true;
}

// Sum of what a plain Send indication has before and behind its data.
inline ChecksumSum SumAroundSendData(const uint8_t* frame, uint32_t size) {
  ChecksumSum sum = 0;
  for (unsigned at = 0; at < kSendHeaderSize; at += 4) sum += LoadRaw32(frame + kDataAt + at);
  const unsigned padding = -size & 3;
  if (padding == 0) return sum;
  return sum + SumAt(frame + kDataAt + kSendHeaderSize + size, padding, (size & 1) != 0);
}

bool SendToPeer(ShardState& state, const FastClient& packet) {
  HotLine& line = state.flows.line(packet.slot);
  uint8_t* frame = packet.frame;
  const uint32_t peer = LoadRaw32(frame + kSendPeerAt + 8) ^ __builtin_bswap32(wire::kCookie);
  const auto port = static_cast<uint16_t>(LoadBe16(frame + kSendPeerAt + 6) ^ wire::kCookie >> 16);
  if (!IsOf(line, packet) || static_cast<uint32_t>(line.FastPeer()) != peer || port == 0 ||
      line.permission_expiry <= state.now) [[unlikely]] {
    return false;
  }
  const uint32_t size = LoadBe16(frame + kSendDataAt + 2);
  const uint32_t udp_length = size + kUdpHeaderSize;
  const NextHop* hop = HopFor(state, line.peer_hop, line.peer, udp_length);
  if (hop == nullptr || !Pass(state, packet.slot, Way::kToPeer, size, frame)) [[unlikely]] {
    return false;
  }
  const NewHeaders headers = {hop, state.relay_v4[line.relay_v4.address_index], peer,
                              PortsInMemory(line.relay_v4.port, port),
                              IdentificationFor(state, frame, packet.slot)};
  Rewrite<kSendHeaderSize>(packet.mbuf, frame, headers, static_cast<uint16_t>(udp_length),
                           SumAroundSendData(frame, size), 0);
  return true;
}

// Headers of what leaves for the line's client.
inline NewHeaders HeadersToClient(ShardState& state, const HotLine& line, const NextHop* hop,
                                  const FastPeer& packet) {
  return {hop, state.listen_v4[line.local_index], static_cast<uint32_t>(line.FastClient()),
          PortsInMemory(state.config.node.listen_port, line.client_port),
          IdentificationFor(state, packet.frame, packet.slot)};
}

bool ChannelDataToClient(ShardState& state, const FastPeer& packet) {
  HotLine& line = state.flows.line(packet.slot);
  uint8_t* frame = packet.frame;
  if (line.channel_expiry <= state.now) [[unlikely]] {
    return false;
  }
  const uint32_t size = LoadBe16(frame + kUdpAt + 4) - kUdpHeaderSize;
  const uint32_t udp_length = size + kUdpHeaderSize + kChannelHeaderSize;
  const NextHop* hop = HopFor(state, line.client_hop, line.client, udp_length);
  if (hop == nullptr || packet.mbuf->data_off < kChannelHeaderSize ||
      !Pass(state, packet.slot, Way::kToClient, size, frame)) [[unlikely]] {
    return false;
  }
  const uint32_t prefix = __builtin_bswap32(uint32_t{line.channel} << 16 | size);
  uint8_t* out = Rewrite<-static_cast<int>(kChannelHeaderSize)>(
      packet.mbuf, frame, HeadersToClient(state, line, hop, packet),
      static_cast<uint16_t>(udp_length), 0, prefix);
  std::memcpy(out + kDataAt, &prefix, kChannelHeaderSize);
  return true;
}

// Of the inline permission, when no channel can be the peer's.
bool DataToClient(ShardState& state, const FastPeer& packet) {
  HotLine& line = state.flows.line(packet.slot);
  uint8_t* frame = packet.frame;
  if (line.channel != 0 || line.HasMoreChannels()) [[unlikely]] {
    return false;
  }
  rte_mbuf* mbuf = packet.mbuf;
  const uint32_t size = LoadBe16(frame + kUdpAt + 4) - kUdpHeaderSize;
  const auto padding = static_cast<uint8_t>(-size & 3);
  const uint32_t udp_length = kUdpHeaderSize + kSendHeaderSize + size + padding;
  const NextHop* hop = HopFor(state, line.client_hop, line.client, udp_length);
  const uint32_t end = mbuf->data_off + kDataAt + size + padding;
  if (hop == nullptr || mbuf->data_off < kSendHeaderSize || end > mbuf->buf_len ||
      !Pass(state, packet.slot, Way::kToClient, size, frame)) [[unlikely]] {
    return false;
  }
  DataPrefix prefix;
  prefix.SetDataIndication({line.peer, LoadBe16(frame + kUdpAt)}, static_cast<uint16_t>(size),
                           padding, NewTransactionId(state));
  uint8_t* out = Rewrite<-static_cast<int>(kSendHeaderSize)>(
      mbuf, frame, HeadersToClient(state, line, hop, packet), static_cast<uint16_t>(udp_length), 0,
      prefix.sum());
  prefix.Write(out + kDataAt);
  for (unsigned i = 0; i < padding; ++i) frame[kDataAt + size + i] = 0;
  return true;
}

enum class Relayed { kNot, kAsChannelData, kAsIndication };

Relayed ToClient(ShardState& state, const FastPeer& packet) {
  const HotLine& line = state.flows.line(packet.slot);
  const uint8_t* frame = packet.frame;
  const uint64_t peer = line.FastPeer();
  if (static_cast<uint32_t>(peer) != LoadRaw32(frame + kIpAt + 12) ||
      (line.flags & HotLine::kAllV4) == 0 || line.permission_expiry <= state.now) [[unlikely]] {
    return Relayed::kNot;
  }
  if (static_cast<uint16_t>(peer >> 32) == LoadBe16(frame + kUdpAt)) [[likely]] {
    return ChannelDataToClient(state, packet) ? Relayed::kAsChannelData : Relayed::kNot;
  }
  return DataToClient(state, packet) ? Relayed::kAsIndication : Relayed::kNot;
}

void LookUp(const ShardState& state, unsigned chunk, FastBurst& burst) {
  for (unsigned i = burst.client_ends[chunk]; i < burst.client_ends[chunk + 1]; ++i) {
    FastClient& packet = burst.clients[i];
    packet.slot = state.flows.ClientCandidate(packet.hash);
    packet.found = state.flows.IsAllocation(packet.slot);
    if (packet.found) state.flows.PrefetchLine(packet.slot);
  }
  for (unsigned i = burst.peer_ends[chunk]; i < burst.peer_ends[chunk + 1]; ++i) {
    FastPeer& packet = burst.peers[i];
    packet.slot = *packet.relay_slot - 1;
    packet.found = *packet.relay_slot != 0;
    if (packet.found) state.flows.PrefetchLine(packet.slot);
  }
}

void RelayClients(ShardState& state, unsigned chunk, FastBurst& burst) {
  unsigned channel_data = 0;
  unsigned sends = 0;
  for (unsigned i = burst.client_ends[chunk]; i < burst.client_ends[chunk + 1]; ++i) {
    const FastClient& packet = burst.clients[i];
    const bool relayed = packet.found && (packet.is_send ? SendToPeer(state, packet)
                                                         : ChannelDataToPeer(state, packet));
    if (!relayed) [[unlikely]] {
      burst.Leave(packet.place);
      continue;
    }
    StageTx(state, packet.mbuf);
    ++(packet.is_send ? sends : channel_data);
  }
  if (channel_data != 0) state.Count(Counter::k_channel_to_peer, channel_data);
  if (sends != 0) state.Count(Counter::k_send_to_peer, sends);
}

void RelayPeers(ShardState& state, unsigned chunk, FastBurst& burst) {
  unsigned channel_data = 0;
  unsigned indications = 0;
  for (unsigned i = burst.peer_ends[chunk]; i < burst.peer_ends[chunk + 1]; ++i) {
    const FastPeer& packet = burst.peers[i];
    const Relayed relayed = packet.found ? ToClient(state, packet) : Relayed::kNot;
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
                   rte_mbuf** others) {
  FastBurst burst;
  const unsigned chunks = (now.count + FastBurst::kChunk - 1) / FastBurst::kChunk;
  for (unsigned step = 0; step < chunks + 2; ++step) {
    if (step < chunks) FastClassify(state, now.frames, now.count, step, burst);
    if (step >= 1 && step - 1 < chunks) LookUp(state, step - 1, burst);
    const unsigned end = std::min((step + 1) * FastBurst::kChunk, ahead.count);
    for (unsigned i = step * FastBurst::kChunk; i < end; ++i) state.prefetch(ahead.frames[i]);
    if (step < 2) continue;
    RelayClients(state, step - 2, burst);
    RelayPeers(state, step - 2, burst);
  }
  unsigned left = 0;
  for (uint64_t rest = burst.others; rest != 0; rest &= rest - 1) {
    others[left++] = now.frames[std::countr_zero(rest)];
  }
  return left;
}

}  // namespace causeway

#include "dataplane/shard/shard.h"

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <sys/random.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "dataplane/shard/hand_off.h"
#include "dataplane/shard/send.h"
#include "dataplane/shard/stages.h"

namespace causeway {
namespace {

// A hairpin may come round again at once; what is left after so many rounds waits a turn.
constexpr int kLoopbackRounds = 4;
// What a turn takes from the hand-off ring at most.
constexpr unsigned kHandOffMost = 4 * kLinkBurst;

class ShardImpl : public Shard {
 public:
  explicit ShardImpl(const ShardConfig& config, int socket) : arena_(socket), state_(config) {}
  ~ShardImpl() override;

  absl::Status Start(int socket);
  unsigned Poll(uint64_t now_tsc) override;
  MeterReading ReadMeter(AllocationId allocation) const override {
    return state_.flows.ReadMeter(allocation);
  }
  const Counters& counters() const override { return state_.counters; }
  Counters& mutable_counters() override { return state_.counters; }

 private:
  void Process(rte_mbuf* const* frames, unsigned count, bool with_flags);
  unsigned ServeLoopback();
  unsigned ServeHandOff();
  void TakeHandedOff(FrameBurst& burst, unsigned& waiting);
  void Relay(const FrameBurst& now, const FrameBurst& ahead, bool handed_over);
  void Receive(LinkId link, FrameBurst& burst);
  unsigned ServeLink(LinkId link);
  void Prepare();

  Arena arena_;
  ShardState state_;
  rte_ring* hand_off_ring_ = nullptr;  // what others have for this shard
  // By link: what was received.
  struct Received {
    FrameBurst bursts[2];
    unsigned turn = 0;  // which of the two is next
  };
  std::vector<Received> received_;
  bool some_partial_checksums_ = false;
};

absl::Status CheckConfig(const ShardConfig& config) {
  const NodeConfig& node = config.node;
  if (node.listen_addresses.empty() || node.listen_addresses.size() > 255 ||
      node.relay_addresses.size() >= RelayPort::kNone || node.shards == 0 ||
      config.id >= node.shards || node.relay_port_last < node.relay_port_first ||
      node.allocations_per_shard == 0 || config.links.empty() || config.links.size() > kMaxLinks ||
      (node.shards > 1 && config.handoff.size() < node.shards)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "shard %d of %d: %d listening addresses (1..255), %d relay addresses (at most 65534), "
        "relay ports %d-%d, %d allocations (at least 1), %d links (1..%d), %d hand-off rings (one "
        "a "
        "shard)",
        config.id, node.shards, node.listen_addresses.size(), node.relay_addresses.size(),
        node.relay_port_first, node.relay_port_last, node.allocations_per_shard,
        config.links.size(), kMaxLinks, config.handoff.size()));
  }
  return absl::OkStatus();
}

absl::Status ShardImpl::Start(int socket) {
  LayOut(state_, arena_);
  if (!arena_.ok()) {
    return absl::ResourceExhaustedError(absl::StrFormat(
        "shard %d: its tables need %d MiB of DPDK memory, more than is set aside: lower the number "
        "of allocations or give more memory",
        state_.config.id, (Shard::MemoryNeeded(state_.config.node) >> 20) + 1));
  }
  auto reassembler = Reassembler::Create(state_.config.jumbo_pool, socket);
  if (!reassembler.ok()) return reassembler.status();
  state_.reassembler = *std::move(reassembler);
  if (getrandom(&state_.secret, sizeof state_.secret, 0) != sizeof state_.secret ||
      getrandom(state_.random_state, sizeof state_.random_state, 0) != sizeof state_.random_state) {
    return absl::InternalError("shard: the kernel gives no random numbers (getrandom)");
  }
  Prepare();
  return absl::OkStatus();
}

void ShardImpl::Prepare() {
  const NodeConfig& node = state_.config.node;
  state_.addresses.Fill(node, state_.secret);
  state_.v4_addresses.Fill(node);
  state_.decisecond_factor =
      static_cast<uint64_t>((static_cast<unsigned __int128>(10) << 64) / rte_get_tsc_hz());
  state_.tick_factor = static_cast<uint64_t>(
      (static_cast<unsigned __int128>(1) << (64 + kMeterTickBits)) / rte_get_tsc_hz());
  state_.prefetch.Start(state_.config.pool);
  state_.flows.Start(state_.secret);
  state_.next_hops.Start(state_.config.links);
  received_.resize(state_.config.links.size());
  for (const ShardLink& link : state_.config.links) {
    some_partial_checksums_ = some_partial_checksums_ || link.partial_checksums;
  }
  const std::vector<rte_ring*>& rings = state_.config.handoff;
  state_.hand_offs.resize(rings.size());
  if (state_.config.id < rings.size()) hand_off_ring_ = rings[state_.config.id];
}

ShardImpl::~ShardImpl() {
  for (Received& link : received_) {
    for (FrameBurst& burst : link.bursts) rte_pktmbuf_free_bulk(burst.frames, burst.count);
  }
  rte_pktmbuf_free_bulk(state_.tx, state_.tx_count);
  while (state_.loopback_head != state_.loopback_tail) {
    rte_pktmbuf_free(state_.loopback[state_.loopback_head++ % kLoopback]);
  }
  HoldQueue::Item items[HoldQueue::kCapacity];
  const unsigned held = state_.held.TakeAll(items);
  for (unsigned i = 0; i < held; ++i) rte_pktmbuf_free(items[i].frame);
}

void ShardImpl::Process(rte_mbuf* const* frames, unsigned count, bool with_flags) {
  Burst burst;
  Classify(state_, frames, count, with_flags, burst);
  LookUpClients(state_, burst);
  LookUpPeers(state_, burst);
  OutgoingList outgoing;
  RelayChannelData(state_, burst.channel_data, outgoing);
  HandleStun(state_, burst.stun, outgoing);
  RelayFromPeers(state_, burst.peers, outgoing);
  SendOutgoing(state_, outgoing);
}

unsigned ShardImpl::ServeLoopback() {
  if (state_.loopback_head == state_.loopback_tail) return 0;
  state_.partial_checksums = some_partial_checksums_;
  unsigned total = 0;
  for (int round = 0; round < kLoopbackRounds; ++round) {
    rte_mbuf* frames[kBurst];
    unsigned count = 0;
    while (count < kBurst && state_.loopback_head != state_.loopback_tail) {
      frames[count++] = state_.loopback[state_.loopback_head++ % kLoopback];
    }
    if (count == 0) break;
    Process(frames, count, true);
    total += count;
  }
  return total;
}

// What waits when the turn begins is served before anything is received, so that the ring empties
// as fast as the others fill it; no more, so that the link gets its turn.
unsigned ShardImpl::ServeHandOff() {
  if (hand_off_ring_ == nullptr) return 0;
  unsigned waiting = std::min(rte_ring_count(hand_off_ring_), kHandOffMost);
  if (waiting == 0) return 0;
  state_.partial_checksums = some_partial_checksums_;
  FrameBurst bursts[2];
  unsigned turn = 0;
  unsigned total = 0;
  TakeHandedOff(bursts[0], waiting);
  for (unsigned i = 0; i < bursts[0].count; ++i) state_.prefetch(bursts[0].frames[i]);
  while (bursts[turn].count != 0) {
    TakeHandedOff(bursts[turn ^ 1], waiting);
    Relay(bursts[turn], bursts[turn ^ 1], true);
    total += bursts[turn].count;
    turn ^= 1;
  }
  return total;
}

void ShardImpl::TakeHandedOff(FrameBurst& burst, unsigned& waiting) {
  burst.count = rte_ring_sc_dequeue_burst(hand_off_ring_, reinterpret_cast<void**>(burst.frames),
                                          std::min(waiting, kLinkBurst), nullptr);
  waiting -= burst.count;
  state_.Count(Counter::k_handoff_received, burst.count);
}

void ShardImpl::Relay(const FrameBurst& now, const FrameBurst& ahead, bool handed_over) {
  state_.prefetch.Learn(now.frames[0]);
  rte_mbuf* others[kLinkBurst];
  const unsigned left = FastRelay(state_, now, ahead, handed_over, others);
  for (unsigned at = 0; at < left; at += kBurst) {
    Process(others + at, std::min(left - at, kBurst), handed_over);
  }
}

void ShardImpl::Receive(LinkId link, FrameBurst& burst) {
  burst.count = rte_eth_rx_burst(state_.config.links[link].port_id, state_.config.id, burst.frames,
                                 kLinkBurst);
}

// A full burst means that there is more: the next one is received before this one is relayed, so
// that its frames come in from memory meanwhile.
unsigned ShardImpl::ServeLink(LinkId link) {
  Received& received = received_[link];
  FrameBurst& now = received.bursts[received.turn];
  FrameBurst& ahead = received.bursts[received.turn ^ 1];
  if (now.count == 0) {
    Receive(link, now);
    if (now.count == 0) return 0;
    for (unsigned i = 0; i < now.count; ++i) state_.prefetch(now.frames[i]);
  }
  if (now.count == kLinkBurst) Receive(link, ahead);
  uint64_t bytes = 0;
  for (unsigned i = 0; i < now.count; ++i) {
    bytes += now.frames[i]->pkt_len;
    now.frames[i]->port = link;
  }
  state_.Count(Counter::k_rx_packets, now.count);
  state_.Count(Counter::k_rx_bytes, bytes);
  state_.partial_checksums = state_.config.links[link].partial_checksums;
  Relay(now, ahead, false);
  received.turn ^= 1;
  return std::exchange(now.count, 0);
}

unsigned ShardImpl::Poll(uint64_t now_tsc) {
  state_.now_tsc = now_tsc;
  const uint64_t age = now_tsc - state_.config.epoch_tsc;
  state_.now = static_cast<Deciseconds>(
      static_cast<unsigned __int128>(age) * state_.decisecond_factor >> 64);
  state_.ticks =
      static_cast<MeterTicks>(static_cast<unsigned __int128>(age) * state_.tick_factor >> 64);
  unsigned handled = ApplyCommands(state_);
  handled += ServeHandOff();
  const auto links = static_cast<LinkId>(received_.size());
  for (LinkId link = 0; link < links; ++link) handled += ServeLink(link);
  handled += ServeLoopback();
  if (state_.held.IsOverdue(state_.now)) DropOverdue(state_);
  if (state_.reassembler_expired_at != state_.now) {
    state_.reassembler_expired_at = state_.now;
    state_.Count(Counter::k_drop_reassembly, state_.reassembler->Expire(now_tsc));
  }
  if (state_.hand_offs_wait) FlushHandOffs(state_);
  FlushTx(state_);
  return handled;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Shard>> Shard::Create(const ShardConfig& config) {
  if (absl::Status status = CheckConfig(config); !status.ok()) return status;
  const int port_socket = rte_eth_dev_socket_id(config.links[0].port_id);
  const int socket = port_socket >= 0 ? port_socket : static_cast<int>(rte_socket_id());
  auto shard = std::make_unique<ShardImpl>(config, socket);
  if (absl::Status status = shard->Start(socket); !status.ok()) return status;
  return shard;
}

uint64_t Shard::MemoryNeeded(const NodeConfig& node) {
  ShardConfig config;
  config.node = node;
  ShardState state(config);
  Arena counting;
  LayOut(state, counting);
  return counting.bytes();
}

double Shard::BytesPerAllocation(const NodeConfig& node) {
  return static_cast<double>(MemoryNeeded(node)) / node.allocations_per_shard;
}

}  // namespace causeway

#include "perf/gen/traffic.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace causeway::gen {
namespace {

constexpr int kAhead = 6;
constexpr double kLeastDebt = 2.0 * Port::kBurst;
constexpr uint32_t kSampled = 64;     // one in so many is looked at closely
constexpr uint16_t kNowhere = 49152;  // relay port when there is no relay
constexpr double kGoldenRatio = 0.6180339887;

uint32_t StrideFor(uint32_t flows) {
  auto stride = std::max<uint32_t>(1, static_cast<uint32_t>(flows * kGoldenRatio));
  while (std::gcd(stride, flows) != 1) ++stride;
  return stride;
}

Encapsulation EncapsulationOf(Load load) {
  return load == Load::kSend ? Encapsulation::kSend : Encapsulation::kChannelData;
}

}  // namespace

Traffic::Traffic(const Options& options, Port& port, const MacPair& macs,
                 const TurnClients& clients, PcapOut* pcap)
    : options_(options), port_(port), pcap_(pcap), flows_(options.active) {
  stride_ = StrideFor(options.active);
  const uint16_t largest = options.profile.largest();
  const Family client = options.server.address.family();
  const Family peer = options.peers.family();
  if (options.load != Load::kPeer) {
    writers_[0] = std::make_unique<FrameWriter>(Direction::kToPeer, EncapsulationOf(options.load),
                                                macs, options.server, client, peer, largest);
    meters_[0] = std::make_unique<FlowMeter>(Direction::kToPeer, options.active);
  }
  if (options.load == Load::kPeer || options.load == Load::kBoth) {
    writers_[1] = std::make_unique<FrameWriter>(Direction::kToClient, Encapsulation::kNone, macs,
                                                options.server, peer, peer, largest);
    meters_[1] = std::make_unique<FlowMeter>(Direction::kToClient, options.active);
  }
  for (uint32_t number = 0; number < options.active; ++number) AddFlow(number, clients);
  for (int i = 0; i < kAhead; ++i) ahead_ = After(ahead_);
}

Traffic::~Traffic() {
  rte_pktmbuf_free_bulk(pending_.frames + pending_.begin, pending_.end - pending_.begin);
}

void Traffic::AddFlow(uint32_t number, const TurnClients& clients) {
  Flow& flow = flows_[number];
  const auto set = [](const Endpoint& endpoint, uint8_t* address, uint16_t* port) {
    std::copy_n(endpoint.address.bytes(), 16, address);
    *port = __builtin_bswap16(endpoint.port);
  };
  set(options_.clients.At(number), flow.client, &flow.client_port);
  set(options_.peers.At(number), flow.peer, &flow.peer_port);
  const Endpoint nowhere = {options_.server.address, kNowhere};
  set(options_.reflect ? nowhere : clients.Relayed(number), flow.relayed, &flow.relayed_port);
}

void Traffic::Begin(double rate_pps, uint64_t tsc_hz, uint64_t now) {
  ++phase_;
  for (Flow& flow : flows_) flow.sequence[0] = flow.sequence[1] = 0;
  for (auto& meter : meters_)
    if (meter) meter->Begin(phase_);
  turn_ = writers_[0] ? Direction::kToPeer : Direction::kToClient;
  tsc_hz_ = tsc_hz;
  paced_ = rate_pps > 0;
  pacer_ = Pacer(rate_pps, kLeastDebt, tsc_hz, now);
  began_ = now;
  sending_ = true;
}

void Traffic::Stop(uint64_t now) {
  ended_ = now;
  sending_ = false;
  rte_pktmbuf_free_bulk(pending_.frames + pending_.begin, pending_.end - pending_.begin);
  pending_.begin = pending_.end = 0;
}

double Traffic::Seconds(uint64_t now) const {
  return static_cast<double>((sending_ ? now : ended_) - began_) / static_cast<double>(tsc_hz_);
}

unsigned Traffic::SendDue(uint64_t now) {
  if (!sending_) return 0;
  const double due = paced_ ? pacer_.Due(now) : Port::kBurst;
  if (pending_.begin == pending_.end) {
    const auto count = static_cast<unsigned>(std::min<double>(due, Port::kBurst));
    if (count == 0) return 0;
    Build(count, now);
  }
  return Flush(now);
}

void Traffic::Build(unsigned count, uint64_t now) {
  pending_.begin = pending_.end = 0;
  if (rte_pktmbuf_alloc_bulk(port_.pool(), pending_.frames, count) != 0) return;
  const bool both = writers_[0] && writers_[1];
  for (unsigned i = 0; i < count; ++i) {
    rte_mbuf* mbuf = pending_.frames[i];
    const Direction direction = turn_;
    Flow& flow = flows_[flow_];
    const uint16_t size = options_.profile.Size(flow_, flow.sequence[Index(direction)]);
    mbuf->data_len = writers_[Index(direction)]->Write(rte_pktmbuf_mtod(mbuf, uint8_t*), flow,
                                                       flow_, phase_, size, now);
    mbuf->pkt_len = mbuf->data_len;
    pending_.directions[i] = direction;
    if (both) turn_ = direction == Direction::kToPeer ? Direction::kToClient : Direction::kToPeer;
    if (!both || turn_ == Direction::kToPeer) {
      flow_ = After(flow_);
      ahead_ = After(ahead_);
      __builtin_prefetch(&flows_[ahead_], 1);
    }
  }
  pending_.end = count;
  pacer_.Take(count);
}

unsigned Traffic::Flush(uint64_t now) {
  const unsigned waiting = pending_.end - pending_.begin;
  // The frames are the device's once it has taken them.
  if (pcap_ != nullptr && !pcap_->full() && pending_.begin == 0) {
    for (unsigned i = 0; i < waiting; ++i) Record(pending_.frames[i], now);
  }
  const uint16_t sent = rte_eth_tx_burst(port_.id(), 0, pending_.frames + pending_.begin,
                                         static_cast<uint16_t>(waiting));
  unsigned to_peer = 0;
  for (unsigned i = pending_.begin; i < pending_.begin + sent; ++i)
    to_peer += pending_.directions[i] == Direction::kToPeer ? 1 : 0;
  if (meters_[0]) meters_[0]->CountSent(to_peer);
  if (meters_[1]) meters_[1]->CountSent(sent - to_peer);
  pending_.begin += sent;
  return sent;
}

void Traffic::Record(const rte_mbuf* frame, uint64_t now) {
  const double nanoseconds = static_cast<double>(now - began_) * 1e9 / static_cast<double>(tsc_hz_);
  pcap_->Write(rte_pktmbuf_mtod(frame, const uint8_t*), frame->pkt_len,
               static_cast<uint64_t>(nanoseconds));
}

bool Traffic::Receive(Direction arrived, const UdpView& view, const uint8_t* payload, size_t size,
                      uint64_t now) {
  Stamp stamp;
  if (!ReadStamp(payload, size, stamp)) return false;
  if (options_.reflect) arrived = static_cast<Direction>(stamp.direction & 1);
  FlowMeter* meter = meters_[Index(arrived)].get();
  if (meter == nullptr) return true;
  const bool ours = stamp.direction == static_cast<uint8_t>(arrived) &&
                    stamp.flow < flows_.size() && stamp.tsc <= now;
  if (!ours || (++sample_ % kSampled == 0 && !IsSound(stamp, arrived, view, size))) {
    meter->CountCorrupt();
    return true;
  }
  meter->Receive(stamp, now);
  return true;
}

bool Traffic::IsSound(const Stamp& stamp, Direction arrived, const UdpView& view,
                      size_t size) const {
  const EndpointPlan& plan = arrived == Direction::kToPeer ? options_.peers : options_.clients;
  const Endpoint destination = {view.destination(), view.destination_port()};
  return (options_.reflect || plan.At(stamp.flow) == destination) &&
         size == options_.profile.Size(stamp.flow, stamp.sequence) &&
         ChecksumsAreRight(view, port_.partial_checksums());
}

FlowCounts Traffic::Counts() const {
  FlowCounts counts;
  for (const auto& meter : meters_)
    if (meter) counts = counts + meter->counts();
  return counts;
}

}  // namespace causeway::gen

// The load: which packet when, and what came of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "perf/gen/flow_meter.h"
#include "perf/gen/frame_writer.h"
#include "perf/gen/frames.h"
#include "perf/gen/options.h"
#include "perf/gen/pacer.h"
#include "perf/gen/pcap_out.h"
#include "perf/gen/port.h"
#include "perf/gen/turn_client.h"

struct rte_mbuf;

namespace causeway::gen {

/// Sends at an even pace over all flows, both directions in turn, in an order that is no
/// allocation's neighbour's, and meters what arrives. One thread.
class Traffic {
 public:
  /// The clients are set up, their relayed addresses known. `pcap` may be nullptr.
  Traffic(const Options& options, Port& port, const MacPair& macs, const TurnClients& clients,
          PcapOut* pcap);
  /// Frees frames that the device has not taken.
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  /// A phase begins: all is counted from zero. A rate of 0: as fast as the device takes frames.
  void Begin(double rate_pps, uint64_t tsc_hz, uint64_t now);
  /// Sends what is due, a burst at most; returns how many frames the device took. Where it takes
  /// too few, the rate that was sent says so.
  unsigned SendDue(uint64_t now);
  /// Ends sending: nothing is due any more.
  void Stop(uint64_t now);
  bool sending() const { return sending_; }
  /// Seconds from Begin to Stop, or to `now`.
  double Seconds(uint64_t now) const;

  /// The payload of a packet that arrived: at a client out of ChannelData or a Data indication
  /// (kToClient), or at a peer. Returns whether it was a stamped payload at all.
  bool Receive(Direction arrived, const UdpView& view, const uint8_t* payload, size_t size,
               uint64_t now);
  /// Brings into the cache what Receive will need.
  void Prefetch(Direction arrived, const uint8_t* payload, size_t size) const {
    uint32_t flow;
    if (size < sizeof(Stamp) || !meters_[Index(arrived)]) return;
    std::memcpy(&flow, payload + offsetof(Stamp, flow), sizeof(flow));
    meters_[Index(arrived)]->Prefetch(flow);
  }
  /// nullptr for a direction without load.
  const FlowMeter* meter(Direction direction) const { return meters_[Index(direction)].get(); }
  FlowCounts Counts() const;

 private:
  static int Index(Direction direction) { return static_cast<int>(direction); }
  void AddFlow(uint32_t number, const TurnClients& clients);
  void Build(unsigned count, uint64_t now);
  unsigned Flush(uint64_t now);
  uint32_t After(uint32_t flow) const {
    const uint64_t next = uint64_t{flow} + stride_;
    return static_cast<uint32_t>(next < flows_.size() ? next : next - flows_.size());
  }
  bool IsSound(const Stamp& stamp, Direction arrived, const UdpView& view, size_t size) const;
  void Record(const rte_mbuf* frame, uint64_t now);

  const Options& options_;
  Port& port_;
  PcapOut* pcap_;
  std::vector<Flow> flows_;
  std::unique_ptr<FrameWriter> writers_[2];
  std::unique_ptr<FlowMeter> meters_[2];
  Direction turn_ = Direction::kToPeer;
  uint32_t flow_ = 0;    // the next to send
  uint32_t stride_ = 1;  // from one flow to the next; prime to their number
  uint32_t ahead_ = 0;   // some flows after flow_: brought into the cache
  uint16_t phase_ = 0;
  uint32_t sample_ = 0;

  bool sending_ = false;
  Pacer pacer_;
  bool paced_ = true;
  uint64_t began_ = 0;
  uint64_t ended_ = 0;
  uint64_t tsc_hz_ = 1;

  struct Pending {
    rte_mbuf* frames[Port::kBurst];
    Direction directions[Port::kBurst];
    unsigned begin = 0;
    unsigned end = 0;
  } pending_;
};

}  // namespace causeway::gen

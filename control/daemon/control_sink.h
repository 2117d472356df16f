// Where the shards' events go.
#pragma once

#include "control/next_hop/next_hops.h"
#include "control/turn/server.h"
#include "dataplane/commands.h"
#include "dataplane/link/link.h"

namespace causeway::daemon {

/// Control thread only. All that it refers to outlives it.
class ControlSink : public EventSink {
 public:
  /// `link` is the one whose frames for the kernel are events, if there is one.
  ControlSink(turn::Server& server, next_hop::NextHops& next_hops, Link& link)
      : server_(server), next_hops_(next_hops), link_(link) {}

  /// Time of the events that follow.
  void SetNow(const turn::Now& now) { now_ = now; }
  const turn::Now& now() const { return now_; }

  void OnRequest(const ClientLeg& leg, absl::Span<const uint8_t> message) override;
  void OnUnknownClient(ShardId shard, const ClientTuple& tuple) override;
  void OnUnresolved(ShardId shard, const IpAddress& destination) override;
  void OnAllocationEnded(ShardId shard, AllocationId allocation,
                         const MeterReading& totals) override;
  void OnRoutesAdopted(ShardId shard, uint32_t generation) override;
  void OnKernelFrame(absl::Span<const uint8_t> frame) override;

 private:
  turn::Server& server_;
  next_hop::NextHops& next_hops_;
  Link& link_;
  turn::Now now_;
};

}  // namespace causeway::daemon

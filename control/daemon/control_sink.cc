#include "control/daemon/control_sink.h"

#include "spdlog/spdlog.h"

namespace causeway::daemon {

void ControlSink::OnRequest(const ClientLeg& leg, absl::Span<const uint8_t> message) {
  if (spdlog::should_log(spdlog::level::debug)) {
    spdlog::debug("STUN message of {} bytes from {} on worker {}", message.size(),
                  leg.tuple.client.ToString(), leg.route.front_end);
  }
  server_.HandleRequest(leg, message, now_);
}

void ControlSink::OnUnknownClient(ShardId shard, const ClientTuple& tuple) {
  server_.HandleUnknownClient(shard, tuple);
}

void ControlSink::OnUnresolved(ShardId, const IpAddress& destination) {
  next_hops_.OnUnresolved(destination);
}

void ControlSink::OnAllocationEnded(ShardId shard, AllocationId allocation,
                                    const MeterReading& totals) {
  server_.HandleAllocationEnded(shard, allocation, totals);
}

void ControlSink::OnRoutesAdopted(ShardId shard, uint32_t generation) {
  next_hops_.OnRoutesAdopted(shard, generation);
}

void ControlSink::OnKernelFrame(absl::Span<const uint8_t> frame) { link_.WriteMirror(frame); }

}  // namespace causeway::daemon

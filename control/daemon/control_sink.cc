#include "control/daemon/control_sink.h"

#include "spdlog/spdlog.h"

namespace causeway::daemon {

void ControlSink::OnRequest(ShardId shard, const ClientTuple& tuple,
                            absl::Span<const uint8_t> datagram) {
  if (spdlog::should_log(spdlog::level::debug)) {
    spdlog::debug("STUN message of {} bytes from {} on worker {}", datagram.size(),
                  tuple.client.ToString(), shard);
  }
  server_.HandleRequest(shard, tuple, datagram, now_);
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

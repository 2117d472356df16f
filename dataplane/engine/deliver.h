// What becomes of a shard's events on the control thread.
#pragma once

#include <rte_mbuf.h>

#include <utility>
#include <variant>

#include "dataplane/commands.h"
#include "dataplane/shard/events.h"

namespace causeway {

/// For the headers that the shard writes in front of a message: Ethernet, IPv6, UDP.
inline constexpr unsigned kHeaderRoom = 14 + 40 + 8;
/// How many events ahead the buffer, and then the bytes in it, are fetched.
inline constexpr unsigned kBuffersAhead = 4;
inline constexpr unsigned kBytesAhead = 2;

/// Whether a message may be written over the one in this buffer, and sent from there.
inline bool TakesReply(const rte_mbuf* buffer, size_t size) {
  return rte_pktmbuf_headroom(buffer) >= kHeaderRoom &&
         buffer->data_off + size <= buffer->buf_len && buffer->nb_segs == 1 &&
         RTE_MBUF_DIRECT(buffer) && rte_mbuf_refcnt_read(buffer) == 1;
}

/// Takes events apart: tells the sink, frees buffers.
struct Deliver {
  EventSink& sink;
  ShardId shard;
  rte_mbuf*& request;  // the one that the sink deals with, until an answer takes it

  static absl::Span<const uint8_t> Bytes(const rte_mbuf* buffer) {
    return {rte_pktmbuf_mtod(buffer, const uint8_t*), buffer->data_len};
  }
  void operator()(const RequestEvent& event) const {
    request = event.buffer;
    sink.OnRequest({event.tuple, {.front_end = shard}}, Bytes(event.buffer));
    rte_pktmbuf_free(std::exchange(request, nullptr));
  }
  void operator()(const UnknownClientEvent& event) const {
    sink.OnUnknownClient(shard, event.tuple);
  }
  void operator()(const UnresolvedEvent& event) const {
    sink.OnUnresolved(shard, event.destination);
  }
  void operator()(const AllocationEndedEvent& event) const {
    sink.OnAllocationEnded(shard, event.allocation, event.totals);
  }
  void operator()(const RoutesAdoptedEvent& event) const {
    sink.OnRoutesAdopted(shard, event.generation);
  }
  void operator()(const KernelFrameEvent& event) const {
    sink.OnKernelFrame(Bytes(event.buffer));
    rte_pktmbuf_free(event.buffer);
  }
};

/// Requests were last touched by their shard's core: those soon to come are brought in while the
/// one `at` is dealt with.
inline void PrefetchRequests(const Event* events, unsigned count, unsigned at) {
  const auto request = [&](unsigned i) -> const RequestEvent* {
    return i < count ? std::get_if<RequestEvent>(&events[i]) : nullptr;
  };
  if (const RequestEvent* event = request(at + kBuffersAhead)) __builtin_prefetch(event->buffer, 1);
  const RequestEvent* event = request(at + kBytesAhead);
  if (event == nullptr) return;
  const auto* bytes = rte_pktmbuf_mtod(event->buffer, const uint8_t*);
  for (unsigned i = 0; i < 4; ++i) __builtin_prefetch(bytes + 64 * i, 1);
}

}  // namespace causeway

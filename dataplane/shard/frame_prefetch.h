// Received frames, on their way from memory before they are read.
#pragma once

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>

namespace causeway {

/// Brings in an mbuf and the line in which its headers begin. Where that is it knows from the frame
/// before: a driver leaves the same room in front of all (AF_XDP 384 bytes, most others 128), and
/// to read it from the mbuf itself would be to wait for the very line that is to be fetched. A
/// wrong guess is a fetch for nothing. Worker lcore only.
class FramePrefetch {
 public:
  /// For the first frame: an mbuf of this pool with DPDK's usual headroom.
  void Start(rte_mempool* pool) {
    distance_ = static_cast<ptrdiff_t>(sizeof(rte_mbuf)) + rte_pktmbuf_priv_size(pool) +
                RTE_PKTMBUF_HEADROOM;
  }
  /// `frame` is as received, and in the cache.
  void Learn(const rte_mbuf* frame) {
    distance_ = rte_pktmbuf_mtod(frame, const uint8_t*) - reinterpret_cast<const uint8_t*>(frame);
  }
  /// Where this frame's headers are thought to begin; the mbuf is not read.
  const uint8_t* HeadersOf(const rte_mbuf* frame) const {
    return reinterpret_cast<const uint8_t*>(frame) + distance_;
  }
  void operator()(const rte_mbuf* frame) const {
    __builtin_prefetch(frame);
    __builtin_prefetch(HeadersOf(frame));
  }

 private:
  ptrdiff_t distance_ = 0;
};

}  // namespace causeway

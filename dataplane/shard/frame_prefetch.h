// Received frames, on their way from memory before they are read.
#pragma once

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>

namespace causeway {

/// Brings in an mbuf and the lines in which its headers stand. Where these are it knows from the
/// frame before: a driver leaves the same room in front of all (AF_XDP 384 bytes, most others 128),
/// and to read it from the mbuf itself would be to wait for the very line that is to be fetched. A
/// wrong guess is a fetch for nothing. Worker lcore only.
class FramePrefetch {
 public:
  /// For the first frame: an mbuf of this pool with DPDK's usual headroom.
  void Start(rte_mempool* pool) {
    first_ = static_cast<ptrdiff_t>(sizeof(rte_mbuf)) + rte_pktmbuf_priv_size(pool) +
             RTE_PKTMBUF_HEADROOM;
    last_ = first_;
  }
  /// `frame` is as received, and in the cache.
  void Learn(const rte_mbuf* frame) {
    const auto* ethernet = rte_pktmbuf_mtod(frame, const uint8_t*);
    first_ = ethernet - reinterpret_cast<const uint8_t*>(frame);
    last_ = first_ + (ethernet[kEtherType] == kV6 ? kBeforeDataV6 : 0);
  }
  /// Where this frame's headers are thought to begin; the mbuf is not read.
  const uint8_t* HeadersOf(const rte_mbuf* frame) const {
    return reinterpret_cast<const uint8_t*>(frame) + first_;
  }
  /// Where they are thought to end, when that is in another line, else where they begin.
  const uint8_t* EndOfHeadersOf(const rte_mbuf* frame) const {
    return reinterpret_cast<const uint8_t*>(frame) + last_;
  }
  void operator()(const rte_mbuf* frame) const {
    __builtin_prefetch(frame);
    __builtin_prefetch(HeadersOf(frame));
    __builtin_prefetch(EndOfHeadersOf(frame));
  }

 private:
  static constexpr unsigned kEtherType = 12;
  static constexpr uint8_t kV6 = 0x86;
  // Ethernet, IPv6 and UDP, then the data's first bytes: a line more than with IPv4.
  static constexpr ptrdiff_t kBeforeDataV6 = 14 + 40 + 8;

  ptrdiff_t first_ = 0;
  ptrdiff_t last_ = 0;
};

}  // namespace causeway

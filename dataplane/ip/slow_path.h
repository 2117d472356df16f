// What few packets need: reassembly, fragmentation, ICMP errors. Out of line, never in the fast
// path's way. All frames begin with an Ethernet header; l3 starts at byte 14. Worker lcore only;
// nothing here blocks.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "dataplane/address.h"

struct rte_mbuf;
struct rte_mempool;

namespace causeway {

/// Puts IPv4 and IPv6 fragments together (RFC 791, RFC 8200 section 4.5; overlapping IPv6 fragments
/// discard the datagram, RFC 5722). Bounded: a fixed number of datagrams under way, each for at
/// most two seconds.
class Reassembler {
 public:
  static absl::StatusOr<std::unique_ptr<Reassembler>> Create(rte_mempool* jumbo_pool, int socket);
  virtual ~Reassembler() = default;
  /// Takes ownership of a fragment. Returns the whole datagram as one contiguous frame (fragment
  /// fields and the IPv6 fragment header gone, IPv4 header checksum right, original L2 header), or
  /// nullptr while it is not complete. `dropped` counts the datagrams (at least one per call that
  /// drops) given up by this call.
  virtual rte_mbuf* Add(rte_mbuf* fragment, uint64_t now_tsc, unsigned* dropped) = 0;
  /// Frees what timed out; returns how many fragments that were. Call about ten times a second.
  virtual unsigned Expire(uint64_t now_tsc) = 0;
};

/// Cuts an IPv4 or IPv6 frame into fragments whose IP packets are at most `mtu` bytes, each a new
/// contiguous mbuf from `pool`. `identification` is used for all (16 bits for IPv4). Returns how
/// many were written to `out`, or 0 when `out` is too small or `pool` is empty (nothing is leaked).
/// The input is not consumed.
unsigned FragmentFrame(const rte_mbuf* frame, uint16_t mtu, uint32_t identification,
                       rte_mempool* pool, absl::Span<rte_mbuf*> out);

enum class IcmpKind : uint8_t { kPacketTooBig, kTimeExceeded };

/// Makes the ICMP (v4: 3/4 with MTU or 11/0) or ICMPv6 (2/0 or 3/0) error about `offending`, a
/// frame as received: back to its sender (link addresses swapped), from `source`, quoting as much
/// as RFC 1812 (576 bytes in all) or RFC 4443 (1,280) allow. nullptr when the pool is empty or RFC
/// 1122 section 3.2.2 forbids an answer (multicast, broadcast, ICMP error, non-first fragment).
rte_mbuf* MakeIcmpError(IcmpKind kind, const rte_mbuf* offending, const IpAddress& source,
                        uint16_t mtu, rte_mempool* pool);

}  // namespace causeway

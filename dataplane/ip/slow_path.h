// What few packets need: reassembly, fragmentation, ICMP errors. Out of line, never in the fast
// path's way. All frames begin with an Ethernet header; l3 starts at byte 14. Frames are one mbuf
// segment. Worker lcore only; nothing here blocks.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "dataplane/address.h"

struct rte_mbuf;
struct rte_mempool;

namespace causeway {

/// Puts IPv4 and IPv6 fragments together (RFC 791, RFC 8200 section 4.5). Overlapping fragments
/// discard their datagram in both families, those still to come included (RFC 5722; for IPv4 as
/// Linux does); an exact duplicate is dropped alone. Fragments that are empty, misaligned, reach
/// past 65,535 bytes or, first of their datagram, lack part of its headers (RFC 7112) are dropped.
/// ECN as RFC 3168 section 5.3 says. Bounded: a fixed number of datagrams and of fragments under
/// way; the oldest datagram makes room for a new one, so that a flood does not lock others out. A
/// datagram larger than a jumbo buffer is dropped (an mbuf counts its bytes in 16 bits: with 128
/// bytes of headroom and the Ethernet header, IP packets of up to 65,393 bytes fit).
class Reassembler {
 public:
  /// Datagrams under way, and fragments held for them all together.
  static constexpr unsigned kMaxDatagrams = 512;
  static constexpr unsigned kMaxFragments = 1024;
  static constexpr unsigned kMaxFragmentsPerDatagram = 128;
  /// How long a datagram may take from its first fragment seen to its last.
  static constexpr unsigned kTimeoutSeconds = 2;

  /// Takes about 100 kB of DPDK memory on `socket`. ResourceExhaustedError when that is not there.
  static absl::StatusOr<std::unique_ptr<Reassembler>> Create(rte_mempool* jumbo_pool, int socket);
  /// Frees the fragments that it holds.
  virtual ~Reassembler() = default;
  /// Takes ownership of a fragment. Returns the whole datagram as one contiguous frame (fragment
  /// fields and the IPv6 fragment header gone, IPv4 header checksum right, L2 header of the first
  /// fragment), or nullptr while it is not complete. A packet that is whole by itself comes back as
  /// it is, without its IPv6 fragment header if it has one (RFC 6946). `dropped` is set to how many
  /// fragments this call gave up: this one, those of its datagram, those of an older datagram that
  /// made room.
  virtual rte_mbuf* Add(rte_mbuf* fragment, uint64_t now_tsc, unsigned* dropped) = 0;
  /// Frees what timed out; returns how many fragments that were. Call about ten times a second.
  virtual unsigned Expire(uint64_t now_tsc) = 0;
};

/// Cuts an IPv4 or IPv6 frame into fragments whose IP packets are at most `mtu` bytes, each a new
/// contiguous mbuf from `pool`. `identification` is used for all (16 bits for IPv4). A packet that
/// fits is copied whole. DF is the caller's decision: it is not looked at, and comes out clear.
/// Returns how many were written to `out`, or 0 (and nothing is leaked) when `out` is too small,
/// `pool` is empty, `mtu` has no room for eight bytes of data, or the frame is not what this relay
/// makes: no IPv4 options, no IPv6 extension headers, not a fragment. The input is not consumed.
unsigned FragmentFrame(const rte_mbuf* frame, uint16_t mtu, uint32_t identification,
                       rte_mempool* pool, absl::Span<rte_mbuf*> out);

enum class IcmpKind : uint8_t { kPacketTooBig, kTimeExceeded };

/// Makes the ICMP (v4: 3/4 with MTU or 11/0) or ICMPv6 (2/0 or 3/0) error about `offending`, a
/// frame as received: back to its sender (link addresses swapped), from `source` (of the frame's
/// family), quoting as much as RFC 1812 (576 bytes in all) or RFC 4443 (1,280) allow. nullptr when
/// the pool is empty, the frame is malformed or RFC 1122 section 3.2.2 or RFC 4443 section 2.4
/// forbids an answer (multicast, broadcast, ICMP error, non-first fragment). Limiting their rate is
/// the caller's part.
rte_mbuf* MakeIcmpError(IcmpKind kind, const rte_mbuf* offending, const IpAddress& source,
                        uint16_t mtu, rte_mempool* pool);

}  // namespace causeway

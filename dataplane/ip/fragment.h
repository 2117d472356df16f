// One IP fragment, read. Internal to reassembly.
#pragma once

#include <cstdint>

#include "dataplane/address.h"

struct rte_mbuf;

namespace causeway {

/// What the fragments of one datagram have in common (RFC 791; RFC 8200 section 4.5).
struct DatagramKey {
  IpAddress source;
  IpAddress destination;
  uint32_t identification;
  uint16_t protocol;  // IPv4; kIpv6Datagram for IPv6, where it counts in the first fragment only
  friend bool operator==(const DatagramKey&, const DatagramKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const DatagramKey& k) {
    return H::combine(std::move(h), k.source, k.destination, k.identification, k.protocol);
  }
};
inline constexpr uint16_t kIpv6Datagram = 0x100;

struct Fragment {
  DatagramKey key;
  uint16_t start;  // of its data in the datagram's, in bytes
  uint16_t end;
  bool more;
  uint8_t ecn;
  uint16_t data_at;  // where its data begins in the frame
  // What stands before the data in the whole datagram: the IPv4 header, or the IPv6 headers before
  // the fragment header, which follows at once.
  uint16_t front_size;
  uint16_t next_header_field;  // IPv6: where in the packet the fragment header is announced
  uint8_t next_header;         // IPv6: what follows the fragment header
};

enum class FragmentKind : uint8_t {
  kWhole,     // no fragment at all
  kAtomic,    // IPv6 with a fragment header, yet whole (RFC 6946)
  kFragment,  // one of several
  kBad,       // malformed, or against the rules that Reassembler states
};

/// Reads a frame. `fragment` is set for kAtomic and kFragment.
FragmentKind ReadFragment(const rte_mbuf* frame, Fragment* fragment);

/// Takes the fragment header out of an atomic fragment, in place.
void RemoveFragmentHeader(rte_mbuf* frame, const Fragment& fragment);

}  // namespace causeway

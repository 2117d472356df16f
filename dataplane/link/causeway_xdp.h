// The maps that our XDP program and the link share. C, for the BPF compiler too.
#pragma once

#include <linux/types.h>

// Flag bits of a destination prefix: which of the two port ranges is ours on it. The longest match
// alone counts, so an entry carries the bits of every shorter prefix around it.
#define CAUSEWAY_LISTEN 1u
#define CAUSEWAY_RELAY 2u

// A program of this name on an interface is ours.
#define CAUSEWAY_PROGRAM "causeway_xdp"
// Names of the maps; the AF_XDP driver of DPDK wants the first as it is.
#define CAUSEWAY_SOCKETS_MAP "xsks_map"
#define CAUSEWAY_V4_MAP "causeway_v4"
#define CAUSEWAY_V6_MAP "causeway_v6"
#define CAUSEWAY_PORTS_MAP "causeway_ports"
#define CAUSEWAY_FRAGMENTS_MAP "causeway_frags"

#define CAUSEWAY_MAX_QUEUES 64
#define CAUSEWAY_MAX_PREFIXES 131072
#define CAUSEWAY_MAX_FRAGMENTED 16384
// How long the fragments of one datagram may lag behind the first; as long as the shards wait.
#define CAUSEWAY_FRAGMENT_NS 2000000000ull

struct causeway_v4_key {
  __u32 length;  // bits
  __u8 address[4];
};
struct causeway_v6_key {
  __u32 length;  // bits
  __u8 address[16];
};
// The one element of the ports map; host order, ranges inclusive. All zero: nothing is ours.
struct causeway_ports {
  __u16 listen;
  __u16 relay_first;
  __u16 relay_last;
  __u16 reserved;
};
// A datagram under way in fragments; IPv4 addresses take the first four bytes. The value is the
// time of its first fragment in nanoseconds.
struct causeway_fragment_key {
  __u8 source[16];
  __u8 destination[16];
  __u32 id;      // network order
  __u32 family;  // 4 or 6
};

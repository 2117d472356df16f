// Takes from an interface what the relay serves and leaves the kernel all else. Runs for every
// frame, in the kernel: UDP to a listening address and port or to a relay prefix and port goes to
// the AF_XDP socket of the frame's queue; a fragment follows the first one of its datagram.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
//
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "causeway_xdp.h"

#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV6_FRAGMENT_OFFSET 0xfff8
#define IPV6_MORE_FRAGMENTS 0x0001
#define MAX_EXTENSION_HEADERS 6

struct ipv6_extension {
  __u8 next;
  __u8 length;  // 8-byte units after the first
};
struct ipv6_fragment {
  __u8 next;
  __u8 reserved;
  __be16 offset;
  __be32 id;
};

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, CAUSEWAY_MAX_QUEUES);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, CAUSEWAY_MAX_PREFIXES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct causeway_v4_key);
  __type(value, __u32);
} causeway_v4 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, CAUSEWAY_MAX_PREFIXES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct causeway_v6_key);
  __type(value, __u32);
} causeway_v6 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct causeway_ports);
} causeway_ports SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, CAUSEWAY_MAX_FRAGMENTED);
  __type(key, struct causeway_fragment_key);
  __type(value, __u64);
} causeway_frags SEC(".maps");

static __always_inline int to_us(struct xdp_md* ctx) {
  return bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_PASS);
}

static __always_inline int port_is_ours(const struct udphdr* udp, __u32 flags) {
  const __u32 zero = 0;
  const struct causeway_ports* ports = bpf_map_lookup_elem(&causeway_ports, &zero);
  const __u16 port = bpf_ntohs(udp->dest);
  if (!ports || port == 0) return 0;
  if ((flags & CAUSEWAY_LISTEN) && port == ports->listen) return 1;
  return (flags & CAUSEWAY_RELAY) && port >= ports->relay_first && port <= ports->relay_last;
}

static __always_inline void remember(const struct causeway_fragment_key* key) {
  const __u64 now = bpf_ktime_get_ns();
  bpf_map_update_elem(&causeway_frags, key, &now, BPF_ANY);
}

static __always_inline int is_remembered(const struct causeway_fragment_key* key) {
  const __u64* first = bpf_map_lookup_elem(&causeway_frags, key);
  return first && bpf_ktime_get_ns() - *first < CAUSEWAY_FRAGMENT_NS;
}

static __always_inline int ipv4(struct xdp_md* ctx, void* l3, void* end) {
  const struct iphdr* ip = l3;
  if ((void*)(ip + 1) > end || ip->version != 4 || ip->ihl < 5) return XDP_PASS;
  if (ip->protocol != IPPROTO_UDP) return XDP_PASS;

  struct causeway_v4_key key = {.length = 32};
  __builtin_memcpy(key.address, &ip->daddr, 4);
  const __u32* flags = bpf_map_lookup_elem(&causeway_v4, &key);
  if (!flags) return XDP_PASS;

  const __u16 fragment = bpf_ntohs(ip->frag_off);
  struct causeway_fragment_key datagram = {.id = ip->id, .family = 4};
  __builtin_memcpy(datagram.source, &ip->saddr, 4);
  __builtin_memcpy(datagram.destination, &ip->daddr, 4);
  if (fragment & IPV4_FRAGMENT_OFFSET) return is_remembered(&datagram) ? to_us(ctx) : XDP_PASS;

  const struct udphdr* udp = l3 + ip->ihl * 4;
  if ((void*)(udp + 1) > end || !port_is_ours(udp, *flags)) return XDP_PASS;
  if (fragment & IPV4_MORE_FRAGMENTS) remember(&datagram);
  return to_us(ctx);
}

static __always_inline int ipv6(struct xdp_md* ctx, void* l3, void* end) {
  const struct ipv6hdr* ip = l3;
  if ((void*)(ip + 1) > end || ip->version != 6) return XDP_PASS;

  struct causeway_v6_key key = {.length = 128};
  __builtin_memcpy(key.address, &ip->daddr, 16);
  const __u32* flags = bpf_map_lookup_elem(&causeway_v6, &key);
  if (!flags) return XDP_PASS;

  struct causeway_fragment_key datagram = {.family = 6};
  __builtin_memcpy(datagram.source, &ip->saddr, 16);
  __builtin_memcpy(datagram.destination, &ip->daddr, 16);
  int fragmented = 0;
  __u8 next = ip->nexthdr;
  void* at = l3 + sizeof(*ip);

#pragma unroll
  for (int i = 0; i < MAX_EXTENSION_HEADERS; ++i) {
    if (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) {
      const struct ipv6_extension* extension = at;
      if ((void*)(extension + 1) > end) return XDP_PASS;
      next = extension->next;
      at += 8 + extension->length * 8;
    } else if (next == IPPROTO_FRAGMENT) {
      const struct ipv6_fragment* fragment = at;
      if ((void*)(fragment + 1) > end) return XDP_PASS;
      const __u16 offset = bpf_ntohs(fragment->offset);
      datagram.id = fragment->id;
      if (offset & IPV6_FRAGMENT_OFFSET) return is_remembered(&datagram) ? to_us(ctx) : XDP_PASS;
      fragmented = offset & IPV6_MORE_FRAGMENTS;
      next = fragment->next;
      at += sizeof(*fragment);
    } else {
      break;
    }
  }
  if (next != IPPROTO_UDP) return XDP_PASS;
  const struct udphdr* udp = at;
  if ((void*)(udp + 1) > end || !port_is_ours(udp, *flags)) return XDP_PASS;
  if (fragmented) remember(&datagram);
  return to_us(ctx);
}

SEC("xdp")
int causeway_xdp(struct xdp_md* ctx) {
  void* data = (void*)(long)ctx->data;
  void* end = (void*)(long)ctx->data_end;
  const struct ethhdr* ethernet = data;
  if ((void*)(ethernet + 1) > end) return XDP_PASS;
  if (ethernet->h_proto == bpf_htons(ETH_P_IP)) return ipv4(ctx, data + sizeof(*ethernet), end);
  if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) return ipv6(ctx, data + sizeof(*ethernet), end);
  return XDP_PASS;
}

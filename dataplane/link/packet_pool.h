// Packet buffers that every link can receive into.
#pragma once

#include <cstdint>
#include <string>

struct rte_mempool;

namespace causeway {

/// Bytes that one buffer of a pool takes, for IP packets of `mtu` bytes.
uint64_t PacketBufferBytes(uint16_t mtu);

/// A pool of `count` rte_pktmbufs with room for IP packets of `mtu` bytes and the usual headroom of
/// RTE_PKTMBUF_HEADROOM and more. Fit for AF_XDP: the pool is one piece of memory, and a buffer,
/// with the 256 bytes that XDP wants before a packet, is at most a page. nullptr when there is no
/// such memory; rte_mempool_free frees it.
rte_mempool* CreatePacketPool(const std::string& name, unsigned count, uint16_t mtu);

}  // namespace causeway

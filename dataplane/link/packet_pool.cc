#include "dataplane/link/packet_pool.h"

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

#include <algorithm>

namespace causeway {
namespace {

constexpr unsigned kXdpHeadroom = 256;  // XDP_PACKET_HEADROOM
constexpr unsigned kUsualRoom = 2048 + RTE_PKTMBUF_HEADROOM;
constexpr unsigned kCache = 256;
// Without it DPDK would pad a 4,096-byte buffer to 4,160 bytes, and AF_XDP refuse it.
constexpr unsigned kFlags = RTE_MEMPOOL_F_NO_SPREAD;

unsigned DataRoom(uint16_t mtu) {
  const unsigned needed = RTE_PKTMBUF_HEADROOM + kXdpHeadroom + RTE_ETHER_HDR_LEN + mtu;
  return std::max(RTE_ALIGN_CEIL(needed, RTE_CACHE_LINE_SIZE), kUsualRoom);
}

unsigned ElementSize(uint16_t mtu) {
  return static_cast<unsigned>(sizeof(rte_mbuf)) + DataRoom(mtu);
}

}  // namespace

uint64_t PacketBufferBytes(uint16_t mtu) {
  return rte_mempool_calc_obj_size(ElementSize(mtu), kFlags, nullptr);
}

rte_mempool* CreatePacketPool(const std::string& name, unsigned count, uint16_t mtu) {
  rte_mempool* pool =
      rte_mempool_create_empty(name.c_str(), count, ElementSize(mtu), kCache,
                               sizeof(rte_pktmbuf_pool_private), SOCKET_ID_ANY, kFlags);
  if (pool == nullptr) return nullptr;
  rte_pktmbuf_pool_private room = {};
  room.mbuf_data_room_size = static_cast<uint16_t>(DataRoom(mtu));
  rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), nullptr);
  rte_pktmbuf_pool_init(pool, &room);
  if (rte_mempool_populate_default(pool) != static_cast<int>(count) || pool->nb_mem_chunks != 1) {
    rte_mempool_free(pool);
    return nullptr;
  }
  rte_mempool_obj_iter(pool, &rte_pktmbuf_init, nullptr);
  return pool;
}

}  // namespace causeway

#include "dataplane/engine/pools.h"

#include <rte_mbuf.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/link/packet_pool.h"

namespace causeway {
namespace {

// A queue of the AF_XDP driver takes 2,048 buffers to receive into, may hold as many received and
// as many to send; the rest is for hand-off rings, held packets, fragments and caches.
constexpr unsigned kPackets = 16383;
constexpr unsigned kPacketsOfAFurtherLink = 8192;
constexpr unsigned kControlBuffers = 1023;  // for the mirror; answers have their requests' buffers
constexpr unsigned kJumboRoom = UINT16_MAX;

unsigned Packets(size_t links) {
  return kPackets + kPacketsOfAFurtherLink * static_cast<unsigned>(links - 1);
}

unsigned JumboBuffers(const NodeConfig& node) { return 64 + 32u * node.shards; }

}  // namespace

absl::StatusOr<Pools> Pools::Create(const NodeConfig& node, uint16_t mtu, size_t links) {
  static unsigned created = 0;
  const std::string prefix = absl::StrCat("cw", created++, "_");
  Pools pools;
  for (unsigned shard = 0; shard < node.shards; ++shard) {
    pools.packets_.push_back(
        CreatePacketPool(absl::StrCat(prefix, "packets", shard), Packets(links), mtu));
  }
  pools.jumbo_ = rte_pktmbuf_pool_create(absl::StrCat(prefix, "jumbo").c_str(), JumboBuffers(node),
                                         0, 0, kJumboRoom, SOCKET_ID_ANY);
  pools.control_ = CreatePacketPool(absl::StrCat(prefix, "control"), kControlBuffers, mtu);
  bool complete = pools.jumbo_ != nullptr && pools.control_ != nullptr;
  for (const rte_mempool* pool : pools.packets_) complete = complete && pool != nullptr;
  if (complete) return pools;
  return absl::ResourceExhaustedError(
      absl::StrCat("packet buffers need ", MemoryNeeded(node, mtu, links) >> 20,
                   " MB of DPDK memory in one piece for each worker, more than there is: reserve "
                   "more hugepages or use fewer --workers"));
}

uint64_t Pools::MemoryNeeded(const NodeConfig& node, uint16_t mtu, size_t links) {
  const uint64_t buffers = uint64_t{node.shards} * Packets(links) + kControlBuffers;
  return buffers * PacketBufferBytes(mtu) + uint64_t{JumboBuffers(node)} * (kJumboRoom + 1024u);
}

Pools& Pools::operator=(Pools&& other) noexcept {
  std::swap(packets_, other.packets_);
  std::swap(jumbo_, other.jumbo_);
  std::swap(control_, other.control_);
  return *this;
}

Pools::~Pools() { Free(); }

void Pools::Leave() {
  packets_.clear();
  jumbo_ = nullptr;
  control_ = nullptr;
}

void Pools::Free() {
  for (rte_mempool* pool : packets_) rte_mempool_free(pool);
  rte_mempool_free(jumbo_);
  rte_mempool_free(control_);
  Leave();
}

}  // namespace causeway

#include "dataplane/shard/arena.h"

#include <rte_malloc.h>

namespace causeway {

Arena::~Arena() {
  for (void* block : blocks_) rte_free(block);
}

void* Arena::TakeBytes(uint64_t size, size_t alignment) {
  size = (size + alignment - 1) / alignment * alignment;
  bytes_ += size;
  if (counting_ || size == 0 || !ok_) return nullptr;
  void* block = rte_zmalloc_socket("shard", size, static_cast<unsigned>(alignment), socket_);
  if (block == nullptr) block = rte_zmalloc("shard", size, static_cast<unsigned>(alignment));
  if (block == nullptr) {
    ok_ = false;
    return nullptr;
  }
  blocks_.push_back(block);
  return block;
}

}  // namespace causeway

// EAL on ordinary pages, and packet buffers, for tests that are linked with this: they are made
// once a process, before its first test.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tests/dataplane/wire.h"

struct rte_mbuf;
struct rte_mempool;

namespace causeway::testing {

rte_mempool* PacketPool();
/// Of buffers that hold a whole datagram.
rte_mempool* JumboPool();
/// Fails the test when a buffer of either pool is not back.
void ExpectNoLeak();

/// An mbuf of one segment that holds `frame`, from the packet pool where it fits.
rte_mbuf* ToMbuf(std::span<const uint8_t> frame);
/// What all segments of an mbuf hold.
wire::Bytes ToBytes(const rte_mbuf* mbuf);

/// Takes all buffers of a pool for a while.
class EmptiedPool {
 public:
  explicit EmptiedPool(rte_mempool* pool);
  ~EmptiedPool();
  EmptiedPool(const EmptiedPool&) = delete;
  EmptiedPool& operator=(const EmptiedPool&) = delete;

 private:
  std::vector<rte_mbuf*> held_;
};

}  // namespace causeway::testing

#include "tests/dataplane/buffers.h"

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <string>

#include "tests/dataplane/require.h"

namespace causeway::testing {
namespace {

constexpr unsigned kPackets = 2047;
constexpr unsigned kJumbos = 31;

rte_mempool* packet_pool = nullptr;
rte_mempool* jumbo_pool = nullptr;

class EalEnvironment : public ::testing::Environment {
 public:
  void SetUp() override {
    std::vector<std::string> words = {
        "test", "--no-huge", "--no-pci", "--no-telemetry",   "--no-shconf", "-m",
        "256",  "-l",        "0",        "--log-level=error"};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    Require(rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0, "rte_eal_init");
    packet_pool = rte_pktmbuf_pool_create("packets", kPackets, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    jumbo_pool = rte_pktmbuf_pool_create("jumbo", kJumbos, 0, 0, UINT16_MAX, 0);
    Require(packet_pool != nullptr && jumbo_pool != nullptr, "pools");
  }
};
const auto* const kEnvironment = ::testing::AddGlobalTestEnvironment(new EalEnvironment);

}  // namespace

rte_mempool* PacketPool() { return packet_pool; }
rte_mempool* JumboPool() { return jumbo_pool; }

void ExpectNoLeak() {
  EXPECT_EQ(rte_mempool_in_use_count(packet_pool), 0u) << "packet buffers leaked";
  EXPECT_EQ(rte_mempool_in_use_count(jumbo_pool), 0u) << "jumbo buffers leaked";
}

rte_mbuf* ToMbuf(std::span<const uint8_t> frame) {
  const bool small = frame.size() <= RTE_MBUF_DEFAULT_DATAROOM;
  rte_mbuf* mbuf = rte_pktmbuf_alloc(small ? packet_pool : jumbo_pool);
  Require(mbuf != nullptr, "a buffer for a frame");
  char* room = rte_pktmbuf_append(mbuf, static_cast<uint16_t>(frame.size()));
  Require(room != nullptr, "room for a frame");
  std::copy(frame.begin(), frame.end(), room);
  return mbuf;
}

wire::Bytes ToBytes(const rte_mbuf* mbuf) {
  wire::Bytes bytes;
  for (; mbuf != nullptr; mbuf = mbuf->next) {
    const auto* data = rte_pktmbuf_mtod(mbuf, const uint8_t*);
    bytes.insert(bytes.end(), data, data + mbuf->data_len);
  }
  return bytes;
}

EmptiedPool::EmptiedPool(rte_mempool* pool) {
  while (rte_mbuf* mbuf = rte_pktmbuf_alloc(pool)) held_.push_back(mbuf);
}
EmptiedPool::~EmptiedPool() {
  for (rte_mbuf* mbuf : held_) rte_pktmbuf_free(mbuf);
}

}  // namespace causeway::testing

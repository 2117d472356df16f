#include "tests/dataplane/shard/shards_on_rings.h"

#include <rte_dev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/shard/ring_element.h"
#include "tests/dataplane/require.h"

namespace causeway::testing {
namespace {

constexpr unsigned kPair = RING_F_SP_ENQ | RING_F_SC_DEQ;
constexpr uint16_t kDescriptors = 256;

rte_ring* MakeRing(const std::string& name, unsigned size, unsigned element, unsigned flags) {
  rte_ring* ring = rte_ring_create_elem(name.c_str(), element, size, 0, flags);
  Require(ring != nullptr, absl::StrCat("ring ", name));
  return ring;
}

}  // namespace

RingPort::RingPort(const std::string& name, uint16_t queues, const Sizes& sizes,
                   rte_mempool* packets) {
  for (uint16_t q = 0; q < queues; ++q) {
    rx_.push_back(MakeRing(absl::StrCat(name, "rx", q), sizes.rx, sizeof(void*), kPair));
    tx_.push_back(MakeRing(absl::StrCat(name, "tx", q), sizes.tx, sizeof(void*), kPair));
  }
  const int id = rte_eth_from_rings(name.c_str(), rx_.data(), queues, tx_.data(), queues, 0);
  Require(id >= 0, "rte_eth_from_rings");
  id_ = static_cast<uint16_t>(id);
  const rte_eth_conf conf = {};
  Require(rte_eth_dev_configure(id_, queues, queues, &conf) == 0, "port of rings");
  for (uint16_t q = 0; q < queues; ++q) {
    Require(rte_eth_rx_queue_setup(id_, q, kDescriptors, 0, nullptr, packets) == 0 &&
                rte_eth_tx_queue_setup(id_, q, kDescriptors, 0, nullptr) == 0,
            "queue of the port");
  }
  Require(rte_eth_dev_start(id_) == 0, "start of the port");
}

RingPort::~RingPort() {
  rte_eth_dev_info info;
  if (rte_eth_dev_info_get(id_, &info) == 0) {
    rte_eth_dev_stop(id_);
    rte_dev_remove(info.device);
  }
  for (rte_ring* ring : rx_) rte_ring_free(ring);
  for (rte_ring* ring : tx_) rte_ring_free(ring);
}

void ShardsOnRings::Make(const std::string& name, ShardConfig config, const Sizes& sizes) {
  const auto ring = [&](const std::string& what, unsigned size, unsigned element, unsigned flags) {
    rings_.push_back(MakeRing(name + what, size, element, flags));
    return rings_.back();
  };
  config.handoff.clear();
  for (ShardId id = 0; id < config.node.shards; ++id) {
    config.handoff.push_back(
        ring(absl::StrCat("handoff", id), sizes.hand_off, sizeof(void*), RING_F_SC_DEQ));
  }
  for (config.id = 0; config.id < config.node.shards; ++config.id) {
    config.commands =
        ring(absl::StrCat("commands", config.id), sizes.messages, sizeof(RingElement), kPair);
    for (unsigned c = 0; c < kEventClasses; ++c) {
      config.events[c] = ring(absl::StrCat("events", config.id, "_", c), sizes.messages,
                              sizeof(RingElement), kPair);
    }
    auto shard = Shard::Create(config);
    Require(shard.ok(), shard.status().ToString());
    shards_.push_back(*std::move(shard));
    configs_.push_back(config);
  }
}

void ShardsOnRings::Clear() {
  shards_.clear();
  if (!configs_.empty()) {
    for (rte_ring* ring : configs_[0].handoff) {
      void* frame;
      while (rte_ring_dequeue(ring, &frame) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
    }
  }
  configs_.clear();
  for (rte_ring* ring : rings_) rte_ring_free(ring);
  rings_.clear();
}

void ShardsOnRings::Command(const causeway::Command& command, ShardId shard) {
  Require(EnqueueElement(configs_[shard].commands, command), "command ring");
}

unsigned ShardsOnRings::Poll(uint64_t now_tsc) {
  unsigned handled = 0;
  for (auto& shard : shards_) handled += shard->Poll(now_tsc);
  return handled;
}

}  // namespace causeway::testing

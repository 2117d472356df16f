// Shards over a port made of rings, without engine and link, for tests and benchmarks that drive
// them by hand.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/commands.h"
#include "dataplane/shard/shard.h"

struct rte_mempool;
struct rte_ring;

namespace causeway::testing {

/// A DPDK port made of rings: what is enqueued in rx(q) arrives at its queue q, and what is sent
/// there lies in tx(q).
class RingPort {
 public:
  struct Sizes {
    unsigned rx;
    unsigned tx;
  };
  RingPort(const std::string& name, uint16_t queues, const Sizes& sizes, rte_mempool* packets);
  ~RingPort();
  RingPort(const RingPort&) = delete;
  RingPort& operator=(const RingPort&) = delete;

  uint16_t id() const { return id_; }
  uint16_t queues() const { return static_cast<uint16_t>(rx_.size()); }
  rte_ring* rx(uint16_t queue) const { return rx_[queue]; }
  rte_ring* tx(uint16_t queue) const { return tx_[queue]; }

 private:
  std::vector<rte_ring*> rx_;
  std::vector<rte_ring*> tx_;
  uint16_t id_ = 0;
};

/// A node's shards, each with rings to control and to the other shards, all on one thread; what a
/// fixture or a benchmark's node stands on.
class ShardsOnRings {
 public:
  ShardsOnRings(const ShardsOnRings&) = delete;
  ShardsOnRings& operator=(const ShardsOnRings&) = delete;

 protected:
  struct Sizes {
    unsigned messages;  // commands, and events of each class
    unsigned hand_off;
  };

  ShardsOnRings() = default;
  ~ShardsOnRings() { Clear(); }

  /// `config` is as for one shard, without its id and its rings; there are config.node.shards. Ring
  /// names begin with `name`.
  void Make(const std::string& name, ShardConfig config, const Sizes& sizes);
  /// Takes the shards down; frames between them are freed.
  void Clear();

  /// Reaches the shard at its next poll.
  void Command(const causeway::Command& command, ShardId shard = 0);
  /// Polls each shard once; returns what the polls returned together.
  unsigned Poll(uint64_t now_tsc);

  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<ShardConfig> configs_;

 private:
  std::vector<rte_ring*> rings_;
};

}  // namespace causeway::testing

#include "perf/core/rte_hash_scene.h"

#include <rte_cycles.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_lcore.h>

#include <algorithm>

namespace causeway::bench {
namespace {

constexpr unsigned kBulk = RTE_HASH_LOOKUP_BULK_MAX;

/// A ClientTuple without padding, whose bytes would be anything.
struct Key {
  explicit Key(const ClientTuple& tuple)
      : address(tuple.client.address), port(tuple.client.port), local(tuple.local_index) {}
  IpAddress address;
  uint16_t port;
  uint16_t local;
};
static_assert(sizeof(Key) == 20);

class RteHashScene : public Scene {
 public:
  explicit RteHashScene(BenchNode& node) : node_(node) {
    rte_hash_parameters parameters = {};
    parameters.name = "clients";
    parameters.entries = std::max<uint32_t>(node.population().allocations, 16);
    parameters.key_len = sizeof(Key);
    parameters.hash_func = rte_hash_crc;
    parameters.socket_id = static_cast<int>(rte_socket_id());
    parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
    hash_ = rte_hash_create(&parameters);
    Require(hash_ != nullptr, "rte_hash_create");
    for (uint32_t i = 0; i < node.population().allocations; ++i) {
      const Key key(node.TupleOf(i));
      Require(rte_hash_add_key(hash_, &key) >= 0, "rte_hash_add_key");
    }
  }
  ~RteHashScene() override { rte_hash_free(hash_); }

  double Round(const std::vector<uint32_t>& allocations) override {
    keys_.clear();
    for (const uint32_t allocation : allocations) keys_.emplace_back(node_.TupleOf(allocation));
    node_.Arrive({Datagram{}}, allocations);
    node_.Bounce();
    node_.Drain();
    const uint64_t begin = rte_rdtsc_precise();
    const unsigned found = LookUpAll();
    const uint64_t spent = rte_rdtsc_precise() - begin;
    Require(found == keys_.size(), "rte_hash_lookup_bulk has not found all clients");
    return static_cast<double>(spent) / static_cast<double>(keys_.size());
  }

 private:
  // A function of its own, so that callgrind can be told to count within it.
  [[gnu::noinline]] unsigned LookUpAll() const {
    unsigned found = 0;
    for (size_t at = 0; at < keys_.size(); at += kBulk) {
      const void* burst[kBulk];
      int32_t positions[kBulk];
      const auto count = static_cast<uint32_t>(std::min<size_t>(kBulk, keys_.size() - at));
      for (uint32_t i = 0; i < count; ++i) burst[i] = &keys_[at + i];
      Require(rte_hash_lookup_bulk(hash_, burst, count, positions) == 0, "rte_hash_lookup_bulk");
      for (uint32_t i = 0; i < count; ++i) found += positions[i] >= 0 ? 1 : 0;
    }
    return found;
  }

  BenchNode& node_;
  rte_hash* hash_;
  std::vector<Key> keys_;
};

}  // namespace

std::unique_ptr<Scene> MakeRteHashScene(BenchNode& node) {
  return std::make_unique<RteHashScene>(node);
}

}  // namespace causeway::bench

// The relay ports of one shard on one relay address.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "control/turn/random.h"
#include "dataplane/node_config.h"

namespace causeway::turn {

/// What the EVEN-PORT attribute asks for (RFC 8656 section 18.7).
enum class PortKind : uint8_t {
  kAny,
  kEven,  // EVEN-PORT, R bit 0
  kPair,  // EVEN-PORT, R bit 1: N and N+1, N even
};

/// Numbers the ports of one shard from 0 without gaps, whole pairs N, N+1 (N even) at a time, so
/// that a port and its number have the same parity. The first and last pair may hold a port outside
/// the configured range.
class PortLayout {
 public:
  PortLayout(const NodeConfig& node, ShardId shard);

  uint32_t size() const { return 2 * pairs_; }
  uint32_t NumberOf(uint16_t port) const { return 2 * (Before(port / 2) - skipped_) + port % 2; }
  uint16_t PortOf(uint32_t number) const;
  bool InRange(uint16_t port) const { return first_ <= port && port <= last_; }

 private:
  uint32_t Before(uint32_t pair) const;

  uint16_t first_;
  uint16_t last_;
  uint32_t block_;   // pairs in a block
  uint32_t period_;  // pairs from one block of this shard to the next
  uint32_t offset_;  // of this shard's block in the period
  uint32_t skipped_ = 0;
  uint32_t pairs_ = 0;
};

/// Which of the numbered ports are free; one bit each, and one more for those in use by an
/// allocation. Picks at random: a random word of 64 ports, from there the next one that has a free
/// port (RFC 6056 section 3.3.1), and a random port of that word. O(1), however full it is, for
/// kAny; a bounded look over the words that have free ports for the other kinds.
class PortPool {
 public:
  explicit PortPool(const PortLayout& layout);

  /// Takes a port, for kPair two, and returns its number, for kPair that of the even one.
  std::optional<uint32_t> Take(PortKind kind, Random& random);
  /// Makes a port that was taken free again.
  void Free(uint32_t number);

  void SetInUse(uint32_t number, bool in_use);
  bool InUse(uint32_t number) const { return (in_use_[number / 64] >> (number % 64)) & 1; }
  uint32_t free_ports() const { return free_ports_; }
  size_t bytes() const;

 private:
  std::optional<uint32_t> TakeFrom(size_t word, PortKind kind, Random& random);
  size_t NextWithFree(size_t word) const;
  void ClearBits(size_t word, uint64_t bits);

  uint32_t free_ports_ = 0;
  std::vector<uint64_t> free_;
  std::vector<uint64_t> in_use_;
  std::vector<uint64_t> summary_;  // a bit for each word of `free_` that is not 0
};

}  // namespace causeway::turn

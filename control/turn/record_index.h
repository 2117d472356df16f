// Finds allocations by a field of theirs.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "absl/hash/hash.h"
#include "control/turn/allocation.h"
#include "control/turn/slot_pool.h"

namespace causeway::turn {

/// A hash table of indices of allocation records, which hold the keys: open addressing, at most
/// two thirds full, and erasing leaves no tombstones, so it never needs to be rebuilt. Used on the
/// control thread only.
template <typename Key, Key AllocationRecord::*field>
class RecordIndex {
 public:
  /// `records` outlives this.
  RecordIndex(const SlotPool<AllocationRecord>& records, uint32_t capacity)
      : records_(records),
        mask_(std::bit_ceil(uint64_t{capacity} * 3 / 2 + 2) - 1),
        cells_(mask_ + 1, kNoRecord) {}

  /// kNoRecord when there is none.
  uint32_t LookUp(const Key& key) const {
    for (size_t i = Home(key); cells_[i] != kNoRecord; i = (i + 1) & mask_) {
      if (records_[cells_[i]].*field == key) return cells_[i];
    }
    return kNoRecord;
  }

  /// The record's key is not in the index, which holds fewer than `capacity`.
  void Insert(uint32_t record) {
    size_t i = Home(record);
    while (cells_[i] != kNoRecord) i = (i + 1) & mask_;
    cells_[i] = record;
  }

  /// The record is in the index and still holds its key.
  void Erase(uint32_t record) {
    size_t hole = Home(record);
    while (cells_[hole] != record) hole = (hole + 1) & mask_;
    for (size_t i = (hole + 1) & mask_; cells_[i] != kNoRecord; i = (i + 1) & mask_) {
      const size_t displacement = (i - Home(cells_[i])) & mask_;
      if (displacement < ((i - hole) & mask_)) continue;
      cells_[hole] = cells_[i];
      hole = i;
    }
    cells_[hole] = kNoRecord;
  }

  size_t bytes() const { return cells_.capacity() * sizeof(uint32_t); }

 private:
  size_t Home(const Key& key) const { return absl::Hash<Key>()(key) & mask_; }
  size_t Home(uint32_t record) const { return Home(records_[record].*field); }

  const SlotPool<AllocationRecord>& records_;
  size_t mask_;
  std::vector<uint32_t> cells_;
};

using TupleIndex = RecordIndex<ClientTuple, &AllocationRecord::tuple>;
using SerialIndex = RecordIndex<AllocationSerial, &AllocationRecord::serial>;

}  // namespace causeway::turn

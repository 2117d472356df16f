// Finds allocations by five-tuple.
#pragma once

#include <cstdint>
#include <vector>

#include "control/turn/allocation.h"
#include "control/turn/slot_pool.h"

namespace causeway::turn {

/// A hash table of indices of allocation records, which hold the keys: open addressing, at most
/// two thirds full, and erasing leaves no tombstones, so it never needs to be rebuilt. Used on the
/// control thread only.
class TupleIndex {
 public:
  /// `records` outlives this.
  TupleIndex(const SlotPool<AllocationRecord>& records, uint32_t capacity);

  uint32_t LookUp(const ClientTuple& tuple) const;
  /// The record's tuple is not in the index, which holds fewer than `capacity`.
  void Insert(uint32_t record);
  /// The record is in the index and still holds its tuple.
  void Erase(uint32_t record);
  size_t bytes() const { return cells_.capacity() * sizeof(uint32_t); }

 private:
  size_t Home(const ClientTuple& tuple) const;
  size_t Home(uint32_t record) const { return Home(records_[record].tuple); }

  const SlotPool<AllocationRecord>& records_;
  size_t mask_;
  std::vector<uint32_t> cells_;
};

}  // namespace causeway::turn

// Records in slots of the shards' pools, set aside once.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "control/turn/zeroed_array.h"
#include "dataplane/commands.h"

namespace causeway::turn {

/// "No record", as an index or as the end of a list.
inline constexpr uint32_t kNoRecord = 0xffffffff;

/// Mirrors one kind of pool of every shard: the record at index shard * per_shard + slot belongs to
/// that shard's slot. `Record` has a `uint32_t next`, which links free records while they are free.
/// A record that was never taken is all zeros and takes no memory. Used on the control thread only.
template <typename Record>
class SlotPool {
 public:
  SlotPool(ShardId shards, uint32_t per_shard)
      : per_shard_(per_shard), shards_(shards), records_(size_t{shards} * per_shard) {}

  /// A fresh record of this shard, or kNoRecord.
  uint32_t Take(ShardId shard) {
    Shard& s = shards_[shard];
    if (Free(shard) == 0) return kNoRecord;
    ++s.used;
    uint32_t index = s.free;
    if (index == kNoRecord) {
      index = uint32_t{shard} * per_shard_ + s.untouched++;
    } else {
      s.free = records_[index].next;
    }
    std::construct_at(&records_[index]);
    return index;
  }
  void Release(uint32_t index) {
    Shard& s = shards_[ShardOf(index)];
    records_[index] = Record();
    records_[index].next = s.free;
    s.free = index;
    --s.used;
  }

  /// The first record from `index` on that was ever taken, or kNoRecord.
  uint32_t NextTouched(uint32_t index) const {
    while (index < capacity() && SlotOf(index) >= shards_[ShardOf(index)].untouched) {
      index += per_shard_ - SlotOf(index);
    }
    return index < capacity() ? index : kNoRecord;
  }

  Record& operator[](uint32_t index) { return records_[index]; }
  const Record& operator[](uint32_t index) const { return records_[index]; }
  ShardId ShardOf(uint32_t index) const { return static_cast<ShardId>(index / per_shard_); }
  uint32_t IndexOf(ShardId shard, uint32_t slot) const { return shard * per_shard_ + slot; }
  /// The number by which the shard knows the record.
  uint32_t SlotOf(uint32_t index) const { return index % per_shard_; }
  uint32_t Free(ShardId shard) const { return per_shard_ - shards_[shard].used; }
  uint32_t capacity() const { return static_cast<uint32_t>(records_.size()); }
  size_t bytes() const { return records_.bytes(); }

 private:
  struct Shard {
    uint32_t free = kNoRecord;
    uint32_t untouched = 0;
    uint32_t used = 0;
  };
  uint32_t per_shard_;
  std::vector<Shard> shards_;
  ZeroedArray<Record> records_;
};

}  // namespace causeway::turn

#include "control/turn/tuple_index.h"

#include <bit>

#include "absl/hash/hash.h"

namespace causeway::turn {

TupleIndex::TupleIndex(const SlotPool<AllocationRecord>& records, uint32_t capacity)
    : records_(records),
      mask_(std::bit_ceil(uint64_t{capacity} * 3 / 2 + 2) - 1),
      cells_(mask_ + 1, kNoRecord) {}

size_t TupleIndex::Home(const ClientTuple& tuple) const {
  return absl::Hash<ClientTuple>()(tuple) & mask_;
}

uint32_t TupleIndex::LookUp(const ClientTuple& tuple) const {
  for (size_t i = Home(tuple); cells_[i] != kNoRecord; i = (i + 1) & mask_) {
    if (records_[cells_[i]].tuple == tuple) return cells_[i];
  }
  return kNoRecord;
}

void TupleIndex::Insert(uint32_t record) {
  size_t i = Home(record);
  while (cells_[i] != kNoRecord) i = (i + 1) & mask_;
  cells_[i] = record;
}

void TupleIndex::Erase(uint32_t record) {
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

}  // namespace causeway::turn

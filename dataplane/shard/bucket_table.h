// The hash table of every look-up: one cache line a bucket, eight 16-bit tags compared at once.
#pragma once

#include <emmintrin.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "dataplane/shard/arena.h"

namespace causeway {

/// Maps hashes to 32-bit values; the caller compares keys, which live where the value points to.
/// Sized at creation so that `capacity` entries always fit: a full bucket is continued in one of a
/// pool of further buckets. Removal keeps chains dense, so the pool never frays.
class BucketTable {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  /// How many entries a home bucket has on average when the table is full. At 6 of 8 one entry in
  /// 19 lies in a further bucket, which costs another miss; at 4 one in 119.
  static constexpr unsigned kDense = 6;
  static constexpr unsigned kFast = 4;

  /// Takes its memory from `arena`. `capacity` may be 0: then nothing is ever found.
  void Create(Arena& arena, uint64_t capacity, unsigned average_load = kDense) {
    buckets_ = static_cast<uint32_t>(capacity / average_load + 1);
    // All entries in one chain take capacity/8 further buckets, which is the very worst case. A
    // keyed hash spreads like a Poisson process: beyond a few thousand buckets, capacity/24 is a
    // hundred standard deviations above what random keys fill.
    const uint64_t worst = capacity / 8 + 1;
    const uint64_t spare = std::min(worst, std::max<uint64_t>(capacity / 24, 4096));
    memory_ = arena.Take<Bucket>(buckets_ + spare);
    if (memory_ == nullptr) return;
    for (uint64_t i = spare; i-- > 0;) Release(static_cast<uint32_t>(buckets_ + i));
  }

  void Prefetch(uint64_t hash) const { __builtin_prefetch(&memory_[Home(hash)]); }

  /// The first value whose tag matches, unverified, or kNone.
  uint32_t Candidate(uint64_t hash) const {
    const Bucket& bucket = memory_[Home(hash)];
    const uint32_t matches = Matches(bucket, Tag(hash));
    if (matches != 0) [[likely]] {
      return bucket.values[std::countr_zero(matches)];
    }
    if (bucket.next == 0) return kNone;
    return LookUp(hash, [](uint32_t) { return true; });
  }

  /// The value with a matching tag for which `verify(value)` holds, or kNone.
  template <typename Verify>
  uint32_t LookUp(uint64_t hash, const Verify& verify) const {
    uint32_t at = Home(hash);
    do {
      const Bucket& bucket = memory_[at];
      for (uint32_t m = Matches(bucket, Tag(hash)); m != 0; m &= m - 1) {
        const uint32_t value = bucket.values[std::countr_zero(m)];
        if (verify(value)) return value;
      }
      at = bucket.next;
    } while (at != 0);
    return kNone;
  }

  /// False only beyond the capacity.
  bool Insert(uint64_t hash, uint32_t value) {
    uint32_t at = Home(hash);
    for (;;) {
      const uint32_t room = Matches(memory_[at], 0);
      if (room != 0) {
        const int i = std::countr_zero(room);
        memory_[at].tags[i] = Tag(hash);
        memory_[at].values[i] = value;
        return true;
      }
      if (memory_[at].next == 0) break;
      at = memory_[at].next;
    }
    if (free_ == 0) return false;
    const uint32_t added = free_;
    free_ = memory_[added].next;
    memory_[added] = Bucket{};
    memory_[added].tags[0] = Tag(hash);
    memory_[added].values[0] = value;
    memory_[at].next = added;
    return true;
  }

  /// Removes the entry with exactly this value; false when there is none.
  bool Remove(uint64_t hash, uint32_t value) {
    uint32_t at = Home(hash);
    do {
      for (uint32_t m = Matches(memory_[at], Tag(hash)); m != 0; m &= m - 1) {
        const int i = std::countr_zero(m);
        if (memory_[at].values[i] != value) continue;
        FillHole(Home(hash), at, i);
        return true;
      }
      at = memory_[at].next;
    } while (at != 0);
    return false;
  }

 private:
  struct alignas(64) Bucket {
    uint16_t tags[8];  // 0 is an empty place
    uint32_t values[8];
    uint32_t next;  // index of the bucket that continues this one, or 0
  };
  static_assert(sizeof(Bucket) == 64);

  static uint16_t Tag(uint64_t hash) {
    const auto tag = static_cast<uint16_t>(hash >> 48);
    return tag == 0 ? 1 : tag;
  }
  uint32_t Home(uint64_t hash) const {
    return static_cast<uint32_t>((hash & 0xffffffff) * buckets_ >> 32);
  }
  static uint32_t Matches(const Bucket& bucket, uint16_t tag) {
    const __m128i tags = _mm_load_si128(reinterpret_cast<const __m128i*>(bucket.tags));
    const __m128i same = _mm_cmpeq_epi16(tags, _mm_set1_epi16(static_cast<int16_t>(tag)));
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(same, same))) & 0xff;
  }

  void Release(uint32_t bucket) {
    memory_[bucket].next = free_;
    free_ = bucket;
  }

  void FillHole(uint32_t home, uint32_t hole, int place) {
    uint32_t last = home;
    uint32_t before = home;
    while (memory_[last].next != 0) {
      before = last;
      last = memory_[last].next;
    }
    Bucket& tail = memory_[last];
    const uint32_t used = ~Matches(tail, 0) & 0xff;
    const int top = static_cast<int>(std::bit_width(used)) - 1;
    memory_[hole].tags[place] = tail.tags[top];
    memory_[hole].values[place] = tail.values[top];
    tail.tags[top] = 0;
    if (top == 0 && last != home) {
      memory_[before].next = 0;
      Release(last);
    }
  }

  Bucket* memory_ = nullptr;
  uint32_t buckets_ = 0;
  uint32_t free_ = 0;  // bucket 0 is always a home bucket, so 0 ends the list
};

}  // namespace causeway

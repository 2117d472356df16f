// Token buckets: what a flood may cost.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/shard/arena.h"
#include "dataplane/shard/hash.h"

namespace causeway {

/// `rate` tokens a second, at most `burst` saved up.
class TokenBucket {
 public:
  TokenBucket(uint32_t rate, uint32_t burst) : rate_(rate), limit_(burst * 10), tokens_(limit_) {}
  bool Take(Deciseconds now) {
    const uint64_t earned = uint64_t{now - last_} * rate_;
    last_ = now;
    tokens_ = static_cast<uint32_t>(std::min<uint64_t>(limit_, tokens_ + earned));
    if (tokens_ < 10) return false;
    tokens_ -= 10;
    return true;
  }

 private:
  uint32_t rate_;
  uint32_t limit_;   // tenths of a token
  uint32_t tokens_;  // tenths of a token
  Deciseconds last_ = 0;
};

/// STUN requests a second that a source prefix (/24, /56) may have answered. A fixed array of
/// buckets chosen by a keyed hash of the prefix; prefixes that share a bucket share its budget. The
/// clients of a prefix that have allocations have a budget of their own: no stranger spends it.
class RequestBudget {
 public:
  static constexpr uint32_t kBuckets = 16384;

  void Create(Arena& arena, uint32_t rate) {
    rate_ = rate;
    if (rate != 0) buckets_ = arena.Take<Bucket>(kBuckets);
  }
  bool Take(const HashSecret& secret, const IpAddress& source, bool known, Deciseconds now) {
    if (rate_ == 0) return true;
    auto [high, low] = source.words();
    if (source.IsV4()) {
      low &= 0x00ffffffffffffff;  // memory order: the last byte of the address is the top one
    } else {
      high &= 0x00ffffffffffffff;
      low = 0;
    }
    Bucket& bucket = buckets_[HashWords(secret, high, low, known ? 1 : 0) % kBuckets];
    const uint64_t earned = uint64_t{now - bucket.last} * rate_;
    const uint64_t debt = bucket.spent > earned ? bucket.spent - earned : 0;
    bucket.last = now;
    bucket.spent = debt;
    if (debt + 10 > uint64_t{rate_} * 10) return false;
    bucket.spent = debt + 10;
    return true;
  }

 private:
  struct Bucket {
    uint64_t spent;  // tenths of a request, so that a zeroed bucket is a full budget
    Deciseconds last;
  };
  Bucket* buckets_ = nullptr;
  uint32_t rate_ = 0;
};

}  // namespace causeway

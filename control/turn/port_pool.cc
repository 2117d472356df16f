#include "control/turn/port_pool.h"

#include <algorithm>
#include <bit>

namespace causeway::turn {
namespace {

constexpr uint64_t kEvenBits = 0x5555555555555555;

uint64_t Candidates(uint64_t free, PortKind kind) {
  switch (kind) {
    case PortKind::kAny:
      return free;
    case PortKind::kEven:
      return free & kEvenBits;
    case PortKind::kPair:
      return free & (free >> 1) & kEvenBits;
  }
  return 0;
}

unsigned NthSetBit(uint64_t bits, unsigned n) {
  for (; n > 0; --n) bits &= bits - 1;
  return static_cast<unsigned>(std::countr_zero(bits));
}

}  // namespace

PortLayout::PortLayout(const NodeConfig& node, ShardId shard)
    : first_(node.relay_port_first),
      last_(node.relay_port_last),
      block_(1u << (node.RelayBlockShift() - 1)),
      period_(block_ * node.shards),
      offset_(block_ * shard) {
  skipped_ = Before(first_ / 2);
  pairs_ = Before(last_ / 2 + 1) - skipped_;
}

// How many pairs below `pair` are this shard's.
uint32_t PortLayout::Before(uint32_t pair) const {
  const uint32_t rest = pair % period_;
  const uint32_t partial = rest <= offset_ ? 0 : std::min(rest - offset_, block_);
  return pair / period_ * block_ + partial;
}

uint16_t PortLayout::PortOf(uint32_t number) const {
  const uint32_t n = number / 2 + skipped_;
  const uint32_t pair = n / block_ * period_ + offset_ + n % block_;
  return static_cast<uint16_t>(2 * pair + number % 2);
}

PortPool::PortPool(const PortLayout& layout)
    : free_((layout.size() + 63) / 64), in_use_(free_.size()), summary_((free_.size() + 63) / 64) {
  for (uint32_t number = 0; number < layout.size(); ++number) {
    if (layout.InRange(layout.PortOf(number))) Free(number);
  }
}

std::optional<uint32_t> PortPool::Take(PortKind kind, Random& random) {
  if (free_ports_ == 0) return std::nullopt;
  const size_t start = random.Below(static_cast<uint32_t>(free_.size()));
  for (size_t word = NextWithFree(start); word < free_.size(); word = NextWithFree(word + 1)) {
    if (auto number = TakeFrom(word, kind, random)) return number;
  }
  for (size_t word = NextWithFree(0); word < start; word = NextWithFree(word + 1)) {
    if (auto number = TakeFrom(word, kind, random)) return number;
  }
  return std::nullopt;
}

std::optional<uint32_t> PortPool::TakeFrom(size_t word, PortKind kind, Random& random) {
  const uint64_t candidates = Candidates(free_[word], kind);
  if (candidates == 0) return std::nullopt;
  const unsigned bit =
      NthSetBit(candidates, random.Below(static_cast<uint32_t>(std::popcount(candidates))));
  ClearBits(word, (kind == PortKind::kPair ? uint64_t{3} : uint64_t{1}) << bit);
  return static_cast<uint32_t>(64 * word + bit);
}

void PortPool::ClearBits(size_t word, uint64_t bits) {
  free_[word] &= ~bits;
  free_ports_ -= static_cast<uint32_t>(std::popcount(bits));
  if (free_[word] == 0) summary_[word / 64] &= ~(uint64_t{1} << (word % 64));
}

void PortPool::Free(uint32_t number) {
  free_[number / 64] |= uint64_t{1} << (number % 64);
  summary_[number / 4096] |= uint64_t{1} << (number / 64 % 64);
  ++free_ports_;
}

void PortPool::SetInUse(uint32_t number, bool in_use) {
  const uint64_t bit = uint64_t{1} << (number % 64);
  in_use_[number / 64] = in_use ? in_use_[number / 64] | bit : in_use_[number / 64] & ~bit;
}

// The first word from `word` on that has a free port, or free_.size().
size_t PortPool::NextWithFree(size_t word) const {
  for (size_t i = word / 64; i < summary_.size(); ++i) {
    uint64_t bits = summary_[i];
    if (i == word / 64) bits &= ~uint64_t{0} << (word % 64);
    if (bits != 0) return 64 * i + static_cast<size_t>(std::countr_zero(bits));
  }
  return free_.size();
}

size_t PortPool::bytes() const {
  return sizeof(*this) + 8 * (free_.size() + in_use_.size() + summary_.size());
}

}  // namespace causeway::turn

#include "dataplane/ip/checksum.h"

#include <bit>

namespace causeway {
namespace {

static_assert(std::endian::native == std::endian::little, "the tail is cut by shifting");

// A 64-bit ones-complement accumulator: what overflows is counted apart, so that no addition waits
// for the carry of the one before.
struct Accumulator {
  uint64_t sum = 0;
  uint64_t carries = 0;
  void Add(uint64_t word) { carries += __builtin_add_overflow(sum, word, &sum) ? 1 : 0; }
  ChecksumSum Folded() const { return (sum & 0xffffffff) + (sum >> 32) + carries; }
};

ChecksumSum SumFewBytes(const uint8_t* p, size_t size) {
  uint64_t word = 0;
  size_t at = 0;
  if (size & 4) {
    uint32_t part;
    std::memcpy(&part, p, 4);
    word = part;
    at = 4;
  }
  if (size & 2) {
    uint16_t part;
    std::memcpy(&part, p + at, 2);
    word |= uint64_t{part} << (8 * at);
    at += 2;
  }
  if (size & 1) word |= uint64_t{p[at]} << (8 * at);
  return (word & 0xffffffff) + (word >> 32);
}

}  // namespace

ChecksumSum SumBytes(const void* data, size_t size) {
  const auto* p = static_cast<const uint8_t*>(data);
  if (size < 8) return SumFewBytes(p, size);
  Accumulator a;
  Accumulator b;
  const uint8_t* const end = p + size;
  for (; end - p >= 32; p += 32) {
    a.Add(LoadRaw64(p));
    b.Add(LoadRaw64(p + 8));
    a.Add(LoadRaw64(p + 16));
    b.Add(LoadRaw64(p + 24));
  }
  if (size & 16) {
    a.Add(LoadRaw64(p));
    b.Add(LoadRaw64(p + 8));
    p += 16;
  }
  if (size & 8) a.Add(LoadRaw64(p));
  const size_t tail = size & 7;
  if (tail != 0) b.Add(LoadRaw64(end - 8) >> (8 * (8 - tail)));
  return a.Folded() + b.Folded();
}

}  // namespace causeway

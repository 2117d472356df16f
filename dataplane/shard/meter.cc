#include "dataplane/shard/meter.h"

#include <smmintrin.h>

namespace causeway {
namespace {

constexpr unsigned kFractionBits = 12;
// No datagram takes a bucket so far ahead that the clock comes round meanwhile.
constexpr uint64_t kMostTicks = uint64_t{1} << (kMeterTickBits + 4);
constexpr uint64_t kTicksPerSecond = uint64_t{1} << kMeterTickBits;

uint32_t Interval(uint64_t ticks) {
  return static_cast<uint32_t>(std::clamp<uint64_t>(ticks, 1, UINT32_MAX));
}

// Of MeterLine::full_at those of one way: bytes, packets.
constexpr int kOwnBuckets = 0b0101;

}  // namespace

void MeterLine::Apply(const SetLimits& c) {
  // A byte at 1 kbit/s takes 8 ms.
  ticks_per_byte =
      c.kbps == 0 ? 0 : Interval((kTicksPerSecond << kFractionBits) * 8 / 1000 / c.kbps);
  ticks_per_packet =
      c.packets_per_second == 0 ? 0 : Interval(kTicksPerSecond / c.packets_per_second);
  const bool limited = c.kbps != 0 || c.packets_per_second != 0;
  if (!limited) {
    specials &= kMarked;
  } else if ((specials & kLimited) == 0) {
    specials |= kLimited | kNewlyLimited;
  }
}

void MeterLine::Apply(const SetMarking& c) {
  mark[Index(Way::kToPeer)] = c.to_peer;
  mark[Index(Way::kToClient)] = c.to_client;
  const bool marked = c.to_peer != SetMarking::kKeep || c.to_client != SetMarking::kKeep;
  specials = static_cast<uint8_t>((specials & ~kMarked) | (marked ? kMarked : 0));
}

// The four buckets as one vector. A bucket that has long been full is full now: all four, so that
// none falls so far behind that it seems to be ahead.
bool MeterLine::Admit(Way way, uint32_t size, Deciseconds now, MeterTicks ticks) {
  const bool stale = now - last_activity > kIdle || (specials & kNewlyLimited) != 0;
  specials &= kLimited | kMarked;
  auto* buckets = reinterpret_cast<__m128i*>(full_at);
  const __m128i clock = _mm_set1_epi32(static_cast<int32_t>(ticks));
  const __m128i none = _mm_setzero_si128();
  const __m128i ahead =
      stale ? none : _mm_max_epi32(_mm_sub_epi32(_mm_loadu_si128(buckets), clock), none);

  const __m128i spent = _mm_cmpgt_epi32(ahead, _mm_set1_epi32(kBurst));
  const bool admitted =
      (_mm_movemask_ps(_mm_castsi128_ps(spent)) & (kOwnBuckets << Index(way))) == 0;
  const uint64_t byte_ticks =
      std::min(uint64_t{ticks_per_byte} * size >> kFractionBits, kMostTicks);
  const unsigned shift = 32 * Index(way);
  const __m128i charge = _mm_set_epi64x(static_cast<int64_t>(uint64_t{ticks_per_packet} << shift),
                                        static_cast<int64_t>(byte_ticks << shift));
  const __m128i full = _mm_add_epi32(clock, ahead);
  _mm_storeu_si128(buckets, admitted ? _mm_add_epi32(full, charge) : full);
  return admitted;
}

}  // namespace causeway

#include "dataplane/shard/meter.h"

namespace causeway {
namespace {

constexpr unsigned kFractionBits = 12;
// No datagram takes a bucket so far ahead that the clock comes round meanwhile.
constexpr uint64_t kMostTicks = uint64_t{1} << (kMeterTickBits + 4);
constexpr uint64_t kTicksPerSecond = uint64_t{1} << kMeterTickBits;

uint32_t Interval(uint64_t ticks) {
  return static_cast<uint32_t>(std::clamp<uint64_t>(ticks, 1, UINT32_MAX));
}

bool IsSpent(MeterTicks full_at, MeterTicks ticks) {
  return static_cast<int32_t>(full_at - ticks) > static_cast<int32_t>(MeterLine::kBurst);
}

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

bool MeterLine::Admit(Way way, uint32_t size, Deciseconds now, MeterTicks ticks) {
  const bool stale = now - last_activity > kIdle || (specials & kNewlyLimited) != 0;
  specials &= kLimited | kMarked;
  // All four, so that none falls so far behind that it seems to be ahead.
  for (MeterTicks& each : full_at) {
    if (stale || static_cast<int32_t>(each - ticks) < 0) each = ticks;
  }
  MeterTicks& bytes_full = full_at[Index(way)];
  MeterTicks& packets_full = full_at[2 + Index(way)];
  if (IsSpent(bytes_full, ticks) || IsSpent(packets_full, ticks)) return false;
  const uint64_t byte_ticks = uint64_t{ticks_per_byte} * size >> kFractionBits;
  bytes_full += static_cast<MeterTicks>(std::min(byte_ticks, kMostTicks));
  packets_full += static_cast<MeterTicks>(std::min<uint64_t>(ticks_per_packet, kMostTicks));
  return true;
}

}  // namespace causeway

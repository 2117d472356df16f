// What one allocation relays, and what it may: the second line of its record. Worker lcore only,
// but for Read.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "dataplane/commands.h"

namespace causeway {

/// Which way a datagram goes.
enum class Way : uint8_t { kToPeer = 0, kToClient = 1 };

/// The shard's clock of limits: 2^-26 s (15 ns), modulo 64 s.
using MeterTicks = uint32_t;
inline constexpr unsigned kMeterTickBits = 26;

/// Counters, limits and marks. One cache line, fetched with the hot line, written by every datagram
/// relayed. Limits are two token buckets each way, kept as the time at which a bucket is full again
/// (the generic cell rate algorithm): a datagram passes when that is at most kBurst ahead.
struct alignas(64) MeterLine {
  /// What a bucket saves up: a quarter of a second's worth, and always one datagram.
  static constexpr MeterTicks kBurst = 1u << (kMeterTickBits - 2);
  /// After so long without a datagram all buckets are full; before, no clock has come round.
  static constexpr Deciseconds kIdle = 160;

  static constexpr uint8_t kLimited = 1;
  static constexpr uint8_t kMarked = 2;
  static constexpr uint8_t kNewlyLimited = 4;  // the buckets' times are of long ago

  uint64_t packets[2];  // by Way
  uint64_t bytes[2];
  Deciseconds last_activity;
  uint32_t ticks_per_byte;    // in 1/4096; 0: no limit
  uint32_t ticks_per_packet;  // 0: no limit
  MeterTicks full_at[4];      // bytes, then packets, each by Way
  uint8_t mark[2];            // DSCP or SetMarking::kKeep
  uint8_t specials;           // 0 in an ordinary allocation: the only compare that it pays for
  uint8_t table_hits;         // datagrams in a row that were not the inline peer's, see FlowTables

  void Apply(const SetLimits& c);
  void Apply(const SetMarking& c);

  /// Whether a datagram of `size` bytes of UDP payload may pass; if so it is charged. Only when
  /// kLimited.
  bool Admit(Way way, uint32_t size, Deciseconds now, MeterTicks ticks);
  /// The TOS or traffic class byte to send. Only when kMarked.
  uint8_t Mark(Way way, uint8_t tos) const {
    const uint8_t dscp = mark[Index(way)];
    return dscp == SetMarking::kKeep ? tos : static_cast<uint8_t>(dscp << 2 | (tos & 3));
  }
  void Count(Way way, uint32_t size, Deciseconds now) {
    Store(packets[Index(way)], packets[Index(way)] + 1);
    Store(bytes[Index(way)], bytes[Index(way)] + size);
    Store(last_activity, now);
  }
  /// Any thread: the words are of neighbouring moments.
  void Read(MeterReading& reading) const {
    reading.to_peer = {Load(packets[0]), Load(bytes[0])};
    reading.to_client = {Load(packets[1]), Load(bytes[1])};
    reading.last_activity = Load(last_activity);
  }

  static constexpr size_t Index(Way way) { return static_cast<size_t>(way); }
  // One writer, so that an ordinary addition suffices; whole words, so that readers see no half.
  template <typename T>
  static void Store(T& word, T value) {
    std::atomic_ref<T>(word).store(value, std::memory_order_relaxed);
  }
  template <typename T>
  static T Load(const T& word) {
    return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_relaxed);
  }
};
static_assert(sizeof(MeterLine) == 64);

}  // namespace causeway

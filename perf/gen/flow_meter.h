// Loss, duplication, reordering and latency of the packets of one direction, from the stamps in
// them.
//
// Definitions (a flow is one allocation in one direction; the sequence of each begins with 0):
//   received    distinct packets (RFC 5560: the first copy counts) not more than kWindow behind.
//   duplicated  further copies of a received packet (RFC 5560).
//   reordered   received packets whose sequence is below the largest seen in their flow plus one
//               (RFC 4737 section 3.3).
//   late        packets kWindow or more behind the largest of their flow: whether such a one is a
//               first copy is no longer known; as in RFC 5236 (section 4.3, displacement threshold)
//               it is lost.
//   stray       packets of an earlier phase; they count as nothing else.
//   corrupt     payloads that are no stamp of this direction, and what the caller reports.
//   lost        sent minus received, once the stragglers have had their time (RFC 7680).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

namespace causeway::gen {

enum class Direction : uint8_t { kToPeer = 0, kToClient = 1 };

/// The first 32 bytes of every payload; in the byte order of the host, which also reads it.
struct Stamp {
  static constexpr uint32_t kMagic = 0x31775743;  // "CWw1"
  uint32_t magic;
  uint32_t check;  // Check() of the rest: garbage does not pass for a stamp
  uint32_t flow;
  uint16_t phase;
  uint8_t direction;
  uint8_t reserved;
  uint64_t sequence;
  uint64_t tsc;  // when it was written

  uint32_t Check() const {
    const uint64_t head = uint64_t{flow} << 32 | uint64_t{phase} << 16 | direction;
    const uint64_t mixed = (head ^ sequence * 0x9e3779b97f4a7c15u) + (tsc ^ tsc >> 29);
    return static_cast<uint32_t>((mixed * 0xff51afd7ed558ccdu) >> 32);
  }
};
static_assert(sizeof(Stamp) == 32);

inline void WriteStamp(void* payload, uint32_t flow, uint16_t phase, Direction direction,
                       uint64_t sequence, uint64_t tsc) {
  Stamp stamp{Stamp::kMagic, 0, flow, phase, static_cast<uint8_t>(direction), 0, sequence, tsc};
  stamp.check = stamp.Check();
  std::memcpy(payload, &stamp, sizeof(stamp));
}

/// False for what is shorter than a stamp or was not written by WriteStamp.
inline bool ReadStamp(const void* payload, size_t size, Stamp& stamp) {
  if (size < sizeof(Stamp)) return false;
  std::memcpy(&stamp, payload, sizeof(stamp));
  return stamp.magic == Stamp::kMagic && stamp.check == stamp.Check();
}

/// Counts of values by magnitude, bucketed as HdrHistogram does: 256 equal steps for each doubling,
/// so a bucket is at most 1/256 (0.4 %) of its value wide. Recording is a shift and an increment.
/// (Debian 12 has no HdrHistogram for C.)
class Histogram {
 public:
  static constexpr unsigned kSubBits = 8;
  static constexpr unsigned kMaxBits = 44;  // larger values count as the largest

  Histogram() : counts_((kMaxBits - kSubBits + 1) << kSubBits) {}

  void Record(uint64_t value) {
    ++counts_[Index(value)];
    ++total_;
    sum_ += value;
    if (value > max_) max_ = value;
  }
  void Clear();
  /// Adds all that the other has counted.
  void Add(const Histogram& other);

  uint64_t total() const { return total_; }
  uint64_t max() const { return max_; }
  /// 0 when nothing was recorded.
  double Mean() const;
  /// The value that a fraction `quantile` (0 to 1) of all values does not exceed: the upper end of
  /// its bucket, at most max(). 0 when nothing was recorded.
  uint64_t ValueAt(double quantile) const;

 private:
  static constexpr uint64_t kLargest = (uint64_t{1} << kMaxBits) - 1;
  static unsigned Index(uint64_t value) {
    if (value > kLargest) value = kLargest;
    const unsigned bits = 64 - static_cast<unsigned>(__builtin_clzll(value | 1));
    if (bits <= kSubBits) return static_cast<unsigned>(value);
    const unsigned shift = bits - kSubBits - 1;
    return (shift << kSubBits) + static_cast<unsigned>(value >> shift);
  }
  static uint64_t UpperEnd(unsigned index);

  std::vector<uint64_t> counts_;
  uint64_t total_ = 0;
  uint64_t sum_ = 0;
  uint64_t max_ = 0;
};

struct FlowCounts {
  uint64_t sent = 0;
  uint64_t received = 0;
  uint64_t duplicated = 0;
  uint64_t reordered = 0;
  uint64_t late = 0;
  uint64_t stray = 0;
  uint64_t corrupt = 0;
  /// Never negative: sent can only be behind when the caller counts late.
  uint64_t lost() const { return sent > received ? sent - received : 0; }

  friend FlowCounts operator+(FlowCounts a, const FlowCounts& b) {
    a.sent += b.sent;
    a.received += b.received;
    a.duplicated += b.duplicated;
    a.reordered += b.reordered;
    a.late += b.late;
    a.stray += b.stray;
    a.corrupt += b.corrupt;
    return a;
  }
};

/// One direction. One thread. 16 bytes a flow; one cache line is touched per packet besides the
/// histogram's.
class FlowMeter {
 public:
  static constexpr uint64_t kWindow = 64;

  FlowMeter(Direction direction, uint32_t flows) : flows_(flows), direction_(direction) {}

  /// A new phase: all counts, windows and latencies begin anew, and packets whose stamp has another
  /// phase are strays.
  void Begin(uint16_t phase);

  void CountSent(uint64_t packets) { counts_.sent += packets; }
  /// What the caller found wrong with a packet that it does not pass to Receive: a bad checksum,
  /// a wrong length, the wrong destination.
  void CountCorrupt() { ++counts_.corrupt; }

  /// Brings the flow's window into the cache.
  void Prefetch(uint32_t flow) const {
    if (flow < flows_.size()) __builtin_prefetch(&flows_[flow], 1);
  }

  /// A received payload. `now` is on the clock of the stamp; a stamp of the future is corrupt.
  void Receive(const void* payload, size_t size, uint64_t now) {
    Stamp stamp;
    if (!ReadStamp(payload, size, stamp) || stamp.direction != static_cast<uint8_t>(direction_) ||
        stamp.flow >= flows_.size() || stamp.tsc > now) {
      ++counts_.corrupt;
      return;
    }
    Receive(stamp, now);
  }

  /// A stamp that is sound: read by ReadStamp, of this direction, of a flow that there is, not of
  /// the future.
  void Receive(const Stamp& stamp, uint64_t now) {
    if (stamp.phase != phase_) {
      ++counts_.stray;
      return;
    }
    if (Admit(flows_[stamp.flow], stamp.sequence)) {
      ++counts_.received;
      latency_.Record(now - stamp.tsc);
    }
  }

  const FlowCounts& counts() const { return counts_; }
  /// In cycles of the TSC, of received packets.
  const Histogram& latency() const { return latency_; }
  Direction direction() const { return direction_; }
  uint32_t flows() const { return static_cast<uint32_t>(flows_.size()); }

 private:
  struct Flow {
    uint64_t next = 0;  // largest sequence seen, plus one
    uint64_t seen = 0;  // bit i: sequence next - 1 - i was received
  };

  bool Admit(Flow& flow, uint64_t sequence) {
    if (sequence >= flow.next) {
      const uint64_t step = sequence - flow.next + 1;
      flow.seen = (step < kWindow ? flow.seen << step : 0) | 1;
      flow.next = sequence + 1;
      return true;
    }
    const uint64_t behind = flow.next - 1 - sequence;
    if (behind >= kWindow) {
      ++counts_.late;
      return false;
    }
    const uint64_t bit = uint64_t{1} << behind;
    if ((flow.seen & bit) != 0) {
      ++counts_.duplicated;
      return false;
    }
    flow.seen |= bit;
    ++counts_.reordered;
    return true;
  }

  std::vector<Flow> flows_;
  FlowCounts counts_;
  Histogram latency_;
  uint16_t phase_ = 0;
  Direction direction_;
};

}  // namespace causeway::gen

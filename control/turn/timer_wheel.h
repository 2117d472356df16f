// Expiry without a scan: a hierarchical timer wheel over numbered timers.
#pragma once

#include <array>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "control/turn/zeroed_array.h"
#include "dataplane/commands.h"

namespace causeway::turn {

/// Timers 0..capacity-1, each stopped or due at one decisecond. Four levels of 256 slots cover all
/// of the 32-bit clock. Schedule, move and cancel are O(1) and allocate nothing; a timer is moved
/// at most three times on its way down the levels. Used on the control thread only.
class TimerWheel {
 public:
  explicit TimerWheel(uint32_t capacity);

  /// Starts or moves a timer. A time that has passed already is taken as the next decisecond.
  void Schedule(uint32_t timer, Deciseconds when);
  /// Stops a timer; nothing happens when it is stopped already.
  void Cancel(uint32_t timer);

  bool IsScheduled(uint32_t timer) const { return nodes_[timer + 1].next != kStopped; }
  /// When a scheduled timer is due.
  Deciseconds expiry(uint32_t timer) const { return nodes_[timer + 1].when; }

  /// Goes on to `now` and calls `fire` for each timer due at or before it, in order of time; the
  /// timer is stopped already, and `fire` may start or stop any timer. Time that goes back is
  /// ignored. Stretches of time without timers are skipped, so catching up after a stall is cheap.
  void Advance(Deciseconds now, absl::FunctionRef<void(uint32_t timer)> fire);

  /// The time that Advance has reached.
  Deciseconds now() const { return now_; }
  uint32_t size() const { return size_; }
  size_t bytes() const { return nodes_.bytes(); }

 private:
  static constexpr int kLevels = 4;
  static constexpr uint32_t kSlots = 256;
  static constexpr uint32_t kStopped = 0;

  // A node of a circular list. Timer t has node t + 1; the lists' heads follow in `nodes_`.
  struct Node {
    uint32_t previous;
    uint32_t next;
    Deciseconds when;
  };

  uint32_t Head(int level, uint32_t slot) const { return capacity_ + 1 + level * kSlots + slot; }
  int LevelOf(Deciseconds when) const;
  void Insert(uint32_t node);
  void Unlink(uint32_t node);
  void SkipEmptyTime(Deciseconds now);
  void Cascade();

  uint32_t capacity_;
  uint32_t size_ = 0;
  Deciseconds now_ = 0;
  std::array<uint32_t, kLevels> population_ = {};
  ZeroedArray<Node> nodes_;
};

}  // namespace causeway::turn

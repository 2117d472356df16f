#include "control/turn/timer_wheel.h"

#include <algorithm>

namespace causeway::turn {

TimerWheel::TimerWheel(uint32_t capacity)
    : capacity_(capacity), nodes_(1 + capacity + size_t{kLevels} * kSlots) {
  for (uint32_t head = capacity_ + 1; head < nodes_.size(); ++head) {
    nodes_[head].previous = nodes_[head].next = head;
  }
}

void TimerWheel::Schedule(uint32_t timer, Deciseconds when) {
  Cancel(timer);
  nodes_[timer + 1].when = std::max(when, now_ + 1);
  Insert(timer + 1);
  ++size_;
}

void TimerWheel::Cancel(uint32_t timer) {
  if (!IsScheduled(timer)) return;
  --population_[LevelOf(nodes_[timer + 1].when)];
  Unlink(timer + 1);
  --size_;
}

// The level is that of the highest byte in which the two times differ. It stays the same while time
// goes on, until that byte is reached and Cascade moves the timer down.
int TimerWheel::LevelOf(Deciseconds when) const {
  const uint32_t difference = when ^ now_;
  if (difference < 1u << 8) return 0;
  if (difference < 1u << 16) return 1;
  return difference < 1u << 24 ? 2 : 3;
}

void TimerWheel::Insert(uint32_t node) {
  const Deciseconds when = nodes_[node].when;
  const int level = LevelOf(when);
  const uint32_t head = Head(level, (when >> (8 * level)) % kSlots);
  const uint32_t last = nodes_[head].previous;
  nodes_[node].previous = last;
  nodes_[node].next = head;
  nodes_[last].next = node;
  nodes_[head].previous = node;
  ++population_[level];
}

void TimerWheel::Unlink(uint32_t node) {
  const Node gone = nodes_[node];
  nodes_[gone.previous].next = gone.next;
  nodes_[gone.next].previous = gone.previous;
  nodes_[node].next = kStopped;
}

void TimerWheel::Advance(Deciseconds now, absl::FunctionRef<void(uint32_t)> fire) {
  while (now_ < now) {
    SkipEmptyTime(now);
    if (now_ == now) return;
    ++now_;
    if (now_ % kSlots == 0) Cascade();
    const uint32_t head = Head(0, now_ % kSlots);
    while (nodes_[head].next != head) {
      const uint32_t timer = nodes_[head].next - 1;
      Cancel(timer);
      fire(timer);
    }
  }
}

// Goes to the last moment before which no timer can be due, nor move to a lower level.
void TimerWheel::SkipEmptyTime(Deciseconds now) {
  int level = 0;
  while (level < kLevels && population_[level] == 0) ++level;
  if (level == kLevels) {
    now_ = now;
  } else if (level > 0) {
    now_ = std::min(now, now_ | ((1u << (8 * level)) - 1));
  }
}

void TimerWheel::Cascade() {
  for (int level = 1; level < kLevels; ++level) {
    const uint32_t slot = (now_ >> (8 * level)) % kSlots;
    const uint32_t head = Head(level, slot);
    while (nodes_[head].next != head) {
      const uint32_t node = nodes_[head].next;
      Unlink(node);
      --population_[level];
      Insert(node);
    }
    if (slot != 0) return;
  }
}

}  // namespace causeway::turn

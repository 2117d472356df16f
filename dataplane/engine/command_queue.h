// Control's end of a shard's command ring.
#pragma once

#include <array>
#include <cstdint>
#include <deque>

#include "dataplane/commands.h"
#include "dataplane/shard/ring_element.h"

namespace causeway {

/// Gathers commands and puts them into the ring together, so that the cache line of the ring's end,
/// which the shard reads at each turn, changes hands once for many. What does not fit waits in
/// control's memory; the order is kept. Used on the control thread only.
class CommandQueue {
 public:
  /// `ring` has elements of one RingElement, a single producer, and outlives this.
  explicit CommandQueue(rte_ring* ring) : ring_(ring) {}

  /// Reaches the shard at the next Flush, or sooner.
  void Push(const Command& command);
  void Flush();

 private:
  static constexpr unsigned kGathered = 32;

  rte_ring* ring_;
  unsigned count_ = 0;
  std::array<RingElement, kGathered> gathered_;
  std::deque<RingElement> overflow_;  // before what is gathered, after what is in the ring
};

}  // namespace causeway

#include "dataplane/shard/hand_off.h"

namespace causeway {

void FlushHandOff(ShardState& state, ShardId to) {
  HandOffBurst& burst = state.hand_offs[to];
  const unsigned taken = rte_ring_mp_enqueue_burst(
      state.config.handoff[to], reinterpret_cast<void**>(burst.frames), burst.count, nullptr);
  state.Count(Counter::k_handed_off, taken);
  for (unsigned i = taken; i < burst.count; ++i) {
    state.Drop(burst.frames[i], Counter::k_drop_handoff_full);
  }
  burst.count = 0;
}

void FlushHandOffs(ShardState& state) {
  for (unsigned to = 0; to < state.hand_offs.size(); ++to) {
    if (state.hand_offs[to].count != 0) FlushHandOff(state, static_cast<ShardId>(to));
  }
  state.hand_offs_wait = false;
}

bool HandOff(ShardState& state, rte_mbuf* frame, ShardId to, uint8_t flags) {
  const bool again = (flags & Packet::kHandedOver) != 0;
  if (again || to == state.config.id || to >= state.hand_offs.size()) {
    state.Drop(frame, Counter::k_drop_not_ours);
    return false;
  }
  GatherForOwner(state, frame, to, flags);
  return true;
}

}  // namespace causeway

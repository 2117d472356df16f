// Packets whose next hop has no link address yet: held, released, given up.
#include "dataplane/shard/send.h"

namespace causeway {
namespace {

bool CanGo(const ShardState& state, NextHopId hop) {
  return hop != kOnLink && (hop < kFirstNeighbour || state.next_hops[hop].resolved);
}

}  // namespace

bool Hold(ShardState& state, rte_mbuf* frame, const IpAddress& destination, NextHopId hop,
          Cut cut) {
  if (state.held.ShouldAsk(destination, state.now) &&
      !state.Raise(EventClass::kNeighbour, UnresolvedEvent{destination})) {
    state.held.ForgetAsking(destination);
  }
  if (!state.held.Add({frame, destination, state.now + HoldQueue::kPatience, hop, cut})) {
    state.Drop(frame, Counter::k_drop_unresolved);
    return false;
  }
  state.Count(Counter::k_held);
  return true;
}

void ReleaseHeld(ShardState& state, NextHopId hop) {
  if (state.held.IsEmpty() || hop >= kMaxNextHops || !state.next_hops[hop].resolved) return;
  HoldQueue::Item items[HoldQueue::kCapacity];
  const unsigned count =
      state.held.Take([&](const HoldQueue::Item& item) { return item.next_hop == hop; }, items);
  for (unsigned i = 0; i < count; ++i) {
    SendFrame(state, items[i].frame, items[i].destination, hop, items[i].cut);
  }
}

void RerouteHeld(ShardState& state) {
  if (state.held.IsEmpty()) return;
  HoldQueue::Item items[HoldQueue::kCapacity];
  const unsigned count = state.held.TakeAll(items);
  for (unsigned i = 0; i < count; ++i) {
    HoldQueue::Item& item = items[i];
    item.next_hop = state.next_hops.LookUp(item.destination);
    if (CanGo(state, item.next_hop)) {
      SendFrame(state, item.frame, item.destination, item.next_hop, item.cut);
    } else {
      state.held.Add(item);
    }
  }
}

void DropOverdue(ShardState& state) {
  HoldQueue::Item items[HoldQueue::kCapacity];
  const unsigned count = state.held.Take(
      [&](const HoldQueue::Item& item) { return item.deadline <= state.now; }, items);
  for (unsigned i = 0; i < count; ++i) state.Drop(items[i].frame, Counter::k_drop_unresolved);
}

}  // namespace causeway

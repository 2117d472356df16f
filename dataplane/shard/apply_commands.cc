#include "dataplane/shard/send.h"
#include "dataplane/shard/stages.h"

namespace causeway {
namespace {

class CommandApplier {
 public:
  explicit CommandApplier(ShardState& state) : s_(state) {}

  void operator()(const auto& flow_command) { s_.flows.Apply(flow_command); }

  void operator()(const SetNextHop& c) {
    s_.next_hops.Apply(c);
    ReleaseHeld(s_, c.next_hop);
  }

  void operator()(const PublishRoutes& c) {
    s_.next_hops.Apply(c);
    s_.flows.SweepStaleHops(s_.next_hops.generation());
    s_.adopted_generation = c.generation;
    s_.routes_adopted_owed = true;
    RerouteHeld(s_);
  }

  void operator()(const RelayIcmp& c) { SendIcmpIndication(s_, c); }
  void operator()(const TransmitBuffer& c) { SendForControl(s_, c); }

 private:
  ShardState& s_;
};

// While the ring of events is full the slots wait.
void TellEnded(ShardState& state) {
  while (state.flows.Ended() != FlowTables::kNone) {
    const AllocationId allocation = state.flows.Ended();
    const AllocationEndedEvent event = {allocation, state.flows.ReadMeter(allocation)};
    if (!state.Raise(EventClass::kClient, event)) return;
    state.flows.ReleaseEnded();
  }
}

constexpr unsigned kCommandBurst = 64;

}  // namespace

unsigned ApplyCommands(ShardState& state) {
  RingElement elements[kCommandBurst];
  const unsigned count = DequeueElements(state.config.commands, elements, kCommandBurst);
  CommandApplier applier(state);
  for (unsigned i = 0; i < count; ++i) {
    Command command;
    elements[i].Load(command);
    std::visit(applier, command);
  }
  TellEnded(state);
  if (state.routes_adopted_owed &&
      state.Raise(EventClass::kClient, RoutesAdoptedEvent{state.adopted_generation})) {
    state.routes_adopted_owed = false;
  }
  return count;
}

}  // namespace causeway

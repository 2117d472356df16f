// What a shard tells control, one ring element each. Internal to the dataplane: control sees
// EventSink.
#pragma once

#include <cstdint>
#include <variant>

#include "dataplane/commands.h"

struct rte_mbuf;

namespace causeway {

/// A STUN message for control. `buffer` begins (rte_pktmbuf_mtod) with the first byte of the UDP
/// payload and is exactly as long; the receiver frees it.
struct RequestEvent {
  rte_mbuf* buffer;
  ClientTuple tuple;
};
struct UnknownClientEvent {
  ClientTuple tuple;
};
struct UnresolvedEvent {
  IpAddress destination;
};
struct AllocationEndedEvent {
  AllocationId allocation;
  MeterReading totals;
};
struct RoutesAdoptedEvent {
  uint32_t generation;
};
/// A frame for the kernel's mirror, from its Ethernet header on; the receiver frees it.
struct KernelFrameEvent {
  rte_mbuf* buffer;
};

using Event = std::variant<RequestEvent, UnknownClientEvent, UnresolvedEvent, AllocationEndedEvent,
                           RoutesAdoptedEvent, KernelFrameEvent>;
static_assert(sizeof(Event) <= 64, "an event is one ring element");

}  // namespace causeway

// What a shard tells control, one ring element each, by class. Internal to the dataplane: control
// sees EventSink.
#pragma once

#include <array>
#include <cstdint>
#include <variant>

#include "dataplane/commands.h"

struct rte_mbuf;
struct rte_ring;

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

/// Every class has a ring of its own, so that a flood of one takes no room from another. In the
/// order in which control serves them.
enum class EventClass : uint8_t {
  kClient,     // requests of clients that have an allocation; what the shard itself reports
  kStranger,   // requests of all others, clients that are not known
  kNeighbour,  // next hops that are not resolved; ARP and ND for the kernel
  kKernel,     // all other frames for the kernel
};
inline constexpr unsigned kEventClasses = 4;
using EventRings = std::array<rte_ring*, kEventClasses>;

}  // namespace causeway

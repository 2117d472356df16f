// The one seam between the planes: control speaks to shards in these commands and hears these
// events. Plain structs, no DPDK header. Ports, numbers and times are in host order; addresses in
// network order.
#pragma once

#include <cstdint>
#include <variant>

#include "absl/types/span.h"
#include "dataplane/address.h"

namespace causeway {

/// One worker's number, from 0.
using ShardId = uint8_t;
/// Slots in the owner shard's pools, dealt by control, which alone knows which are free. The shard
/// stores what it is told where it is told, so that a command cannot fail for want of room.
using AllocationId = uint32_t;
using PermissionId = uint32_t;
using ChannelId = uint32_t;

/// Tenths of a second since the daemon's epoch (its start). Both planes read the same clock; 32
/// bits last for 13 years, so no wrap-around is handled.
using Deciseconds = uint32_t;

/// A relayed transport address: an index into NodeConfig::relay_addresses and a port.
struct RelayPort {
  static constexpr uint16_t kNone = 0xffff;
  uint16_t address_index = kNone;
  uint16_t port = 0;
  bool IsSet() const { return address_index != kNone; }
  friend bool operator==(const RelayPort&, const RelayPort&) = default;
};

/// What carries the messages between client and server, as the five-tuple names it (RFC 8656
/// section 2). Between server and peer it is always UDP.
enum class Transport : uint8_t { kUdp, kTcp, kTls, kDtls };

/// The five-tuple of a client: one client, one allocation (RFC 8656 section 3.2). The same address
/// and port over two transports are two clients.
struct ClientTuple {
  Endpoint client;  // server-reflexive address of the client
  /// The server's address and port: see NodeConfig::ServerOf.
  uint8_t local_index = 0;
  Transport transport = Transport::kUdp;
  friend bool operator==(const ClientTuple&, const ClientTuple&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const ClientTuple& t) {
    const auto rest =
        static_cast<uint16_t>(t.local_index | static_cast<unsigned>(t.transport) << 8);
    return H::combine(std::move(h), t.client, rest);
  }
};
static_assert(sizeof(ClientTuple) == 20);

/// By which front end a client's messages come, and answers go back. Control keeps it and gives it
/// back; it reads the shard of UDP alone.
struct ReplyRoute {
  /// Of UDP the shard that a packet came by; else a front end of its own kind, which owns the
  /// client's connection.
  uint8_t front_end = 0;
  /// The front end's number of the connection, which tells it from those before it as well (a
  /// generation). UDP: 0.
  uint32_t connection = 0;
  friend bool operator==(const ReplyRoute&, const ReplyRoute&) = default;
};

/// The client's side of an allocation or of a request: who it is, and how to reach it. A UDP
/// client's packets may come by another shard each time; a connection keeps its route.
struct ClientLeg {
  ClientTuple tuple;
  ReplyRoute route = {};
  friend bool operator==(const ClientLeg&, const ClientLeg&) = default;
};

// ----------------------------------------------------------------------------------------------
// commands

/// Puts an allocation in place (RFC 8656 section 6). It lasts until removed or until `expiry`. In a
/// slot that is in use it changes what the allocation is; limits, marks and meter go on.
/// A UDP leg lies in the shard, which needs no route. Of another leg the relay side alone does, and
/// its datagrams go to and fro between the shard and the front end of the route. No front end
/// makes such legs yet, and a shard takes none.
struct InstallAllocation {
  AllocationId allocation;
  ClientLeg leg;
  RelayPort relay_v4;  // one of the two at least
  RelayPort relay_v6;
  Deciseconds expiry;
};
/// Moves an allocation's expiry (Refresh).
struct RefreshAllocation {
  AllocationId allocation;
  Deciseconds expiry;
};
/// Takes an allocation away. Control has removed its permissions and channels before. The shard
/// answers with AllocationEnded; until then the slot rests.
struct RemoveAllocation {
  AllocationId allocation;
};
/// Caps what an allocation relays, each way by itself; 0 is no cap. Counted is the peer's datagram
/// (UDP payload). What is over is dropped (drop_rate_limit).
struct SetLimits {
  AllocationId allocation;
  uint32_t kbps;  // 1,000 bits a second
  uint32_t packets_per_second;
};
/// Sets the DSCP (RFC 2474) of what an allocation relays, each way by itself; ECN stays.
struct SetMarking {
  static constexpr uint8_t kKeep = 0xff;  // as it came
  AllocationId allocation;
  uint8_t to_peer = kKeep;  // 0..63 or kKeep
  uint8_t to_client = kKeep;
};
/// Installs or refreshes a permission (RFC 8656 section 9).
struct SetPermission {
  PermissionId permission;
  AllocationId allocation;
  IpAddress peer;
  Deciseconds expiry;
};
struct RemovePermission {
  PermissionId permission;
};
/// Binds or refreshes a channel (RFC 8656 section 12); its permission comes by SetPermission.
struct BindChannel {
  ChannelId channel;
  AllocationId allocation;
  uint16_t number;  // 0x4000..0x7FFF, see turn/channel_bind.cc
  Endpoint peer;
  Deciseconds expiry;
};
struct UnbindChannel {
  ChannelId channel;
};
/// Tells a shard that this UDP client's allocation lives on another one: hand its packets over.
struct AddClientRedirect {
  ClientTuple tuple;
  ShardId owner;
  AllocationId allocation;  // of the owner's
};
struct RemoveClientRedirect {
  ClientTuple tuple;
};
/// Which of the node's links, in the order in which the operator named them.
using LinkId = uint8_t;
inline constexpr LinkId kMaxLinks = 8;
/// Index into the shard's next-hop table; see route_table.h for the reserved values.
using NextHopId = uint16_t;
/// Sets a neighbour's link address, or says that it is not (or no longer) known.
struct SetNextHop {
  NextHopId next_hop;
  MacAddress mac;
  bool resolved;
  uint16_t mtu;     // of the outgoing link or route, bytes of IP packet
  LinkId link = 0;  // by which packets to it leave
};
class RouteTable;
/// Hands over a new route table, whole. The shard answers with RoutesAdopted as soon as it no
/// longer reads the one before; control owns both and frees the old one when every shard has
/// answered.
struct PublishRoutes {
  const RouteTable* routes;
  uint32_t generation;
};
/// An ICMP error about a packet that left a relayed address (RFC 8656 section 11.5).
struct RelayIcmp {
  RelayPort relay;
  Endpoint peer;  // destination of the packet that the error is about
  uint8_t type;
  uint8_t code;
  uint32_t error_data;  // the MTU for "packet too big" and "fragmentation needed", else 0
};
/// A STUN message for a client, or a whole frame; made by Dataplane::Transmit and TransmitFrame
/// only.
struct TransmitBuffer {
  void* buffer;  // an rte_mbuf with headroom for Ethernet, IPv6 and UDP headers; the shard frees it
  ClientTuple tuple;  // of UDP: where the message goes; not used for a frame
  bool is_frame;      // the buffer begins with an Ethernet header and is sent as it is
};

using Command =
    std::variant<InstallAllocation, RefreshAllocation, RemoveAllocation, SetLimits, SetMarking,
                 SetPermission, RemovePermission, BindChannel, UnbindChannel, AddClientRedirect,
                 RemoveClientRedirect, SetNextHop, PublishRoutes, RelayIcmp, TransmitBuffer>;
static_assert(sizeof(Command) <= 64, "a command is one ring element of one cache line");

// ------------------------------------------------------------------------------------------------
// events

/// What an allocation has relayed since it was installed, in datagrams and bytes of the peer's UDP
/// payload, and dropped.
struct MeterReading {
  struct Direction {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    friend bool operator==(const Direction&, const Direction&) = default;
  };
  Direction to_peer;
  Direction to_client;
  uint32_t drops_rate_limit = 0;
  uint32_t drops_no_permission = 0;  // of peers, and Send indications
  uint32_t drops_other = 0;
  Deciseconds last_activity = 0;  // when a datagram was relayed last, either way; 0: never
  friend bool operator==(const MeterReading&, const MeterReading&) = default;
};
static_assert(sizeof(MeterReading) == 48);

/// What control hears. Called on the control thread, from Dataplane::Poll.
class EventSink {
 public:
  virtual ~EventSink() = default;
  /// A STUN message that the front end of `leg` does not answer by itself. `message` is valid
  /// during the call only, and only until Dataplane::Transmit, which may write the answer over it.
  virtual void OnRequest(const ClientLeg& leg, absl::Span<const uint8_t> message) = 0;
  /// ChannelData or an indication came from a UDP client that the shard does not know: control may
  /// redirect it.
  virtual void OnUnknownClient(ShardId shard, const ClientTuple& tuple) = 0;
  /// A packet waits for the link address of this on-link destination.
  virtual void OnUnresolved(ShardId shard, const IpAddress& destination) = 0;
  /// An allocation is gone, its slot free again: its totals, once.
  virtual void OnAllocationEnded(ShardId shard, AllocationId allocation,
                                 const MeterReading& totals) = 0;
  /// The shard has left every route table before `generation`.
  virtual void OnRoutesAdopted(ShardId shard, uint32_t generation) = 0;
  /// An Ethernet frame for the kernel, on links where the kernel has lost the interface.
  virtual void OnKernelFrame(absl::Span<const uint8_t> frame) = 0;
};

/// The dataplane as control sees it. All methods are called on the control thread, and none blocks.
class Dataplane {
 public:
  virtual ~Dataplane() = default;
  /// Queues a command; order per shard is kept. What Poll led to arrives when it returns at the
  /// latest, all else at once. What does not fit in the ring waits in control's memory.
  virtual void Submit(ShardId shard, const Command& command) = 0;
  /// Sends a STUN message to a client by the route of `leg`, after all commands submitted before.
  /// The bytes are copied, within OnRequest into the buffer of the request if they fit, and must
  /// not lie in it. When no buffer is free the message is dropped and counted (the client
  /// retransmits).
  virtual void Transmit(const ClientLeg& leg, absl::Span<const uint8_t> message) = 0;
  /// Sends an Ethernet frame as it is (from the kernel's mirror).
  virtual void TransmitFrame(absl::Span<const uint8_t> frame) = 0;
  /// What an installed allocation has relayed so far: read from the shard's memory while the shard
  /// goes on, so that its figures may be of neighbouring moments. Zeros for a slot not in use.
  virtual MeterReading ReadMeter(ShardId shard, AllocationId allocation) const = 0;
  /// Delivers events that wait, a bounded number; returns how many.
  virtual int Poll(EventSink& sink) = 0;
};

}  // namespace causeway

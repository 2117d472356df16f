// A node of one or two shards over a port made of rings, driven by hand on the test's thread.
#pragma once

#include <gtest/gtest.h>

#include <list>
#include <map>
#include <vector>

#include "dataplane/route_table.h"
#include "tests/dataplane/buffers.h"
#include "tests/dataplane/shard/frames.h"
#include "tests/dataplane/shard/shards_on_rings.h"

namespace causeway::testing {

inline constexpr unsigned kMaxShards = 2;
inline constexpr MacAddress kOurMac = {2, 0, 0, 0, 0, 1};
inline constexpr MacAddress kRouterMac = {2, 0, 0, 0, 0, 0xfe};
inline constexpr NextHopId kRouterV4 = kFirstNeighbour;
inline constexpr NextHopId kRouterV6 = kFirstNeighbour + 1;
inline constexpr NextHopId kNarrow = kFirstNeighbour + 2;  // towards 198.18.0.0/15, MTU 1000
inline constexpr NextHopId kAbsent = kFirstNeighbour + 3;  // towards 198.51.100.128/25, unresolved

// The cast: one client, one peer and two relayed addresses of each family.
inline constexpr const char* kServerV4 = "192.0.2.1:3478";
inline constexpr const char* kServerV6 = "[2001:db8::1]:3478";
inline constexpr const char* kClientV4 = "198.51.100.10:5000";
inline constexpr const char* kClientV6 = "[2001:db8:c::10]:5000";
inline constexpr const char* kPeerV4 = "203.0.113.20:6000";
inline constexpr const char* kPeerV6 = "[2001:db8:f::20]:6000";

// Of the second link.
inline constexpr MacAddress kSecondMac = {2, 0, 0, 0, 0, 2};
inline constexpr uint16_t kSecondMtu = 1400;

struct EventRecord {
  enum Kind { kRequest, kUnknownClient, kUnresolved, kRoutesAdopted, kKernelFrame, kEnded } kind;
  ClientTuple tuple;
  Bytes bytes;
  IpAddress destination;
  uint32_t generation = 0;
  AllocationId ended = 0;
  MeterReading totals = {};
  EventClass event_class = EventClass::kClient;
};

struct NodeOptions {
  ShardId shards = 1;
  uint32_t requests_per_prefix = 0;
  bool partial_checksums = false;
  bool kernel_keeps_interface = true;
  uint32_t capacity = 256;
  LinkId links = 1;  // or 2
};

class NodeTest : public ::testing::Test, protected ShardsOnRings {
 protected:
  void SetUp() override;
  /// Takes the node down and checks that every buffer came back.
  void TearDown() override;

  /// Builds the node; called by SetUp with the defaults, again by tests that want another.
  void Build(const NodeOptions& options);
  void Demolish();

  /// Puts a frame on the shard's queue; the frame may be cut in `segments` buffers.
  void Arrive(const Bytes& frame, ShardId shard = 0, unsigned segments = 1, LinkId link = 0);
  /// The same by the shard's hand-off ring, as if it had come from the link: without kOrdinary the
  /// general stages take it.
  void ArriveForGeneralStages(const Bytes& frame, ShardId shard = 0);
  /// Polls every shard `turns` times at the present time; returns what the polls returned together.
  unsigned Turn(int turns = 1);
  /// Moves the clock.
  void Wait(Deciseconds deciseconds) { now_ += deciseconds; }
  /// What left by a link since the last call, of all queues.
  std::vector<Bytes> Sent(LinkId link = 0);
  /// Events since the last call, each shard's by class.
  std::vector<EventRecord> Events();
  /// Counters that moved since the last call, all shards together, without bytes and cycles.
  std::map<std::string, uint64_t> Moved();
  /// Arrive, two turns, Sent.
  std::vector<Bytes> Relay(const Datagram& datagram, ShardId shard = 0);
  std::vector<Bytes> Relay(const Bytes& frame, ShardId shard = 0);

  /// An allocation with both relayed addresses at this port, a permission and a channel (when
  /// `number` is not 0) for the peer; identifiers are all `id`.
  void Install(uint32_t id, const char* client, uint16_t relay_port, const char* peer,
               uint16_t number, ShardId shard = 0);
  /// Tells `arrival` that the client's allocation, the last that Install made for it, lives on
  /// `owner`; a client that has none is told to have one.
  void Redirect(const char* client, ShardId owner, ShardId arrival);
  void Permit(PermissionId permission, AllocationId allocation, const char* peer,
              ShardId shard = 0);

  /// Fills the port's transmit ring; Sent() empties it again.
  void JamPort();
  /// Fills the ring of this class of events; Events() empties it again.
  void JamEvents(EventClass event_class, ShardId shard = 0);
  /// Takes every buffer out of a pool, until Replenish.
  void ExhaustPool(bool jumbo);
  void Replenish();
  /// Fills the shard's hand-off ring but for `room`.
  void JamHandOff(ShardId shard, unsigned room = 0);

  Deciseconds now_ = 100;
  std::map<std::string, AllocationId> installed_;  // by client
  RouteTable routes_;

 private:
  std::map<std::string, uint64_t> counted_;
  std::list<EmptiedPool> emptied_;
};

/// Compares a frame with what it should be, bytes and all. An IPv4 identification is taken from the
/// frame when DF is 0, but must not be 0.
void ExpectFrame(const Bytes& frame, Datagram expected);

}  // namespace causeway::testing

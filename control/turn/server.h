// The TURN server of RFC 8656, sans-IO: (bytes, client leg, now) in; (reply bytes, commands) out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/access/snapshot.h"
#include "control/auth/authenticator.h"
#include "dataplane/commands.h"
#include "dataplane/node_config.h"

namespace causeway::turn {

class Operator;

struct Limits {
  uint32_t max_allocations = 16384;  // of the node
  uint32_t permissions_per_allocation = 128;
  uint32_t channels_per_allocation = 128;
  uint32_t default_lifetime_seconds = 600;
  uint32_t max_lifetime_seconds = 3600;
  uint32_t reservation_seconds = 30;  // of an EVEN-PORT pair's second port; never less than 30
};

struct ServerConfig {
  NodeConfig node;
  Limits limits;
  std::string software;  // the SOFTWARE attribute; empty leaves it out
  /// Serial of the first allocation, above 0 and above all that the node has ever dealt.
  uint64_t first_serial = 1;
  /// Cryptographically secure random bytes; injected so that tests can repeat a run.
  std::function<void(void* out, size_t size)> random;
};

/// Both clocks, read once per event-loop turn.
struct Now {
  Deciseconds monotonic = 0;  // shard time: expiries
  uint64_t unix_seconds = 0;  // nonces and time-limited credentials
};

/// What operators want to see.
struct ServerStats {
  uint64_t allocations = 0, permissions = 0, channels = 0, reservations = 0;  // now
  uint64_t requests = 0, allocated_total = 0, expired_total = 0, revoked_total = 0;
  uint64_t errors[700] = {};  // answered, by error code
};

/// Handles all allocations of the node. Used on the control thread only. Tables for max_allocations
/// are made at construction and take memory as they fill; after it, only user names are allocated.
class Server {
 public:
  /// `dataplane` and `authenticator` outlive the server; the latter checks the credentials of
  /// `access`.
  Server(ServerConfig config, Dataplane& dataplane, auth::Authenticator& authenticator,
         std::shared_ptr<const access::Snapshot> access);
  ~Server();

  /// A STUN message of a client. Answers through Dataplane::Transmit by the same leg.
  void HandleRequest(const ClientLeg& leg, stun::Bytes datagram, Now now);
  /// A UDP client that the shard does not know: redirects it when its allocation lives on another
  /// shard.
  void HandleUnknownClient(ShardId shard, const ClientTuple& tuple);
  /// The client's connection (TCP, TLS, DTLS) is gone, and its allocation with it: the five-tuple,
  /// which alone leads to an allocation, names one communication stream (RFC 8656 section 2), and
  /// may be a file descriptor (section 3.2). It is told once all messages of the connection are
  /// handled. No other connection's allocation ends, even if it has the same five-tuple.
  void HandleConnectionClosed(const ClientLeg& leg);
  /// An allocation has left its shard; these are its totals.
  void HandleAllocationEnded(ShardId shard, AllocationId allocation, const MeterReading& totals);
  /// An ICMP error that the kernel heard of, about a packet from `source` (ours) to `peer`.
  void HandleIcmp(const Endpoint& source, const Endpoint& peer, uint8_t type, uint8_t code,
                  uint32_t error_data);
  /// Runs the timer wheel up to `now`: expires allocations, permissions, channels, reservations.
  void Advance(Now now);
  /// From now on this is what is granted, to new requests at once; takes no time that grows with
  /// it. What it no longer grants to allocations that there are, ReviewSlice takes away: those
  /// whose user, secret or tenant is gone end, those under other limits get these, and permissions
  /// and channels to peers that the rules deny are removed. An allocation that a request is about
  /// is reviewed before the request. Quotas are asked when something new is made; nothing that
  /// there is ends for one. During a review it begins anew.
  void Use(std::shared_ptr<const access::Snapshot> access);
  /// Goes on with the review for some 0.2 ms; false once there is nothing to do.
  bool ReviewSlice(Now now);

  /// What operators do; lives as long as the server.
  Operator& operators();

  const ServerStats& stats() const;
  /// Bytes of control memory set aside per allocation of capacity, user names not counted.
  size_t BytesPerAllocation() const;
  /// The share of it that an allocation without permissions and channels takes.
  size_t IdleBytesPerAllocation() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace causeway::turn

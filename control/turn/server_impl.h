// The server's state and its handlers; one source file for each method.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "control/turn/allocation_table.h"
#include "control/turn/observer.h"
#include "control/turn/operator.h"
#include "control/turn/random.h"
#include "control/turn/relay_ports.h"
#include "control/turn/reservation_table.h"
#include "control/turn/response.h"
#include "control/turn/server.h"
#include "control/turn/user_table.h"

namespace causeway::turn {

class Server::Impl {
 public:
  Impl(ServerConfig config, Dataplane& dataplane, auth::Authenticator& authenticator,
       std::shared_ptr<const access::Snapshot> access);

  void HandleRequest(const ClientLeg& leg, stun::Bytes datagram, Now now);
  void HandleUnknownClient(ShardId shard, const ClientTuple& tuple);
  void HandleConnectionClosed(const ClientLeg& leg);
  void HandleAllocationEnded(ShardId shard, AllocationId allocation, const MeterReading& totals);
  void HandleIcmp(const Endpoint& source, const Endpoint& peer, uint8_t type, uint8_t code,
                  uint32_t error_data);
  void Advance(Now now);
  void Use(std::shared_ptr<const access::Snapshot> access);
  bool ReviewSlice(Now now);

  Operator& operators() { return operators_; }
  const ServerStats& stats() const { return stats_; }
  size_t IdleBytesPerAllocation() const;
  size_t BytesPerAllocation() const;

 private:
  // What an Allocate request asks for, as checked.
  struct RequestedAllocation {
    bool v4 = false;
    bool v6 = false;
    bool dual = false;  // one of both families will do
    PortKind kind = PortKind::kAny;
    /// Ports that count against the quotas.
    uint32_t ports() const { return kind == PortKind::kPair ? 2 : 1; }
    std::optional<uint64_t> token;
    MissingFamily missing = MissingFamily::kNone;
  };
  struct RelayPair {
    ShardId shard = 0;
    RelayPort v4;
    RelayPort v6;
    bool IsSet() const { return v4.IsSet() || v6.IsSet(); }
  };
  // The distinct peers of a CreatePermission request.
  struct PeerList {
    IpAddress addresses[stun::Message::kMaxAttributes];
    size_t count = 0;
    void Add(const IpAddress& peer);
    absl::Span<const IpAddress> view() const { return {addresses, count}; }
  };

  /// The client's allocation under what is granted now, or kNoRecord.
  uint32_t LookUpReviewed(const Request& request);
  /// Renews an allocation's grant and takes away what it no longer has; returns how many records
  /// that meant to look at.
  uint32_t Review(uint32_t allocation, Now now);

  void HandleBinding(const Request& request);
  void HandleAuthenticated(const Request& request);
  /// Whether the allocation was made with the credential of the request.
  bool IsHolder(const Request& request, uint32_t allocation) {
    return allocations_[allocation].grant->username == request.credentials->grant->username;
  }
  /// Whether a request under a time-limited credential that has run out is answered all the same.
  bool MayOutliveCredential(const Request& request);
  void RefuseStranger(const Request& request, stun::ErrorCode error);
  /// Answers 420 and returns true when there is an attribute that must be understood and is not.
  bool RefuseUnknownAttributes(const Request& request);
  void Fail(const Request& request, stun::ErrorCode error);
  void Send(const Request& request, Response& response);

  // allocate.cc
  void HandleAllocate(const Request& request);
  void AnswerRetransmission(const Request& request, uint32_t allocation);
  void AnswerAllocate(const Request& request, uint32_t allocation);
  std::optional<stun::ErrorCode> ParseAllocate(const stun::Message& message,
                                               RequestedAllocation& requested) const;
  std::optional<stun::ErrorCode> ParseFamilies(const stun::Message& message,
                                               RequestedAllocation& requested) const;
  bool OverQuota(const Request& request, const RequestedAllocation& requested) const;
  void CreateAllocation(const Request& request, RequestedAllocation requested);
  ShardId PreferredOwner(const ClientLeg& leg);
  RelayPair TakeRelays(ShardId preferred, RequestedAllocation& requested);
  RelayPair TakeFromAnyShard(ShardId preferred, const RequestedAllocation& requested, bool all);
  RelayPair RedeemReservation(uint64_t token);

  /// RFC 8656 section 7.2: the time-to-expiry in seconds that a LIFETIME, or none, leads to.
  uint32_t Lifetime(const Request& request, std::optional<uint32_t> requested) const;

  // refresh.cc, create_permission.cc, channel_bind.cc
  void HandleRefresh(const Request& request, uint32_t allocation);
  void HandleCreatePermission(const Request& request, uint32_t allocation);
  std::optional<stun::ErrorCode> ParsePeers(const stun::Message& message,
                                            const AllocationRecord& record, PeerList& peers) const;
  void HandleChannelBind(const Request& request, uint32_t allocation);
  std::optional<stun::ErrorCode> CheckChannel(uint32_t allocation, uint16_t number,
                                              const stun::AddressValue& peer);
  /// An IPv4 address in the clothes of an IPv6 one is never a peer.
  bool IsForbidden(const AllocationRecord& record, const stun::AddressValue& peer) const;

  const ServerConfig config_;
  Dataplane& dataplane_;
  auth::Authenticator& authenticator_;
  std::shared_ptr<const access::Snapshot> access_;
  uint32_t review_at_ = kNoRecord;  // the first allocation that is still to be reviewed
  ServerStats stats_;
  Random random_;
  UserTable users_;
  RelayPorts ports_;
  ReservationTable reservations_;
  ShardId next_owner_ = 0;  // of connections, in turn
  Observers observers_;
  AllocationTable allocations_;
  Operator operators_;
};

}  // namespace causeway::turn

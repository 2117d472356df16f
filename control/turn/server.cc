#include "control/turn/server.h"

#include <utility>

#include "control/turn/server_impl.h"

namespace causeway::turn {
namespace {

using stun::Attribute;
using stun::ErrorCode;
using stun::Method;

// Attributes that are known but not expected in a request are ignored (RFC 8489 section 6.3).
constexpr Attribute kKnownRequired[] = {
    Attribute::kMappedAddress,
    Attribute::kUsername,
    Attribute::kMessageIntegrity,
    Attribute::kErrorCode,
    Attribute::kUnknownAttributes,
    Attribute::kChannelNumber,
    Attribute::kLifetime,
    Attribute::kXorPeerAddress,
    Attribute::kData,
    Attribute::kRealm,
    Attribute::kNonce,
    Attribute::kXorRelayedAddress,
    Attribute::kEvenPort,
    Attribute::kRequestedAddressFamily,
    Attribute::kDontFragment,
    Attribute::kRequestedTransport,
    Attribute::kUserhash,
    Attribute::kMessageIntegritySha256,
    Attribute::kXorMappedAddress,
    Attribute::kPasswordAlgorithm,
    Attribute::kReservationToken,
};

// One in sixteen allocations may hold a port back at a time, or 1,024 on a small node.
uint32_t ReservationCapacity(const ServerConfig& config) {
  return std::max<uint32_t>(1024, config.limits.max_allocations / 16);
}

ServerConfig Usable(ServerConfig config) {
  constexpr size_t kMostSoftware = 127;  // RFC 8489 section 14.14
  config.software.resize(std::min(config.software.size(), kMostSoftware));
  // The counts of a record have 16 bits.
  Limits& limits = config.limits;
  limits.permissions_per_allocation = std::min(limits.permissions_per_allocation, 0xffffu);
  limits.channels_per_allocation = std::min(limits.channels_per_allocation, 0xffffu);
  limits.reservation_seconds = std::max(limits.reservation_seconds, 30u);
  return config;
}

}  // namespace

Server::Impl::Impl(ServerConfig config, Dataplane& dataplane, auth::Authenticator& authenticator,
                   std::shared_ptr<const access::Snapshot> access)
    : config_(Usable(std::move(config))),
      dataplane_(dataplane),
      authenticator_(authenticator),
      access_(std::move(access)),
      random_(config_.random),
      ports_(config_.node, random_),
      reservations_(ReservationCapacity(config_), ports_, users_, random_, stats_),
      allocations_(config_.node, config_.limits, config_.first_serial, dataplane, ports_, users_,
                   stats_, observers_),
      operators_(allocations_, users_, observers_) {}

void Server::Impl::HandleRequest(const ClientLeg& leg, stun::Bytes datagram, Now now) {
  if (leg.tuple.client.port == 0) return;
  stun::Message message;
  if (!message.Parse(datagram) || message.message_class() != stun::Class::kRequest) return;
  Advance(now);
  Request request = {leg, message, now};
  switch (message.method()) {
    case Method::kBinding:
      ++stats_.requests;
      return HandleBinding(request);
    case Method::kAllocate:
    case Method::kRefresh:
    case Method::kCreatePermission:
    case Method::kChannelBind:
      ++stats_.requests;
      break;
    default:
      return;  // RFC 8489 section 6.3: neither an unknown method nor a Send request is answered
  }
  const auth::AuthResult credentials =
      authenticator_.Check(message, leg.tuple.client, now.unix_seconds);
  if (!credentials.ok()) return RefuseStranger(request, credentials.error);
  request.credentials = &credentials;
  if (credentials.credential_expired && !MayOutliveCredential(request)) {
    request.credentials = nullptr;
    return RefuseStranger(request, ErrorCode::kUnauthenticated);
  }
  HandleAuthenticated(request);
}

// A call that is under way does not end because the credential that began it has run out, unless
// the operator says so.
bool Server::Impl::MayOutliveCredential(const Request& request) {
  if (request.credentials->grant->on_expiry == auth::OnExpiry::kTerminate ||
      request.message.method() == Method::kAllocate) {
    return false;
  }
  const uint32_t allocation = allocations_.LookUp(request.leg.tuple);
  return allocation != kNoRecord && IsHolder(request, allocation);
}

void Server::Impl::RefuseStranger(const Request& request, ErrorCode error) {
  Response response(request, stun::Class::kError);
  response.writer().AddErrorCode(error);
  if (error != ErrorCode::kBadRequest) {
    authenticator_.AddChallenge(response.writer(), request.leg.tuple.client,
                                request.now.unix_seconds);
  }
  ++stats_.errors[static_cast<int>(error)];
  Send(request, response);
}

void Server::Impl::HandleAuthenticated(const Request& request) {
  if (RefuseUnknownAttributes(request)) return;
  const uint32_t allocation = LookUpReviewed(request);
  if (allocation != kNoRecord) {
    if (!allocations_.IsReachedBy(allocation, request.leg.route)) {
      return Fail(request, ErrorCode::kAllocationMismatch);
    }
    allocations_.Redirect(allocation, request.leg.route);
  }
  if (request.message.method() == Method::kAllocate) return HandleAllocate(request);
  if (allocation == kNoRecord) return Fail(request, ErrorCode::kAllocationMismatch);
  if (!IsHolder(request, allocation)) return Fail(request, ErrorCode::kWrongCredentials);
  switch (request.message.method()) {
    case Method::kRefresh:
      return HandleRefresh(request, allocation);
    case Method::kCreatePermission:
      return HandleCreatePermission(request, allocation);
    default:
      return HandleChannelBind(request, allocation);
  }
}

bool Server::Impl::RefuseUnknownAttributes(const Request& request) {
  Attribute unknown[stun::Message::kMaxAttributes];
  const int count = request.message.UnknownRequired(kKnownRequired, unknown, std::size(unknown));
  if (count == 0) return false;
  Response response(request, stun::Class::kError);
  response.writer().AddErrorCode(ErrorCode::kUnknownAttribute);
  response.writer().AddUnknownAttributes({unknown, static_cast<size_t>(count)});
  ++stats_.errors[static_cast<int>(ErrorCode::kUnknownAttribute)];
  Send(request, response);
  return true;
}

void Server::Impl::Fail(const Request& request, ErrorCode error) {
  Response response(request, stun::Class::kError);
  response.writer().AddErrorCode(error);
  ++stats_.errors[static_cast<int>(error)];
  Send(request, response);
}

void Server::Impl::Send(const Request& request, Response& response) {
  const stun::Bytes bytes = response.Finish(config_.software);
  if (!bytes.empty()) dataplane_.Transmit(request.leg, bytes);
}

void Server::Impl::HandleUnknownClient(ShardId shard, const ClientTuple& tuple) {
  const uint32_t allocation = allocations_.LookUp(tuple);
  if (allocation != kNoRecord) allocations_.Redirect(allocation, {.front_end = shard});
}

void Server::Impl::HandleConnectionClosed(const ClientLeg& leg) {
  const uint32_t allocation = allocations_.LookUp(leg.tuple);
  if (allocation == kNoRecord || !allocations_.IsReachedBy(allocation, leg.route)) return;
  allocations_.Remove(allocation, EndReason::kConnectionClosed);
}

void Server::Impl::HandleAllocationEnded(ShardId shard, AllocationId allocation,
                                         const MeterReading& totals) {
  allocations_.Ended(shard, allocation, totals);
}

void Server::Impl::HandleIcmp(const Endpoint& source, const Endpoint& peer, uint8_t type,
                              uint8_t code, uint32_t error_data) {
  const bool v4 = source.address.IsV4();
  const bool about_delivery = v4 ? type == 3 || type == 11 : type >= 1 && type <= 3;
  if (!about_delivery || peer.address.IsV4() != v4) return;
  const RelayPort relay = ports_.LookUpInUse(source);
  if (!relay.IsSet()) return;
  const bool tells_mtu = v4 ? type == 3 && code == 4 : type == 2;
  dataplane_.Submit(config_.node.OwnerOfPort(relay.port),
                    RelayIcmp{relay, peer, type, code, tells_mtu ? error_data : 0});
}

void Server::Impl::Advance(Now now) {
  allocations_.Advance(now);
  reservations_.Advance(now.monotonic);
}

size_t Server::Impl::IdleBytesPerAllocation() const {
  const size_t capacity = size_t{config_.node.shards} * config_.node.allocations_per_shard;
  return (allocations_.bytes() + ports_.bytes() + reservations_.bytes()) /
         std::max<size_t>(capacity, 1);
}

size_t Server::Impl::BytesPerAllocation() const {
  const size_t capacity = size_t{config_.node.shards} * config_.node.allocations_per_shard;
  return IdleBytesPerAllocation() + allocations_.peers().bytes() / std::max<size_t>(capacity, 1);
}

Server::Server(ServerConfig config, Dataplane& dataplane, auth::Authenticator& authenticator,
               std::shared_ptr<const access::Snapshot> access)
    : impl_(
          std::make_unique<Impl>(std::move(config), dataplane, authenticator, std::move(access))) {}
Server::~Server() = default;

void Server::HandleRequest(const ClientLeg& leg, stun::Bytes datagram, Now now) {
  impl_->HandleRequest(leg, datagram, now);
}
void Server::HandleUnknownClient(ShardId shard, const ClientTuple& tuple) {
  impl_->HandleUnknownClient(shard, tuple);
}
void Server::HandleConnectionClosed(const ClientLeg& leg) { impl_->HandleConnectionClosed(leg); }
void Server::HandleAllocationEnded(ShardId shard, AllocationId allocation,
                                   const MeterReading& totals) {
  impl_->HandleAllocationEnded(shard, allocation, totals);
}
void Server::HandleIcmp(const Endpoint& source, const Endpoint& peer, uint8_t type, uint8_t code,
                        uint32_t error_data) {
  impl_->HandleIcmp(source, peer, type, code, error_data);
}
void Server::Advance(Now now) { impl_->Advance(now); }
void Server::Use(std::shared_ptr<const access::Snapshot> access) { impl_->Use(std::move(access)); }
bool Server::ReviewSlice(Now now) { return impl_->ReviewSlice(now); }
Operator& Server::operators() { return impl_->operators(); }
const ServerStats& Server::stats() const { return impl_->stats(); }
size_t Server::BytesPerAllocation() const { return impl_->BytesPerAllocation(); }
size_t Server::IdleBytesPerAllocation() const { return impl_->IdleBytesPerAllocation(); }

}  // namespace causeway::turn
